//! RFC 9449 section 4.3: each check, and the attack that it stands against.

use kest_core::{Confirmation, RequestTarget};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::dpop::DpopSettings;

use super::rig::{ClientKey, NOW, Request, Rig, TOKEN, check_refused, encoded, symmetric_proof};

/// Sends a proof that differs by these members from a good one, of the key that the token is bound to.
async fn check(header: serde_json::Value, claims: serde_json::Value, kind: &str) {
    let key = ClientKey::p256();
    check_refused(Rig::new().prove(&key, key.proof_with(&header, &claims)).await, kind);
}

#[tokio::test]
async fn a_good_proof_of_every_kind_of_key_is_accepted() {
    for key in [ClientKey::p256(), ClientKey::p384(), ClientKey::ed25519(), ClientKey::rsa()] {
        let confirmed = Rig::new().prove(&key, key.proof()).await.unwrap();
        assert_eq!(confirmed, Some(Confirmation::Jkt(key.thumbprint().into())));
    }
}

#[tokio::test]
async fn a_bound_token_without_proof_is_refused() {
    let request = Request { proofs: Vec::new(), ..Request::new(&ClientKey::p256(), "") };
    check_refused(Rig::new().send(&request).await, "no_proof");
}

#[tokio::test]
async fn two_proofs_are_refused_even_if_both_hold() {
    let key = ClientKey::p256();
    let other = key.proof_with(&json!({}), &json!({"jti": "proof-2"}));
    let request = Request { proofs: vec![key.proof(), other], ..Request::new(&key, "") };
    check_refused(Rig::new().send(&request).await, "several_proofs");
    let in_one_line = format!("{}, {}", key.proof(), key.proof());
    check_refused(Rig::new().prove(&key, in_one_line).await, "proof_malformed");
}

#[tokio::test]
async fn what_is_no_unambiguous_compact_jws_is_refused() {
    let key = ClientKey::p256();
    let good = key.proof();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()}).to_string();
    let claims = r#"{"jti":"proof-1","htm":"POST","htm":"GET"}"#;
    for proof in [
        String::new(),
        "...".to_owned(),
        signed.to_owned(),
        format!("{good}.{signature}"),
        format!("{signed}..{signature}"),
        format!(" {good}"),
        format!("{good}="),
        good.replacen('.', "=.", 1),
        "ä.ä.ä".to_owned(),
        key.proof_of("[]", "{}"),
        key.proof_of(&header, claims),
        key.proof_of(&header.replacen('{', r#"{"alg":"none","#, 1), "{}"),
        key.proof_of(&header, &format!(r#"{{"a":{}{}}}"#, "[".repeat(40), "]".repeat(40))),
    ] {
        let kind = if proof.ends_with('=') { "proof_signature" } else { "proof_malformed" };
        check_refused(Rig::new().prove(&key, proof).await, kind);
    }
}

#[tokio::test]
async fn an_oversize_proof_is_refused_before_it_is_read() {
    let key = ClientKey::p256();
    let proof = key.proof_with(&json!({"padding": "a".repeat(8 * 1024)}), &json!({}));
    check_refused(Rig::new().prove(&key, proof).await, "proof_too_long");
    for (length, kind) in [(8 * 1024, "proof_malformed"), (8 * 1024 + 1, "proof_too_long")] {
        check_refused(Rig::new().prove(&key, "x".repeat(length)).await, kind);
    }
}

#[tokio::test]
async fn a_proof_without_a_required_claim_is_refused() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        check(json!({}), json!({ name: null }), "proof_claim").await;
        check(json!({}), json!({ name: [1] }), "proof_claim").await;
        check(json!({}), json!({ name: "" }), "proof_claim").await;
    }
    check(json!({}), json!({"jti": "a".repeat(257)}), "proof_claim").await;
    check(json!({}), json!({"iat": -1}), "proof_claim").await;
    check(json!({}), json!({"iat": 1e300}), "proof_claim").await;
    check(json!({}), json!({"iat": NOW.to_string()}), "proof_claim").await;
    check(json!({}), json!({"nonce": 7}), "proof_claim").await;
}

#[tokio::test]
async fn a_token_of_another_type_is_no_proof() {
    for typ in ["at+jwt", "jwt", "JWT", "DPOP+JWT", "application/dpop+jwt", ""] {
        check(json!({"typ": typ}), json!({}), "proof_type").await;
    }
    check(json!({"typ": null}), json!({}), "proof_type").await;
    check(json!({"typ": ["dpop+jwt"]}), json!({}), "proof_type").await;
}

#[tokio::test]
async fn a_critical_extension_is_refused() {
    check(json!({"crit": ["exp"]}), json!({}), "proof_extension").await;
    check(json!({"b64": false}), json!({}), "proof_extension").await;
}

#[tokio::test]
async fn a_proof_with_algorithm_none_or_hs256_over_its_own_public_key_is_refused() {
    let key = ClientKey::p256();
    let claims = json!({
        "jti": "proof-1", "htm": "POST", "htu": "https://api.example/orders", "iat": NOW,
        "ath": encoded(&Sha256::digest(TOKEN)),
    });
    let none = json!({"typ": "dpop+jwt", "alg": "none", "jwk": key.jwk()});
    let unsigned = key.proof_of(&none.to_string(), &claims.to_string());
    let (signed, _) = unsigned.rsplit_once('.').unwrap();
    check_refused(Rig::new().prove(&key, format!("{signed}.")).await, "proof_algorithm");
    let secret = key.jwk().to_string();
    for jwk in [key.jwk(), json!({"kty": "oct", "k": encoded(secret.as_bytes())})] {
        let header = json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": jwk});
        let proof = symmetric_proof(&header, &claims, secret.as_bytes());
        check_refused(Rig::new().prove(&key, proof).await, "proof_algorithm");
    }
    for alg in ["None", "es256", "ES512", ""] {
        check(json!({"alg": alg}), json!({}), "proof_algorithm").await;
    }
    check(json!({"alg": null}), json!({}), "proof_algorithm").await;
}

#[tokio::test]
async fn an_algorithm_that_the_settings_leave_out_is_refused() {
    let settings = || DpopSettings::new().algorithms([crate::Algorithm::EdDsa]);
    let (wrong, right) = (ClientKey::p256(), ClientKey::ed25519());
    check_refused(Rig::with(settings()).prove(&wrong, wrong.proof()).await, "proof_algorithm");
    assert!(Rig::with(settings()).prove(&right, right.proof()).await.is_ok());
}

#[tokio::test]
async fn a_private_key_in_the_header_is_refused() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let key = ClientKey::p256();
        let mut jwk = key.jwk();
        jwk[member] = json!("c2VjcmV0");
        let proof = key.proof_with(&json!({"jwk": jwk}), &json!({}));
        check_refused(Rig::new().prove(&key, proof).await, "proof_private_key");
    }
}

