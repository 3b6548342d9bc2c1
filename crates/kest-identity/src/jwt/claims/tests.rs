//! Claims in the forms that issuers give them, and in those that mean nothing good.

use serde_json::json;

use super::*;

type Triple<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

#[track_caller]
fn check(names: &ClaimNames, claims: &Value, expected: Result<Triple<'_>, &str>) {
    let members = claims.as_object().unwrap();
    let limits = Limits::default();
    let actors = Actors::read(members.get("act"), &limits);
    let identity = actors.and_then(|actors| names.identity(members, actors.current(), &limits));
    let found = identity.as_ref().map(|identity| (identity.user(), identity.agent(), identity.task()));
    assert_eq!(found.map_err(|invalid| invalid.kind()), expected, "{claims}");
}

fn attested(claims: &Value) -> Result<Attested, &'static str> {
    let members = claims.as_object().unwrap();
    let attested =
        ClaimNames::default().attested(members, IdentitySource::Jwt, &Grants::all(), &Limits::default());
    attested.map_err(|invalid| invalid.kind())
}

#[test]
fn default_names_are_mapped() {
    for (claims, agent, task) in [
        (json!({"sub": "u"}), None, None),
        (json!({"sub": "u", "client_id": "c", "azp": "z", "scope": "a b"}), Some("c"), Some("a b")),
        (json!({"sub": "u", "azp": "z", "scope": ["a", "b"]}), Some("z"), Some("a b")),
        (json!({"sub": "u", "client_id": null, "azp": "z", "scope": null}), Some("z"), None),
        (json!({"sub": "u", "client_id": "", "azp": "z", "scope": ""}), Some("z"), None),
        (json!({"sub": "u", "client_id": "c", "act": {"sub": "a", "act": {"sub": "b"}}}), Some("a"), None),
    ] {
        check(&ClaimNames::default(), &claims, Ok((Some("u"), agent, task)));
    }
}

#[test]
fn configured_names_are_mapped() {
    let names = ClaimNames::default().with_user("email").with_agents(["appid"]).with_task("scp");
    let claims = json!({"sub": "u", "email": "e", "client_id": "c", "appid": "a", "scope": "x", "scp": "y"});
    check(&names, &claims, Ok((Some("e"), Some("a"), Some("y"))));
    check(&names, &json!({"sub": "u"}), Err("no_user"));
}

#[test]
fn scopes_and_roles_are_sets_of_texts() {
    let with = |scopes: &[&str], roles: &[&str]| {
        let identity = Identity::default().with_user("u").with_task(scopes.join(" "));
        Ok(Attested::new(identity, IdentitySource::Jwt)
            .with_scopes(scopes.iter().copied())
            .with_roles(roles.iter().copied())
            .with_subject("u"))
    };
    let both = json!({"sub": "u", "scope": "write read", "roles": ["ops", "dev", "ops"]});
    assert_eq!(attested(&both), with(&["write", "read"], &["dev", "ops"]));
    let array = json!({"sub": "u", "scope": ["write", "read"], "roles": null});
    assert_eq!(attested(&array), with(&["write", "read"], &[]));
}

#[test]
fn grants_that_cannot_be_read_grant_nothing_and_refuse_no_token() {
    let with = |scopes: &[&str], roles: &[&str]| {
        let identity = Identity::default().with_user("u");
        let identity = if scopes.is_empty() { identity } else { identity.with_task(scopes.join(" ")) };
        Ok(Attested::new(identity, IdentitySource::Jwt)
            .with_scopes(scopes.iter().copied())
            .with_roles(roles.iter().copied())
            .with_subject("u"))
    };
    for odd in [json!(7), json!([7]), json!([""]), json!({}), json!([[]]), json!(true), json!({"value": 7})] {
        assert_eq!(attested(&json!({"sub": "u", "roles": odd, "scope": odd})), with(&[], &[]), "{odd}");
    }
    let scim = json!({"sub": "u", "roles": [{"value": "ops"}, 7, "dev"], "scope": ["read", {"a": 1}]});
    assert_eq!(attested(&scim), with(&["read"], &["dev", "ops"]));
    assert_eq!(attested(&json!({"sub": "u", "roles": "ops"})), with(&[], &["ops"]));
}

