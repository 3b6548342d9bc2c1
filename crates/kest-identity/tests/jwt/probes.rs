//! Fifteen probes at a service that was told issuer, audience and keys, and nothing else.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::rig::{NOW, Rig, check_refused, signing_input, token, token_with};

const HOUR: u64 = 60 * 60;

fn key() -> SigningKey {
    SigningKey::rsa("key-1")
}

/// A service that has just accepted a token of this key, so that what it refuses next is the probe.
async fn probed(key: &SigningKey) -> Rig {
    let rig = Rig::trusting([key]).await;
    assert_eq!(rig.send_token(&token(key)).await.unwrap().user(), Some("user-1"));
    rig
}

async fn check_probe(header: Value, claims: Value, kind: &str) {
    let key = key();
    let rig = probed(&key).await;
    check_refused(rig.send_token(&token_with(&key, &header, &claims)).await, kind);
}

#[tokio::test]
async fn unknown_crit_is_refused() {
    check_probe(json!({"crit": ["http://example.com/UNDEFINED"]}), json!({}), "extension").await;
}

#[tokio::test]
async fn id_token_is_refused() {
    for claims in [json!({"nonce": "n-0S6_WzA2Mj"}), json!({"at_hash": "x"}), json!({"c_hash": "x"})] {
        check_probe(json!({"typ": "JWT"}), claims.clone(), "type").await;
        check_probe(json!({"typ": null}), claims.clone(), "type").await;
        check_probe(json!({}), claims, "id_token").await;
    }
}

#[tokio::test]
async fn logout_token_is_refused() {
    let events = json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    check_probe(json!({"typ": "logout+jwt"}), events.clone(), "type").await;
    check_probe(json!({}), events, "type").await;
}

#[tokio::test]
async fn wrong_issuer_is_refused() {
    check_probe(json!({}), json!({"iss": "https://evil.example/"}), "issuer").await;
}

#[tokio::test]
async fn missing_issuer_is_refused() {
    check_probe(json!({}), json!({"iss": null}), "issuer").await;
}

#[tokio::test]
async fn missing_audience_is_refused() {
    check_probe(json!({}), json!({"aud": null}), "audience").await;
}

#[tokio::test]
async fn not_before_in_an_hour_is_refused() {
    check_probe(json!({}), json!({"nbf": NOW + HOUR}), "not_yet_valid").await;
}

#[tokio::test]
async fn issued_in_a_hundred_hours_is_refused() {
    let claims = json!({"iat": NOW + 100 * HOUR, "nbf": null, "exp": NOW + 101 * HOUR});
    check_probe(json!({}), claims, "issued_in_future").await;
}

#[tokio::test]
async fn expiry_in_a_far_year_is_refused() {
    let year_3000 = 32_503_680_000_u64;
    check_probe(json!({}), json!({"exp": year_3000}), "lives_too_long").await;
    check_probe(json!({}), json!({"exp": year_3000, "iat": null}), "lives_too_long").await;
    check_probe(json!({}), json!({"exp": NOW + 25 * HOUR}), "lives_too_long").await;
    check_probe(json!({}), json!({"exp": u64::MAX}), "claim").await;
}

async fn check_encryption_key(algorithm: Option<&str>) {
    let (good, encrypting) = (SigningKey::ed25519("key-1", 1), SigningKey::rsa("key-2"));
    let mut jwk = encrypting.jwk();
    jwk["use"] = json!("enc");
    if let Some(algorithm) = algorithm {
        jwk["alg"] = json!(algorithm);
    }
    let rig = Rig::asking(publishing([good.jwk(), jwk])).await;
    rig.send_token(&token(&good)).await.unwrap();
    check_refused(rig.send_token(&token(&encrypting)).await, "unknown_key");
}

#[tokio::test]
async fn signature_by_an_encryption_key_with_alg_is_refused() {
    check_encryption_key(Some("RS256")).await;
    check_encryption_key(Some("RSA-OAEP-256")).await;
}

#[tokio::test]
async fn signature_by_an_encryption_key_without_alg_is_refused() {
    check_encryption_key(None).await;
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let key = key();
    let rig = probed(&key).await;
    let good = format!("Bearer {}", token(&key));
    check_refused(rig.send(&[&good, &good]).await, "several_credentials");
}

#[tokio::test]
async fn hs256_with_the_public_key_is_refused() {
    let key = key();
    let rig = probed(&key).await;
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "key-1"});
    let good = token(&key);
    let claims = good.split('.').nth(1).unwrap();
    let signed = format!("{}.{claims}", signing_input(&header, &json!({})).split('.').next().unwrap());
    for secret in [key.public_der(), key.jwk().to_string().into_bytes()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        check_refused(rig.send_token(&forged).await, "algorithm");
    }
}

#[tokio::test]
async fn algorithm_none_is_refused() {
    let key = key();
    let rig = probed(&key).await;
    let unsigned = token_with(&key, &json!({"alg": "none"}), &json!({}));
    let (signed, _) = unsigned.rsplit_once('.').unwrap();
    check_refused(rig.send_token(&format!("{signed}.")).await, "not_compact");
    check_refused(rig.send_token(&unsigned).await, "algorithm");
}

#[tokio::test]
async fn duplicated_claim_is_refused() {
    let key = key();
    let rig = probed(&key).await;
    let good = token(&key);
    let mut parts = good.split('.');
    let header = parts.next().unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
    for doubled in [r#""sub":"root","#, r#""iss":"https://issuer.example/","#, r#""exp":1,"#] {
        let claims = claims.replacen('{', &format!("{{{doubled}"), 1);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign("RS256", signed.as_bytes()));
        check_refused(rig.send_token(&format!("{signed}.{signature}")).await, "malformed");
    }
}
