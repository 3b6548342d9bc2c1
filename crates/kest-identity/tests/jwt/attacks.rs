//! Row 12 of the threat table: attacks with tokens, by name.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::Limits;
use serde_json::{Value, json};
use std::time::Duration;

use crate::endpoint::{Endpoint, publishing};
use crate::keys::SigningKey;
use crate::rig::{NOW, Rig, check_refused, signing_input, token, token_with};

/// Sends a token that holds but for these changes, and checks the reason of the refusal.
async fn check_changed(header: Value, claims: Value, kind: &str) {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    rig.send_token(&token(&key)).await.unwrap();
    check_refused(rig.send_token(&token_with(&key, &header, &claims)).await, kind);
    rig.check_fetches(1);
}

#[tokio::test]
async fn algorithm_none() {
    let rig = Rig::trusting([&SigningKey::ed25519("key-1", 1)]).await;
    for name in ["none", "None", "NONE", "nOnE"] {
        let signed = signing_input(&json!({"alg": name, "kid": "key-1"}), &json!({"sub": "user-1"}));
        check_refused(rig.send_token(&format!("{signed}.")).await, "not_compact");
        check_refused(rig.send_token(&format!("{signed}.AA")).await, "algorithm");
    }
    rig.check_fetches(0);
}

#[tokio::test]
async fn hmac_with_the_public_key_as_secret() {
    let key = SigningKey::rsa("key-1");
    let rig = Rig::trusting([&key]).await;
    let modulus = URL_SAFE_NO_PAD.decode(key.jwk()["n"].as_str().unwrap()).unwrap();
    for secret in [key.public_der(), modulus, key.jwk().to_string().into_bytes()] {
        let signed = signing_input(&json!({"alg": "HS256", "kid": "key-1"}), &json!({"sub": "user-1"}));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        check_refused(rig.send_token(&token).await, "algorithm");
    }
}

#[tokio::test]
async fn wrong_issuer() {
    check_changed(json!({}), json!({"iss": "https://issuer.example"}), "issuer").await;
    check_changed(json!({}), json!({"iss": null}), "issuer").await;
}

#[tokio::test]
async fn wrong_audience() {
    check_changed(json!({}), json!({"aud": "https://orders.example"}), "audience").await;
    check_changed(json!({}), json!({"aud": ["https://invoices.example/"]}), "audience").await;
    check_changed(json!({}), json!({"aud": null}), "audience").await;
}

#[tokio::test]
async fn expired() {
    check_changed(json!({}), json!({"exp": NOW - 5}), "expired").await;
    check_changed(json!({}), json!({"exp": 0}), "expired").await;
}

#[tokio::test]
async fn not_yet_valid() {
    check_changed(json!({}), json!({"nbf": NOW + 6}), "not_yet_valid").await;
    check_changed(json!({}), json!({"iat": NOW + 6}), "issued_in_future").await;
}

#[tokio::test]
async fn no_expiry() {
    check_changed(json!({}), json!({"exp": null}), "no_expiry").await;
    check_changed(json!({}), json!({"exp": (NOW + 100).to_string()}), "claim").await;
}

#[tokio::test]
async fn no_user() {
    check_changed(json!({}), json!({"sub": null}), "no_user").await;
    check_changed(json!({}), json!({"sub": ""}), "no_user").await;
}

#[tokio::test]
async fn no_key_id() {
    check_changed(json!({"kid": null}), json!({}), "no_key_id").await;
}

#[tokio::test]
async fn storm_of_unknown_key_ids() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    rig.send_token(&token(&key)).await.unwrap();
    let hostile =
        ["key-2", "../../key-1", "/etc/passwd", "' OR '1'='1", "key-1\0", "key-1 ", "KEY-1", "https://k"];
    for round in 1..=3 {
        for key_id in hostile {
            let forged = token_with(&key, &json!({"kid": key_id}), &json!({}));
            check_refused(rig.send_token(&forged).await, "unknown_key");
        }
        rig.send_token(&token(&key)).await.unwrap();
        // The first round falls into the cool-down of the first fetch.
        rig.check_fetches(round);
        rig.clock.advance(Duration::from_secs(10));
    }
}

#[tokio::test]
async fn key_set_of_the_attacker() {
    let attacker = SigningKey::ed25519("key-1", 66);
    let lure = Endpoint::answering(publishing([attacker.jwk()]));
    let genuine = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&genuine]).await;
    for header in [
        json!({"jku": lure.uri}),
        json!({"x5u": lure.uri}),
        json!({"jwk": attacker.jwk()}),
        json!({"x5c": ["MIIB"]}),
    ] {
        check_refused(rig.send_token(&token_with(&attacker, &header, &json!({}))).await, "own_key");
        check_refused(rig.send_token(&token_with(&genuine, &header, &json!({}))).await, "own_key");
    }
    check_refused(rig.send_token(&token(&attacker)).await, "signature");
    assert_eq!(lure.hits(), 0);
}