#[test]
fn claims_inside_of_others_are_found_and_roles_of_several_are_joined() {
    let names = ClaimNames::default()
        .with_user(["profile", "name"])
        .with_agents([ClaimPath::from(["client", "id"]), "azp".into()])
        .with_task("scp")
        .with_scopes("scp")
        .with_roles(["realm_access", "roles"])
        .and_roles(["resource_access", "shop.example", "roles"])
        .and_roles("https://example.com/roles");
    let claims = json!({
        "profile": {"name": "alice"}, "client": {"id": "app"}, "azp": "other", "scp": ["read"],
        "roles": ["root"], "realm_access": {"roles": ["offline", "clerk"]},
        "resource_access": {"shop.example": {"roles": ["buyer"]}, "other": {"roles": ["root"]}},
        "https://example.com/roles": [{"value": "auditor"}, "clerk"],
    });
    let identity = Identity::default().with_user("alice").with_agent("app").with_task("read");
    let expected = Attested::new(identity, IdentitySource::Jwt)
        .with_scopes(["read"])
        .with_roles(["auditor", "buyer", "clerk", "offline"]);
    let read =
        names.attested(claims.as_object().unwrap(), IdentitySource::Jwt, &Grants::all(), &Limits::default());
    assert_eq!(read.unwrap(), expected);
    for odd in [json!("clerk"), json!(["clerk"]), json!(null), json!({"roles": {"clerk": true}})] {
        let claims = json!({"profile": {"name": "alice"}, "realm_access": odd, "resource_access": odd});
        let read = names.attested(
            claims.as_object().unwrap(),
            IdentitySource::Jwt,
            &Grants::all(),
            &Limits::default(),
        );
        let bare = Identity::default().with_user("alice");
        assert_eq!(read.unwrap(), Attested::new(bare, IdentitySource::Jwt), "{odd}");
    }
}

#[test]
fn only_what_may_be_granted_is_granted() {
    let claims = json!({"sub": "u", "scope": "read write", "roles": ["admin", "buyer"]});
    let grants = Grants::none().with_scopes(["read", "other"]).with_roles(["buyer"]);
    let read = ClaimNames::default().attested(
        claims.as_object().unwrap(),
        IdentitySource::Jwt,
        &grants,
        &Limits::default(),
    );
    let identity = Identity::default().with_user("u").with_task("read write");
    let expected = Attested::new(identity, IdentitySource::Jwt)
        .with_scopes(["read"])
        .with_roles(["buyer"])
        .with_subject("u");
    assert_eq!(read.unwrap(), expected);
}

#[test]
fn names_over_the_bound_are_refused_and_a_task_over_it_is_none() {
    let most = Limits::default().token_name_bytes;
    let (long, longest) = ("n".repeat(most + 1), "n".repeat(most));
    check(&ClaimNames::default(), &json!({ "sub": longest }), Ok((Some(&longest), None, None)));
    for claims in [
        json!({ "sub": long }),
        json!({"sub": "u", "client_id": long}),
        json!({"sub": "u", "act": {"sub": long}}),
    ] {
        check(&ClaimNames::default(), &claims, Err("claim"));
    }
    assert_eq!(attested(&json!({"sub": "u", "act": {"sub": "a", "act": {"sub": long}}})), Err("claim"));
    let names = ClaimNames::default().with_user("name");
    let long_subject = json!({"name": "u", "sub": long});
    let read = |claims: &Value| {
        names.attested(claims.as_object().unwrap(), IdentitySource::Jwt, &Grants::all(), &Limits::default())
    };
    assert_eq!(read(&long_subject).unwrap_err().kind(), "claim");
    let scopes: Vec<_> = (0..most / 100 + 2).map(|at| format!("{at:0100}")).collect();
    check(&ClaimNames::default(), &json!({"sub": "u", "scope": scopes}), Ok((Some("u"), None, None)));
}

