//! What a refused caller is told, and that nothing of it comes from the request.

use kest_core::{Authenticate, AuthenticateError};
use serde_json::json;

use crate::endpoint::{Answer, publishing};
use crate::keys::SigningKey;
use crate::rig::{Rig, token, token_with};

fn key() -> SigningKey {
    SigningKey::ed25519("key-1", 1)
}

fn told(rig: &Rig, error: &AuthenticateError) -> Option<Vec<String>> {
    let challenge = rig.authenticator.challenge(error)?;
    assert_eq!(challenge.dpop_nonce(), None);
    Some(challenge.authenticate().iter().map(ToString::to_string).collect())
}

async fn refused(rig: &Rig, authorization: &[&str]) -> AuthenticateError {
    rig.send(authorization).await.unwrap_err()
}

#[tokio::test]
async fn missing_token_is_challenged_without_an_error_code() {
    let rig = Rig::trusting([&key()]).await;
    let missing = refused(&rig, &[]).await;
    assert_eq!(told(&rig, &missing), Some(vec!["Bearer".into()]));
}

#[tokio::test]
async fn every_bad_token_is_answered_alike() {
    let rig = Rig::trusting([&key()]).await;
    let expired = format!("Bearer {}", token_with(&key(), &json!({}), &json!({"exp": 1})));
    let hostile = "Bearer \"\r\nset-cookie: a=b";
    for sent in [expired.as_str(), "Bearer a.b.c", "Bearer ", hostile] {
        let error = refused(&rig, &[sent]).await;
        assert_eq!(told(&rig, &error), Some(vec![r#"Bearer error="invalid_token""#.into()]), "{sent}");
    }
}

/// RFC 6750 section 3.1: an authentication method that is not supported is not told of an error.
#[tokio::test]
async fn other_scheme_is_refused_and_challenged_like_no_token_at_all() {
    let rig = Rig::trusting([&key()]).await;
    for sent in ["Basic dTpw", "DPoP a.b.c", "Bearer", "bearers a.b.c", ""] {
        let error = refused(&rig, &[sent]).await;
        assert_eq!(told(&rig, &error), Some(vec!["Bearer".into()]), "{sent}");
    }
}

#[tokio::test]
async fn configured_texts_are_told() {
    let rig = Rig::configured(publishing([key().jwk()]), |builder| {
        builder
            .realm("orders")
            .resource_metadata("https://orders.example/.well-known/oauth-protected-resource")
    });
    let rig = rig.await;
    let metadata = r#"resource_metadata="https://orders.example/.well-known/oauth-protected-resource""#;
    let missing = refused(&rig, &[]).await;
    assert_eq!(told(&rig, &missing), Some(vec![format!(r#"Bearer realm="orders", {metadata}"#)]));
    let invalid = refused(&rig, &["Bearer a.b.c"]).await;
    let expected = format!(r#"Bearer realm="orders", error="invalid_token", {metadata}"#);
    assert_eq!(told(&rig, &invalid), Some(vec![expected]));
}

#[tokio::test]
async fn caller_is_not_challenged_for_an_outage_of_ours() {
    let rig = Rig::asking(Answer::Status("500 Internal Server Error".to_owned())).await;
    let unavailable = rig.send_token(&token(&key())).await.unwrap_err();
    assert!(matches!(unavailable, AuthenticateError::Unavailable(_)));
    assert_eq!(told(&rig, &unavailable), None);
}
