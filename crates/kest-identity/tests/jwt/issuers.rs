//! Several issuers: each proves its own tokens, by its own rules, and none speaks for another.

use std::time::{Duration, SystemTime};

use kest_core::Caller;
use kest_identity::{Algorithm, ClaimNames, Grants, KeysAtStart, NotReady, Readiness, TrustedIssuer};
use serde_json::{Value, json};

use crate::endpoint::{Answer, Endpoint, publishing};
use crate::keys::SigningKey;
use crate::rig::{AUDIENCE, ISSUER, NOW, Rig, check_refused, check_unavailable, token, token_with};

const PARTNER: &str = "https://partner.example/";
const PARTNER_AUDIENCE: &str = "orders";

/// A service that trusts two issuers whose keys have the same id.
struct Two {
    rig: Rig,
    partner: Endpoint,
    own_key: SigningKey,
    partner_key: SigningKey,
}

impl Two {
    async fn trusted(configure: impl FnOnce(TrustedIssuer) -> TrustedIssuer) -> Self {
        let (own_key, partner_key) = (SigningKey::ed25519("key-1", 1), SigningKey::ed25519("key-1", 2));
        let partner = Endpoint::answering(publishing([partner_key.jwk()]));
        let trusted =
            configure(TrustedIssuer::new(PARTNER).jwks_uri(partner.uri.as_str()).audience(PARTNER_AUDIENCE));
        let rig = Rig::configured(publishing([own_key.jwk()]), |builder| builder.trust(trusted)).await;
        Self { rig, partner, own_key, partner_key }
    }

    /// A token of the partner, unless it is changed.
    fn partner_token(&self, header: &Value, claims: &Value) -> String {
        partner_token(&self.partner_key, header, claims)
    }
}

fn partner_token(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let mut changed = json!({"iss": PARTNER, "aud": PARTNER_AUDIENCE});
    changed.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    token_with(key, header, &changed)
}

#[tokio::test]
async fn each_issuer_is_believed_about_its_own_tokens() {
    let two = Two::trusted(|partner| {
        partner
            .audience("https://orders.partner.example/")
            .claims(ClaimNames::default().with_user("email"))
            .tenant("partner")
    });
    let two = two.await;
    let own = two.rig.send_token(&token(&two.own_key)).await.unwrap();
    assert_eq!((own.user(), own.issuer(), own.tenant()), (Some("user-1"), Some(ISSUER), None));
    for audience in [PARTNER_AUDIENCE, "https://orders.partner.example/"] {
        let token = two.partner_token(&json!({}), &json!({"email": "e", "aud": audience}));
        let theirs = two.rig.send_token(&token).await.unwrap();
        assert_eq!(
            (theirs.user(), theirs.subject(), theirs.issuer(), theirs.tenant()),
            (Some("e"), Some("user-1"), Some(PARTNER), Some("partner"))
        );
    }
}

#[tokio::test]
async fn key_of_another_issuer_with_the_same_id_proves_nothing() {
    let two = Two::trusted(|partner| partner).await;
    two.rig.send_token(&two.partner_token(&json!({}), &json!({}))).await.unwrap();
    two.rig.send_token(&token(&two.own_key)).await.unwrap();
    check_refused(two.rig.send_token(&token(&two.partner_key)).await, "signature");
    let theirs_by_us = partner_token(&two.own_key, &json!({}), &json!({}));
    check_refused(two.rig.send_token(&theirs_by_us).await, "signature");
}

#[tokio::test]
async fn key_of_another_issuer_is_not_even_looked_for() {
    let (own, partner_only) = (SigningKey::ed25519("key-1", 1), SigningKey::ed25519("key-2", 2));
    let partner = Endpoint::answering(publishing([partner_only.jwk()]));
    let trusted = TrustedIssuer::new(PARTNER).jwks_uri(partner.uri.as_str()).audience(AUDIENCE);
    let rig = Rig::configured(publishing([own.jwk()]), |builder| builder.trust(trusted)).await;
    rig.authenticator.start().await.unwrap();
    assert_eq!((rig.endpoint.hits(), partner.hits()), (1, 1));
    rig.clock.advance(Duration::from_secs(20));
    check_refused(rig.send_token(&token(&partner_only)).await, "unknown_key");
    assert_eq!(partner.hits(), 1);
}

#[tokio::test]
async fn audience_of_another_issuer_is_none() {
    let two = Two::trusted(|partner| partner).await;
    let claims = json!({"aud": AUDIENCE});
    check_refused(two.rig.send_token(&two.partner_token(&json!({}), &claims)).await, "audience");
    let ours = token_with(&two.own_key, &json!({}), &json!({"aud": PARTNER_AUDIENCE}));
    check_refused(two.rig.send_token(&ours).await, "audience");
}

