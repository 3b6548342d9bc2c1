//! Tokens that are bound to a key or a certificate: possession is proved with each request, remembered or not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{Authenticate, AuthenticateError, Caller, Challenge, Confirmation, PeerCertificate};
use kest_identity::{
    Algorithm, BindingError, DpopSettings, JwtAuthenticatorBuilder, Requirement, TrustedIssuer,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::meter::Meter;
use crate::rig::{NOW, Rig, check_refused, signing_input, token, token_with};

fn key() -> SigningKey {
    SigningKey::ed25519("key-1", 1)
}

/// The key of the client that tokens are bound to.
fn client() -> SigningKey {
    SigningKey::ed25519("client", 7)
}

fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// RFC 7638 section 3: the members that RFC 8037 section 2 requires, in order.
fn thumbprint(key: &SigningKey) -> String {
    sha256(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, key.jwk()["x"]))
}

fn bound_token() -> String {
    token_with(&key(), &json!({}), &json!({"cnf": {"jkt": thumbprint(&client())}}))
}

/// A proof of `key` for `token`, told apart by `id`.
fn proof(key: &SigningKey, token: &str, id: &str, more: &Value) -> String {
    let mut jwk = key.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk});
    let mut claims = json!({
        "jti": id, "htm": "POST", "htu": "https://orders.example/orders", "iat": NOW, "ath": sha256(token),
    });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let signed = signing_input(&header, &claims);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign("EdDSA", signed.as_bytes())))
}

fn at_orders() -> DpopSettings {
    DpopSettings::new().origins(["https://orders.example"])
}

async fn rig(configure: impl FnOnce(JwtAuthenticatorBuilder) -> JwtAuthenticatorBuilder) -> Rig {
    Rig::configured(publishing([key().jwk()]), |builder| configure(builder.dpop_settings(at_orders()))).await
}

#[track_caller]
fn check_unconfirmed(answer: &Result<Caller, AuthenticateError>, kind: &str) {
    let Err(AuthenticateError::Invalid(cause)) = answer else { panic!("expected {kind}, got {answer:?}") };
    assert_eq!(cause.downcast_ref::<BindingError>().map(BindingError::kind), Some(kind));
}

fn told(rig: &Rig, answer: Result<Caller, AuthenticateError>) -> (Vec<String>, Option<String>) {
    let challenge: Challenge = rig.authenticator.challenge(&answer.unwrap_err()).unwrap();
    let lines = challenge.authenticate().iter().map(ToString::to_string).collect();
    (lines, challenge.dpop_nonce().map(str::to_owned))
}

#[tokio::test]
async fn remembered_token_needs_a_new_proof_with_each_request() {
    let (meter, _metering) = Meter::listen();
    let rig = rig(|builder| builder.dpop(Requirement::Required)).await;
    let token = bound_token();
    let sent = format!("DPoP {token}");
    let first = proof(&client(), &token, "1", &json!({}));
    let who = rig.send_bound(&sent, &[&first], None).await.unwrap();
    assert_eq!(who.confirmation(), Some(&Confirmation::Jkt(thumbprint(&client()).into())));

    check_unconfirmed(&rig.send_bound(&sent, &[&first], None).await, "proof_replayed");
    check_unconfirmed(&rig.send_bound(&sent, &[], None).await, "no_proof");
    let thief = SigningKey::ed25519("thief", 66);
    let stolen = proof(&thief, &token, "2", &json!({}));
    check_unconfirmed(&rig.send_bound(&sent, &[&stolen], None).await, "proof_other_key");
    let bearer = format!("Bearer {token}");
    check_unconfirmed(&rig.send_bound(&bearer, &[], None).await, "bound_as_bearer");
    let second = proof(&client(), &token, "3", &json!({}));
    assert_eq!(rig.send_bound(&sent, &[&second], None).await.unwrap(), who);
    assert_eq!((meter.cache("miss"), meter.cache("hit")), (1, 5), "the token itself was verified once");
    assert_eq!(meter.tokens("refused", "proof_replayed"), 1);
}

#[tokio::test]
async fn remembered_token_is_asked_for_the_certificate_of_each_connection() {
    let rig = rig(|builder| builder.certificate_bound(Requirement::Optional)).await;
    let (own, other) = (PeerCertificate::from_der(b"own"), PeerCertificate::from_der(b"other"));
    let digest = URL_SAFE_NO_PAD.encode(own.thumbprint());
    let bound = token_with(&key(), &json!({}), &json!({"cnf": {"x5t#S256": digest}}));
    let sent = format!("Bearer {bound}");
    let who = rig.send_bound(&sent, &[], Some(own)).await.unwrap();
    assert_eq!(who.confirmation(), Some(&Confirmation::CertificateThumbprint(digest.into())));
    check_unconfirmed(&rig.send_bound(&sent, &[], Some(other)).await, "other_certificate");
    check_unconfirmed(&rig.send_bound(&sent, &[], None).await, "no_certificate");
    let free = rig.send_bound(&format!("Bearer {}", token(&key())), &[], None).await.unwrap();
    assert_eq!(free.confirmation(), None);
}

