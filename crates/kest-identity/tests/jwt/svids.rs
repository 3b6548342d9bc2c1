//! JWT-SVIDs: tokens of the workloads of a SPIFFE trust domain.

use kest_identity::{JwtAuthenticator, JwtBuildError, TrustedIssuer};
use serde_json::{Value, json};

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::rig::{AUDIENCE, ISSUER, NOW, Rig, check_refused, signed, token};

const CART: &str = "spiffe://example.org/ns/shop/sa/cart";

fn svid_jwk(key: &SigningKey) -> Value {
    let mut jwk = key.jwk();
    jwk["use"] = json!("jwt-svid");
    jwk
}

fn workloads() -> TrustedIssuer {
    TrustedIssuer::spiffe("example.org").audience("spiffe://example.org/orders")
}

async fn domain(key: &SigningKey) -> Rig {
    Rig::alone(svid_jwk(key), workloads()).await
}

fn claims(changes: &Value) -> Value {
    let mut claims =
        json!({"sub": CART, "aud": ["spiffe://example.org/orders"], "exp": NOW + 300, "iat": NOW});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn svid(key: &SigningKey, header: &Value, changes: &Value) -> String {
    let mut whole = json!({"alg": key.usual_algorithm().as_str()});
    whole.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    signed(key, &whole, &claims(changes))
}

#[tokio::test]
async fn workloads_of_the_trust_domain_are_believed_with_and_without_type_issuer_and_key_id() {
    let key = SigningKey::p256("svid-1");
    let rig = domain(&key).await;
    for header in
        [json!({}), json!({"typ": "JWT"}), json!({"typ": "JOSE"}), json!({"typ": "JOSE", "kid": "svid-1"})]
    {
        for issuer in [json!(null), json!("https://spire.example.org"), json!("spiffe://example.org")] {
            let who = rig.send_token(&svid(&key, &header, &json!({ "iss": issuer }))).await.unwrap();
            assert_eq!(
                (who.user(), who.issuer()),
                (Some(CART), Some("spiffe://example.org")),
                "{header} {issuer}"
            );
        }
    }
}

#[tokio::test]
async fn svid_of_another_trust_domain_or_of_none_is_refused() {
    let key = SigningKey::p256("svid-1");
    let rig = domain(&key).await;
    for subject in [
        "spiffe://evil.example/ns/shop/sa/cart",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org.evil.example/cart",
        "spiffe://example.org/../cart",
        "https://example.org/cart",
        "cart",
    ] {
        check_refused(rig.send_token(&svid(&key, &json!({}), &json!({ "sub": subject }))).await, "issuer");
    }
    check_refused(rig.send_token(&svid(&key, &json!({}), &json!({"sub": null}))).await, "issuer");
}

#[tokio::test]
async fn svid_must_have_an_audience_an_expiry_a_key_of_the_domain_and_no_other_type() {
    let (key, attacker) = (SigningKey::p256("svid-1"), SigningKey::p256("svid-1"));
    let rig = domain(&key).await;
    for (changes, kind) in [
        (json!({"aud": null}), "audience"),
        (json!({"aud": "spiffe://example.org/stock"}), "audience"),
        (json!({"exp": null}), "no_expiry"),
        (json!({"exp": NOW - 60}), "expired"),
    ] {
        check_refused(rig.send_token(&svid(&key, &json!({}), &changes)).await, kind);
    }
    for header in [json!({}), json!({"kid": "svid-1"})] {
        check_refused(rig.send_token(&svid(&attacker, &header, &json!({}))).await, "signature");
    }
    for typ in ["at+jwt", "logout+jwt", "JWS"] {
        check_refused(rig.send_token(&svid(&key, &json!({ "typ": typ }), &json!({}))).await, "type");
    }
    check_refused(rig.send_token(&svid(&key, &json!({"kid": "other"}), &json!({}))).await, "unknown_key");
    check_refused(rig.send_token(&svid(&key, &json!({"kid": ""}), &json!({}))).await, "no_key_id");
    let edwards = SigningKey::ed25519("svid-1", 1);
    check_refused(
        domain(&edwards).await.send_token(&svid(&edwards, &json!({}), &json!({}))).await,
        "algorithm",
    );
}

#[tokio::test]
async fn key_for_svids_proves_no_token_of_an_ordinary_issuer_and_the_other_way_round() {
    let key = SigningKey::p256("svid-1");
    let rig = Rig::configured(publishing([svid_jwk(&key)]), |builder| builder).await;
    check_refused(rig.send_token(&token(&key)).await, "unknown_key");
    let mut for_certificates = key.jwk();
    for_certificates["use"] = json!("x509-svid");
    let rig = Rig::alone(for_certificates, workloads()).await;
    check_refused(rig.send_token(&svid(&key, &json!({"kid": "svid-1"}), &json!({}))).await, "unknown_key");
    check_refused(rig.send_token(&svid(&key, &json!({}), &json!({}))).await, "signature");
}

#[tokio::test]
async fn ordinary_issuer_beside_a_trust_domain_still_wants_its_tokens_whole() {
    let (own, key) = (SigningKey::p256("key-1"), SigningKey::p256("svid-1"));
    let spire = crate::endpoint::Endpoint::answering(publishing([svid_jwk(&key)]));
    let trusted = workloads().jwks_uri(spire.uri.as_str());
    let rig = Rig::configured(publishing([own.jwk()]), |builder| builder.trust(trusted)).await;
    assert!(rig.send_token(&svid(&key, &json!({}), &json!({}))).await.is_ok());
    assert!(rig.send_token(&token(&own)).await.is_ok());
    // A name of ours in `iss` leads to our own rules, whatever `sub` says.
    let passed_off = json!({"iss": ISSUER, "aud": AUDIENCE});
    check_refused(rig.send_token(&svid(&key, &json!({"typ": "at+jwt"}), &passed_off)).await, "no_key_id");
    let by_own_key = svid(&own, &json!({"kid": "key-1"}), &json!({}));
    check_refused(rig.send_token(&by_own_key).await, "unknown_key");
}

#[test]
fn trust_domain_needs_a_name_and_a_place_of_its_keys() {
    let built = |trusted: TrustedIssuer| JwtAuthenticator::builder().trust(trusted).build().map(drop);
    assert!(matches!(built(workloads()), Err(JwtBuildError::NoKeys)));
    for name in ["", "Example.org", "example.org/cart", "example.org:8443"] {
        let trusted = TrustedIssuer::spiffe(name).audience("a").jwks_uri("https://spire.example.org/");
        assert!(matches!(built(trusted), Err(JwtBuildError::TrustDomain)), "{name}");
    }
    let with_scheme = TrustedIssuer::spiffe("spiffe://example.org").audience("a");
    assert!(built(with_scheme.jwks_uri("https://spire.example.org/")).is_ok());
}
