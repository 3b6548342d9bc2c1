//! Claims that a service asked to be kept: those of a verified token, and no others.

use kest_core::{JsonObject, Limits};
use kest_identity::{JwtAuthenticator, JwtBuildError, TrustedIssuer};
use serde_json::{Value, json};

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::rig::{Rig, check_refused, token_with};

const KEPT: [&str; 3] = ["tenant_plan", "groups", "https://example.com/region"];

async fn rig(key: &SigningKey) -> Rig {
    Rig::configured(publishing([key.jwk()]), |builder| builder.keep_claims(KEPT)).await
}

#[tokio::test]
async fn claims_that_were_asked_for_are_there_and_others_are_not() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = rig(&key).await;
    let claims = json!({"tenant_plan": "gold", "groups": ["a", "b"], "email": "alice@example.com"});
    let token = token_with(&key, &json!({}), &claims);
    // Also for a token that is remembered.
    for _time in 0..2 {
        let caller = rig.send_token(&token).await.unwrap();
        assert_eq!(caller.claim("tenant_plan").and_then(|plan| plan.as_text()), Some("gold"));
        let groups = caller.claim("groups").unwrap();
        assert_eq!((groups.as_text(), groups.json()), (None, r#"["a","b"]"#));
        assert_eq!(groups.read::<Vec<String>>().unwrap(), ["a", "b"]);
        assert!(caller.claim("email").is_none() && caller.claim("sub").is_none());
        assert!(caller.claim("https://example.com/region").is_none());
        let all = caller.claims().map(JsonObject::as_str);
        assert_eq!(all, Some(r#"{"groups":["a","b"],"tenant_plan":"gold"}"#));
    }
    let bare = rig.send_token(&token_with(&key, &json!({}), &json!({}))).await.unwrap();
    assert!(bare.claims().is_none());
}

/// Attack: a claim in a token that another key signed, or in the part of a token that no signature covers.
#[tokio::test]
async fn claims_of_a_token_that_does_not_hold_are_never_kept() {
    let (key, other) = (SigningKey::ed25519("key-1", 1), SigningKey::ed25519("key-1", 2));
    let rig = rig(&key).await;
    let forged = token_with(&other, &json!({}), &json!({"tenant_plan": "gold"}));
    check_refused(rig.send_token(&forged).await, "signature");
}

/// Attack: a claim so large, or so strange, that a policy takes it for absent.
#[tokio::test]
async fn claim_that_cannot_be_kept_makes_the_token_invalid() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = rig(&key).await;
    let most = Limits::default().token_claim_bytes - 2;
    let with = |plan: Value| token_with(&key, &json!({}), &json!({ "tenant_plan": plan }));
    assert!(rig.send_token(&with(json!("x".repeat(most)))).await.is_ok());
    check_refused(rig.send_token(&with(json!("x".repeat(most + 1)))).await, "kept_claim");
    check_refused(rig.send_token(&with(json!(9_007_199_254_740_993_u64))).await, "kept_claim");
    let deep = (0..10).fold(json!(1), |inner, _| json!([inner]));
    check_refused(rig.send_token(&with(deep)).await, "kept_claim");
}

/// Attack: a log line about a caller, which tells what an issuer says about people.
#[tokio::test]
async fn claims_stay_out_of_debug_output() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = rig(&key).await;
    let caller =
        rig.send_token(&token_with(&key, &json!({}), &json!({"tenant_plan": "gold-42"}))).await.unwrap();
    assert!(!format!("{caller:?}").contains("gold-42"));
}

#[test]
fn more_claims_than_the_limit_or_nameless_ones_do_not_start() {
    let build = |names: Vec<String>| {
        let issuer = TrustedIssuer::new("https://issuer.example/").audience("orders").keep_claims(names);
        JwtAuthenticator::builder().trust(issuer).build().map(drop)
    };
    assert!(matches!(build(vec![String::new()]), Err(JwtBuildError::NamelessClaim)));
    let many = |count: usize| (0..count).map(|place| format!("claim-{place}")).collect::<Vec<_>>();
    assert!(build(many(16)).is_ok());
    assert!(matches!(build(many(17)), Err(JwtBuildError::TooManyClaims)));
}
