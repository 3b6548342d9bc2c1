//! Claims in the forms that issuers give them, and in those that mean nothing good.

use serde_json::json;

use super::*;

type Triple<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

#[track_caller]
fn check(names: &ClaimNames, claims: &Value, expected: Result<Triple<'_>, &str>) {
    let members = claims.as_object().unwrap();
    let identity =
        actors(members.get("act"), 8).and_then(|actors| names.identity(members, actors.first().copied()));
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
    for wrong in [json!("ops"), json!([7]), json!([""]), json!({})] {
        assert_eq!(attested(&json!({"sub": "u", "roles": wrong})), Err("claim"), "{wrong}");
    }
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
    for nested in [json!(null), json!("a"), json!({}), json!({"sub": ""}), json!({"sub": 1}), json!([])] {
        let claims = json!({"sub": "u", "act": {"sub": "a", "act": nested}});
        assert_eq!(attested(&claims), Err("claim"), "{claims}");
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
        (json!({"sub": "u", "scope": 7}), "claim"),
        (json!({"sub": "u", "scope": ["a", 7]}), "claim"),
        (json!({"sub": "u", "scope": ["a b"]}), "claim"),
        (json!({"sub": "u", "scope": [""]}), "claim"),
        (json!({"sub": "u", "act": "a"}), "claim"),
        (json!({"sub": "u", "act": null}), "claim"),
        (json!({"sub": "u", "act": {"sub": ""}}), "claim"),
        (json!({"sub": "u", "client_id": "c", "act": {}}), "claim"),
    ] {
        check(&ClaimNames::default(), &claims, Err(kind));
    }
}