#[test]
fn everybody_who_acts_is_named_and_the_chain_is_bounded() {
    let chain = |length: usize| {
        let innermost = json!({"sub": format!("actor-{length}")});
        (1..length).rev().fold(innermost, |act, place| json!({"sub": format!("actor-{place}"), "act": act}))
    };
    let attested_of = |length| attested(&json!({"sub": "u", "client_id": "c", "act": chain(length)}));
    let expected = |length: usize| {
        let actors: Vec<_> = (1..=length).map(|place| format!("actor-{place}")).collect();
        let identity = Identity::default().with_user("u").with_agent("actor-1");
        Ok(Attested::new(identity, IdentitySource::Jwt).with_actors(actors).with_subject("u"))
    };
    for length in [1, 2, 8] {
        assert_eq!(attested_of(length), expected(length));
    }
    assert_eq!(attested_of(9), Err("claim"));
    for nested in [json!(null), json!("a"), json!([]), json!([{"sub": "b"}])] {
        let claims = json!({"sub": "u", "act": {"sub": "a", "act": nested}});
        assert_eq!(attested(&claims), Err("claim"), "{claims}");
    }
    let nameless = (0..8).fold(json!({}), |act, _| json!({ "act": act }));
    assert_eq!(attested(&json!({"sub": "u", "act": {"sub": "a", "act": nameless}})), Err("claim"));
}

#[test]
fn a_prior_actor_needs_no_name_and_the_current_one_may_be_a_client() {
    let expected = |actors: &[&str]| {
        let identity = Identity::default().with_user("u").with_agent(actors[0]);
        Ok(Attested::new(identity, IdentitySource::Jwt).with_actors(actors.iter().copied()).with_subject("u"))
    };
    for prior in [json!({}), json!({"iss": "https://i"}), json!({"sub": ""}), json!({"sub": 1})] {
        let claims = json!({"sub": "u", "act": {"sub": "a", "act": prior}});
        assert_eq!(attested(&claims), expected(&["a"]), "{claims}");
    }
    let skipped = json!({"sub": "a", "act": {"act": {"client_id": "c"}}});
    assert_eq!(attested(&json!({"sub": "u", "act": skipped})), expected(&["a", "c"]));
    let client = json!({"client_id": "app", "iss": "https://i"});
    assert_eq!(attested(&json!({"sub": "u", "client_id": "other", "act": client})), expected(&["app"]));
    for nameless in [
        json!({"client_id": ""}),
        json!({"client_id": 1}),
        json!({"iss": "i"}),
        json!({"sub": 1, "client_id": "app"}),
    ] {
        assert_eq!(attested(&json!({"sub": "u", "act": nameless})), Err("claim"), "{nameless}");
    }
}

#[test]
fn subject_is_kept_beside_a_user_of_another_name() {
    let names = ClaimNames::default().with_user("email");
    let read = |claims: Value| {
        let members = claims.as_object().unwrap();
        let attested = names.attested(members, IdentitySource::Jwt, &Grants::all(), &Limits::default());
        attested.map_err(|invalid| invalid.kind())
    };
    let bare = || Attested::new(Identity::default().with_user("e"), IdentitySource::Jwt);
    assert_eq!(read(json!({"email": "e", "sub": "s"})), Ok(bare().with_subject("s")));
    assert_eq!(read(json!({"email": "e"})), Ok(bare()));
    for subject in [json!(7), json!(""), json!(null)] {
        assert_eq!(read(json!({"email": "e", "sub": subject})), Err("claim"), "{subject}");
    }
}

#[test]
fn malformed_claims_are_refused() {
    for (claims, kind) in [
        (json!({}), "no_user"),
        (json!({"sub": ""}), "no_user"),
        (json!({"sub": 7}), "no_user"),
        (json!({"sub": ["u"]}), "no_user"),
        (json!({"sub": "u", "client_id": 7}), "claim"),
        (json!({"sub": "u", "azp": ["z"]}), "claim"),
        (json!({"sub": "u", "act": "a"}), "claim"),
        (json!({"sub": "u", "act": null}), "claim"),
        (json!({"sub": "u", "act": {"sub": ""}}), "claim"),
        (json!({"sub": "u", "client_id": "c", "act": {}}), "claim"),
    ] {
        check(&ClaimNames::default(), &claims, Err(kind));
    }
}

#[test]
fn empty_name_is_found_wherever_a_claim_is_named() {
    let names = ClaimNames::default;
    assert!(!names().is_nameless());
    for nameless in [
        names().with_user(""),
        names().with_agents(["client_id", ""]),
        names().with_task(["a", ""]),
        names().with_scopes(""),
        names().with_roles(""),
        names().and_roles(["", "b"]),
    ] {
        assert!(nameless.is_nameless(), "{nameless:?}");
    }
}