#[tokio::test]
async fn a_header_without_a_usable_public_key_is_refused() {
    let other = ClientKey::ed25519().jwk();
    for jwk in [
        json!(null),
        json!("key"),
        json!({}),
        json!({"kty": "EC", "crv": "P-256"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "oct"}),
        json!({"kty": "RSA", "n": encoded(&[0xff; 128]), "e": "AQAB"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(&[0; 32])}),
        other,
    ] {
        check(json!({"jwk": jwk}), json!({}), "proof_key").await;
    }
    let mut jwk = ClientKey::p256().jwk();
    jwk["use"] = json!("enc");
    check(json!({"jwk": jwk}), json!({}), "proof_key").await;
}

#[tokio::test]
async fn a_proof_that_another_key_signed_is_refused() {
    let (owner, thief) = (ClientKey::p256(), ClientKey::p256());
    let forged = thief.proof_with(&json!({"jwk": owner.jwk()}), &json!({}));
    check_refused(Rig::new().prove(&owner, forged).await, "proof_signature");
    let good = owner.proof();
    let (signed, _) = good.rsplit_once('.').unwrap();
    check_refused(Rig::new().prove(&owner, format!("{signed}.")).await, "proof_signature");
}

#[tokio::test]
async fn a_thief_with_a_key_of_his_own_is_refused() {
    let (owner, thief) = (ClientKey::p256(), ClientKey::p256());
    check_refused(Rig::new().prove(&owner, thief.proof()).await, "proof_other_key");
}

#[tokio::test]
async fn a_proof_for_another_method_is_refused() {
    for method in ["GET", "post", "POST ", "PUT"] {
        check(json!({}), json!({"htm": method}), "proof_method").await;
    }
}

#[tokio::test]
async fn a_proof_for_another_address_is_refused() {
    for address in [
        "https://evil.example/orders",
        "https://api.example/payments",
        "https://api.example/orders/",
        "http://api.example/orders",
        "https://api.example:8443/orders",
        "/orders",
    ] {
        check(json!({}), json!({"htu": address}), "proof_address").await;
    }
    let key = ClientKey::p256();
    let target = Some(RequestTarget::new("POST", Some("evil.example"), "/orders"));
    let proof = key.proof_with(&json!({}), &json!({"htu": "https://evil.example/orders"}));
    let led_on = Request { target, ..Request::new(&key, proof) };
    check_refused(Rig::new().send(&led_on).await, "proof_address");
}

#[tokio::test]
async fn a_query_is_no_part_of_the_address() {
    let key = ClientKey::p256();
    let proof = key.proof_with(&json!({}), &json!({"htu": "HTTPS://API.example:443/%6Frders?page=2#top"}));
    assert!(Rig::new().prove(&key, proof).await.is_ok());
}

#[tokio::test]
async fn an_unknown_target_is_our_fault_and_never_accepted() {
    let key = ClientKey::p256();
    let request = Request { target: None, ..Request::new(&key, key.proof()) };
    check_refused(Rig::new().send(&request).await, "no_target");
}

#[tokio::test]
async fn a_proof_for_another_token_is_refused() {
    check(json!({}), json!({"ath": encoded(&Sha256::digest("another"))}), "proof_other_token").await;
    check(json!({}), json!({"ath": TOKEN}), "proof_other_token").await;
    let key = ClientKey::p256();
    let request = Request { token: "e30.e30.c2ln", ..Request::new(&key, key.proof()) };
    check_refused(Rig::new().send(&request).await, "proof_other_token");
}

#[tokio::test]
async fn a_stale_proof_is_refused_and_so_is_one_from_the_future() {
    for (iat, expected) in [
        (json!(NOW - 60), None),
        (json!(NOW - 61), Some("proof_stale")),
        (json!(0), Some("proof_stale")),
        (json!(NOW + 5), None),
        (json!(NOW + 6), Some("proof_future")),
        (json!(NOW * 1000), Some("proof_claim")),
    ] {
        let key = ClientKey::p256();
        let answer = Rig::new().prove(&key, key.proof_with(&json!({}), &json!({"iat": iat}))).await;
        match expected {
            Some(kind) => check_refused(answer, kind),
            None => assert!(answer.is_ok(), "{iat}"),
        }
    }
}
