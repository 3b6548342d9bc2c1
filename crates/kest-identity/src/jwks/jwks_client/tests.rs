//! What comes through the seam to the other crate, and what does not.

use jwks_client_rs::{JsonWebKeySet, JwksClientError};
use serde_json::json;

use super::*;
use crate::jwks::SkippedKey;

struct Source(Value);

#[async_trait]
impl JwksSource for Source {
    async fn fetch_keys(&self) -> Result<JsonWebKeySet, JwksClientError> {
        serde_json::from_value(self.0.clone()).map_err(|_unreadable| {
            let none = jsonwebtoken::errors::ErrorKind::InvalidKeyFormat;
            jsonwebtoken::errors::Error::from(none).into()
        })
    }
}

async fn fetch(keys: Value) -> Result<KeySet, FetchError> {
    JwksClientKeys::new(Source(json!({ "keys": keys })), &Limits::default()).fetch().await
}

fn rsa(key_id: &str, purpose: Option<&str>) -> Value {
    // The last digit of 256 bytes in base64url has four bits to spare.
    let n = format!("{}w", "_".repeat(341));
    let mut jwk = json!({"kty": "RSA", "kid": key_id, "alg": "RS256", "n": n, "e": "AQAB"});
    if let Some(purpose) = purpose {
        jwk["use"] = purpose.into();
    }
    jwk
}

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"})
}

#[tokio::test]
async fn keys_of_every_type_come_through() {
    let set = fetch(json!([rsa("plain", None), rsa("sig", Some("sig")), p256(), ed25519()])).await.unwrap();
    assert_eq!(set.key_ids(), ["ec", "ed", "plain", "sig"]);
    assert_eq!(set.skipped_keys(), 0);
}

#[tokio::test]
async fn key_for_encryption_or_with_a_weak_number_is_left_out_and_counted() {
    let mut weak = rsa("weak", None);
    weak["n"] = "AQAB".into();
    let mut wrong = ed25519();
    wrong["alg"] = "RS256".into();
    let set = fetch(json!([rsa("enc", Some("enc")), weak, wrong, p256()])).await.unwrap();
    assert_eq!(set.key_ids(), ["ec"]);
    for reason in [SkippedKey::NotForVerifying, SkippedKey::Weak, SkippedKey::Unsupported] {
        assert_eq!(set.skipped(reason), 1, "{reason:?}");
    }
}

#[tokio::test]
async fn set_that_the_source_cannot_read_is_a_failed_fetch_and_no_empty_set() {
    let failed = fetch(json!([p256(), {"kty": "AKP", "kid": "pq"}])).await.unwrap_err();
    assert_eq!(failed.kind(), "source");
}

#[tokio::test]
async fn source_cannot_bring_more_keys_than_are_kept() {
    let many = (0..150).map(|number| {
        let mut key = ed25519();
        key["kid"] = number.to_string().into();
        key
    });
    let set = fetch(many.collect()).await.unwrap();
    assert_eq!((set.len(), set.skipped(SkippedKey::TooMany)), (100, 50));
}