#[tokio::test]
async fn signature_of_something_else() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    let (good, other) = (token(&key), token_with(&key, &json!({}), &json!({"sub": "user-2"})));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (other_signed, other_signature) = other.rsplit_once('.').unwrap();
    for forged in [
        format!("{signed}.{other_signature}"),
        format!("{other_signed}.{signature}"),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{signed}.AA"),
        format!("{signed}.{signature}A"),
    ] {
        check_refused(rig.send_token(&forged).await, "signature");
    }
}

#[tokio::test]
async fn critical_extension() {
    check_changed(json!({"crit": ["exp"]}), json!({}), "extension").await;
    check_changed(json!({"crit": ["b64"], "b64": false}), json!({}), "extension").await;
}

#[tokio::test]
async fn token_of_another_type() {
    check_changed(json!({"typ": "JWS"}), json!({}), "type").await;
    check_changed(json!({"typ": "logout+jwt"}), json!({}), "type").await;
}

#[tokio::test]
async fn tokens_for_other_purposes_at_a_service_that_takes_plain_ones() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::configured(publishing([key.jwk()]), |builder| builder.accept_plain_jwt()).await;
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for (claims, kind) in [
        (json!({"nonce": "n-0S6_WzA2Mj"}), "id_token"),
        (json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}), "id_token"),
        (json!({"c_hash": "LDktKdoQak3Pk0cnXxCltA"}), "id_token"),
        (json!({ "events": logout }), "type"),
    ] {
        for typ in [json!("JWT"), json!(null), json!("at+jwt")] {
            let token = token_with(&key, &json!({ "typ": typ }), &claims);
            check_refused(rig.send_token(&token).await, kind);
        }
    }
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "application/logout+jwt", "LOGOUT+JWT"] {
        let token = token_with(&key, &json!({ "typ": typ }), &json!({}));
        check_refused(rig.send_token(&token).await, "type");
    }
}

#[tokio::test]
async fn doubled_members() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let header = part(r#"{"alg":"EdDSA","kid":"key-1"}"#);
    for signed in [
        format!("{header}.{}", part(r#"{"sub":"user-1","sub":"root"}"#)),
        format!("{}.{}", part(r#"{"alg":"EdDSA","alg":"EdDSA","kid":"key-1"}"#), part("{}")),
        format!("{header}.{}", part(r#"["sub"]"#)),
        format!("{header}.{}", part(&format!("{{\"x\":{}{}}}", "[".repeat(99), "]".repeat(99)))),
    ] {
        let signature = URL_SAFE_NO_PAD.encode(key.sign("EdDSA", signed.as_bytes()));
        check_refused(rig.send_token(&format!("{signed}.{signature}")).await, "malformed");
    }
}

#[tokio::test]
async fn oversize() {
    let rig = Rig::trusting([&SigningKey::ed25519("key-1", 1)]).await;
    let long = "e".repeat(Limits::default().token_bytes + 1);
    check_refused(rig.send_token(&long).await, "too_long");
    rig.check_fetches(0);
}

#[tokio::test]
async fn five_parts_and_other_shapes() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    let good = token(&key);
    for text in
        [format!("{good}.e30.e30"), format!("{good}.e30"), good.replacen('.', "", 1), ".".into(), "..".into()]
    {
        check_refused(rig.send_token(&text).await, "not_compact");
    }
    check_refused(rig.send_token(&format!("{good}=")).await, "not_compact");
    check_refused(rig.send_token("").await, "not_compact");
    rig.check_fetches(0);
}

#[tokio::test]
async fn several_or_foreign_credentials() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    let good = format!("Bearer {}", token(&key));
    check_refused(rig.send(&[&good, &good]).await, "several_credentials");
    check_refused(rig.send(&[&good, "Basic dTpw"]).await, "several_credentials");
    let lower = good.replace("Bearer", "bearer");
    check_refused(rig.send(&[&good, &lower]).await, "several_credentials");
    check_refused(rig.send(&[&format!("{good}, {lower}")]).await, "not_compact");
    check_refused(rig.send(&[&good.replace(' ', "\t")]).await, "not_bearer");
    check_refused(rig.send(&[&good.replace(' ', " \t")]).await, "not_compact");
    check_refused(rig.send(&[&good.replace("Bearer", "DPoP")]).await, "not_bearer");
    check_refused(rig.send(&["bearer   "]).await, "not_compact");
    check_refused(rig.send(&["Bearer "]).await, "not_compact");
    check_refused(rig.send(&["Bearer"]).await, "not_bearer");
    check_refused(rig.send(&["Basic dTpw"]).await, "not_bearer");
    rig.check_fetches(0);
}