#[tokio::test]
async fn requirement_of_one_issuer_is_not_that_of_another() {
    let partner_key = SigningKey::ed25519("key-1", 2);
    let partner = crate::endpoint::Endpoint::answering(publishing([partner_key.jwk()]));
    let trusted = TrustedIssuer::new("https://partner.example/")
        .jwks_uri(partner.uri.as_str())
        .audience("orders")
        .dpop(Requirement::Required);
    let rig = rig(|builder| builder.trust(trusted)).await;
    rig.send_token(&token(&key())).await.unwrap();
    let claims = json!({"iss": "https://partner.example/", "aud": "orders"});
    let unbound = token_with(&partner_key, &json!({}), &claims);
    check_unconfirmed(&rig.send_token(&unbound).await, "must_be_bound");
    check_unconfirmed(&rig.send_token(&bound_token()).await, "confirmation_off");
    let unbound_as_bound = format!("DPoP {}", token(&key()));
    check_unconfirmed(&rig.send_bound(&unbound_as_bound, &[], None).await, "not_bound");
}

#[tokio::test]
async fn token_that_does_not_hold_uses_up_no_proof() {
    let rig = rig(|builder| builder.dpop(Requirement::Optional)).await;
    let forged = token_with(&SigningKey::ed25519("key-1", 66), &json!({}), &json!({}));
    let sent = format!("DPoP {forged}");
    let proof = proof(&client(), &forged, "1", &json!({}));
    for _ in 0..2 {
        check_refused(rig.send_bound(&sent, &[&proof], None).await, "signature");
    }
}

#[tokio::test]
async fn challenges_name_the_schemes_that_some_issuer_takes() {
    let dpop = |error: &str| format!(r#"DPoP {error}algs="ES256 EdDSA""#);
    let settings = || at_orders().algorithms([Algorithm::Es256, Algorithm::EdDsa]);
    let both = rig(|builder| builder.dpop(Requirement::Optional).dpop_settings(settings())).await;
    assert_eq!(told(&both, both.send(&[]).await), (vec!["Bearer".to_owned(), dpop("")], None));
    let invalid = vec![r#"Bearer error="invalid_token""#.to_owned(), dpop(r#"error="invalid_token", "#)];
    assert_eq!(told(&both, both.send(&["Bearer a.b.c"]).await), (invalid.clone(), None));
    let as_bearer = both.send_bound(&format!("Bearer {}", bound_token()), &[], None).await;
    assert_eq!(told(&both, as_bearer), (invalid, None));
    let proofless = both.send_bound(&format!("DPoP {}", bound_token()), &[], None).await;
    assert_eq!(told(&both, proofless), (vec![dpop(r#"error="invalid_dpop_proof", "#)], None));

    let only = rig(|builder| builder.dpop(Requirement::Required).dpop_settings(settings())).await;
    assert_eq!(told(&only, only.send(&[]).await), (vec![dpop("")], None));
    let neither = rig(|builder| builder.certificate_bound(Requirement::Required)).await;
    assert_eq!(told(&neither, neither.send(&[]).await), (vec!["Bearer".to_owned()], None));
}

#[tokio::test]
async fn nonce_of_the_challenge_is_the_one_that_the_next_proof_needs() {
    let settings = at_orders().algorithms([Algorithm::EdDsa]).require_nonce();
    let rig = rig(|builder| builder.dpop(Requirement::Required).dpop_settings(settings)).await;
    let token = bound_token();
    let sent = format!("DPoP {token}");
    let without = proof(&client(), &token, "1", &json!({}));
    let (lines, nonce) = told(&rig, rig.send_bound(&sent, &[&without], None).await);
    assert_eq!(lines, [r#"DPoP error="use_dpop_nonce", algs="EdDSA""#]);
    let with = proof(&client(), &token, "2", &json!({ "nonce": nonce.unwrap() }));
    rig.send_bound(&sent, &[&with], None).await.unwrap();
    let (_, renewed) = told(&rig, rig.send_bound(&sent, &[&without], None).await);
    assert!(renewed.is_some());
}