#[tokio::test]
async fn rules_of_one_issuer_do_not_soften_another() {
    let two = Two::trusted(|partner| {
        partner.accept_plain_jwt().dangerous_token_life(Duration::from_secs(1_000_000)).tenant_claim("tid")
    });
    let two = two.await;
    let (plain, claims) = (json!({"typ": "JWT"}), json!({"exp": NOW + 900_000, "tid": "t"}));
    let theirs = two.rig.send_token(&two.partner_token(&plain, &claims)).await.unwrap();
    assert_eq!(theirs.tenant(), Some("t"));
    check_refused(two.rig.send_token(&token_with(&two.own_key, &plain, &json!({}))).await, "type");
    let long = token_with(&two.own_key, &json!({}), &claims);
    check_refused(two.rig.send_token(&long).await, "lives_too_long");
    let own = token_with(&two.own_key, &json!({}), &json!({"tid": "t", "tenant": "t"}));
    assert_eq!(two.rig.send_token(&own).await.unwrap().tenant(), None);
}

#[tokio::test]
async fn algorithms_are_those_of_the_issuer() {
    let two = Two::trusted(|partner| partner.algorithms([Algorithm::Es256])).await;
    check_refused(two.rig.send_token(&two.partner_token(&json!({}), &json!({}))).await, "algorithm");
    assert_eq!(two.partner.hits(), 0);
}

#[tokio::test]
async fn tenant_is_what_the_configuration_says_and_no_claim() {
    let two = Two::trusted(|partner| partner.tenant("partner")).await;
    for name in ["tenant", "tid", "tenant_id", "org_id", "kest.tenant"] {
        let token = two.partner_token(&json!({}), &json!({ name: "victim" }));
        assert_eq!(two.rig.send_token(&token).await.unwrap().tenant(), Some("partner"), "{name}");
    }
}

#[tokio::test]
async fn token_that_names_no_tenant_is_refused_where_a_claim_must_name_it() {
    let two = Two::trusted(|partner| partner.tenant_claim("tid")).await;
    for tenant in [json!(null), json!(""), json!(7), json!(["t"])] {
        let token = two.partner_token(&json!({}), &json!({ "tid": tenant }));
        check_refused(two.rig.send_token(&token).await, "no_tenant");
    }
}

#[tokio::test]
async fn issuer_that_a_token_names_is_not_asked_unless_it_is_trusted() {
    let attacker = SigningKey::ed25519("key-1", 66);
    let lure = Endpoint::answering(publishing([attacker.jwk()]));
    let two = Two::trusted(|partner| partner).await;
    two.rig.authenticator.start().await.unwrap();
    let origin = lure.uri.trim_end_matches("/jwks.json");
    for issuer in [
        json!(origin),
        json!(lure.uri),
        json!(ISSUER.trim_end_matches('/')),
        json!(ISSUER.to_uppercase()),
        json!(format!("{ISSUER} ")),
        json!(format!("{ISSUER}\0")),
        json!(""),
        json!([ISSUER]),
        json!([ISSUER, PARTNER]),
        json!({ISSUER: ISSUER}),
        json!(7),
    ] {
        let claims = json!({ "iss": issuer });
        for key in [&attacker, &two.own_key, &two.partner_key] {
            check_refused(two.rig.send_token(&token_with(key, &json!({}), &claims)).await, "issuer");
        }
    }
    assert_eq!((lure.hits(), two.rig.authenticator.fetches()), (0, 2));
}

#[tokio::test]
async fn configured_life_of_tokens_is_honoured() {
    let two = Two::trusted(|partner| partner.token_life(Duration::from_secs(600))).await;
    let lives = |seconds: u64| two.partner_token(&json!({}), &json!({"iat": NOW, "exp": NOW + seconds}));
    two.rig.send_token(&lives(600)).await.unwrap();
    check_refused(two.rig.send_token(&lives(601)).await, "lives_too_long");
}

fn texts(names: &[std::sync::Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

#[tokio::test]
async fn principal_carries_all_that_was_proved() {
    let two = Two::trusted(|partner| partner.tenant("partner").grants(Grants::all())).await;
    let act = json!({"sub": "agent-3", "act": {"sub": "agent-2"}});
    let claims = json!({"act": act, "roles": ["ops", "dev"], "exp": NOW + 100});
    let who: Caller = two.rig.send_token(&two.partner_token(&json!({}), &claims)).await.unwrap();
    assert_eq!((who.issuer(), who.tenant(), who.subject()), (Some(PARTNER), Some("partner"), Some("user-1")));
    assert_eq!((who.user(), who.agent(), who.task()), (Some("user-1"), Some("agent-3"), Some("read write")));
    assert_eq!((texts(who.scopes()), texts(who.roles())), (vec!["read", "write"], vec!["dev", "ops"]));
    assert_eq!(texts(who.actors()), ["agent-3", "agent-2"]);
    assert_eq!(who.expires_at(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 100)));
    assert_eq!(who.confirmation(), None);
}

#[tokio::test]
async fn scopes_and_roles_of_several_issuers_count_as_far_as_each_may_grant_them() {
    let claims = json!({"scope": "read write", "roles": ["admin", "buyer"]});
    for (grants, scopes, roles) in [
        (None, vec![], vec![]),
        (Some(Grants::none().with_scopes(["read"]).with_roles(["buyer"])), vec!["read"], vec!["buyer"]),
        (Some(Grants::all()), vec!["read", "write"], vec!["admin", "buyer"]),
    ] {
        let two = Two::trusted(|partner| match grants.clone() {
            Some(grants) => partner.grants(grants),
            None => partner,
        });
        let two = two.await;
        let who: Caller = two.rig.send_token(&two.partner_token(&json!({}), &claims)).await.unwrap();
        assert_eq!((texts(who.scopes()), texts(who.roles())), (scopes, roles), "{grants:?}");
        assert_eq!(who.task(), Some("read write"));
        let own = two.rig.send_token(&token_with(&two.own_key, &json!({}), &claims)).await.unwrap();
        assert_eq!((own.scopes().len(), own.roles().len()), (0, 0));
    }
}

#[tokio::test]
async fn one_issuer_that_is_away_does_not_take_the_others_with_it() {
    let mut two = Two::trusted(|partner| partner).await;
    two.partner.go_down().await;
    assert!(two.rig.authenticator.start().await.is_err());
    two.rig.send_token(&token(&two.own_key)).await.unwrap();
    assert!(two.rig.send_token(&two.partner_token(&json!({}), &json!({}))).await.is_err());
}

#[tokio::test]
async fn issuer_and_audience_are_enough_to_find_the_keys() {
    let (own, key) = (SigningKey::ed25519("key-1", 1), SigningKey::ed25519("key-1", 2));
    let endpoint = Endpoint::answering(Answer::Silent);
    let issuer = endpoint.uri.trim_end_matches("/jwks.json").to_owned();
    // One document for both questions: where the keys are, and what they are.
    let body = json!({"issuer": issuer, "jwks_uri": endpoint.uri, "keys": [key.jwk()]}).to_string();
    endpoint.answer_with(Answer::Body(Some("application/json"), body));
    let trusted = TrustedIssuer::new(issuer.as_str()).audience(AUDIENCE);
    let rig = Rig::configured(publishing([own.jwk()]), |builder| builder.trust(trusted)).await;
    let token = token_with(&key, &json!({}), &json!({ "iss": issuer }));
    assert_eq!(rig.send_token(&token).await.unwrap().issuer(), Some(issuer.as_str()));
    assert_eq!((endpoint.hits(), rig.endpoint.hits()), (2, 0));
}

#[tokio::test]
async fn health_tells_which_issuer_is_not_ready() {
    let mut two = Two::trusted(|partner| partner).await;
    assert_eq!(two.rig.authenticator.readiness(), Readiness::NotReady(NotReady::NeverFetched));
    two.partner.go_down().await;
    two.rig.send_token(&token(&two.own_key)).await.unwrap();
    assert_eq!(two.rig.authenticator.readiness(), Readiness::NotReady(NotReady::NeverFetched));
    let health = two.rig.authenticator.health();
    let ready: Vec<_> =
        health.iter().map(|(name, health)| (&**name, health.readiness() == Readiness::Ready)).collect();
    assert_eq!(ready, [(ISSUER, true), (PARTNER, false)]);
    assert_eq!(health[ISSUER].key_ids, ["key-1"]);
}

#[tokio::test]
async fn service_may_start_while_an_issuer_is_away() {
    for (behaviour, starts) in [(KeysAtStart::Fail, false), (KeysAtStart::Serve503, true)] {
        let rig = Rig::configured(Answer::Status("500 Internal Server Error".to_owned()), |builder| {
            builder.keys_at_start(behaviour)
        });
        let rig = rig.await;
        assert_eq!(rig.authenticator.start().await.is_ok(), starts);
        check_unavailable(rig.send_token(&token(&SigningKey::ed25519("key-1", 1))).await, "status");
    }
}
