//! What a caller is told who could not prove possession.

use kest_core::{AuthenticateError, Limits};
use kest_identity::{Algorithm, BindingError, DpopSettings};
use serde_json::json;

use crate::party::Party;
use crate::service::{OPEN, PLAIN, STRICT, Service};

fn settings() -> DpopSettings {
    DpopSettings::new().origins(["https://api.example"]).algorithms([Algorithm::EdDsa, Algorithm::Es256])
}

/// The values of `WWW-Authenticate`, and of `DPoP-Nonce`.
fn told(service: &Service, error: &AuthenticateError) -> (Vec<String>, Option<String>) {
    let challenge = service.challenge(error).unwrap();
    let lines = challenge.authenticate().iter().map(ToString::to_string).collect();
    (lines, challenge.dpop_nonce().map(str::to_owned))
}

#[tokio::test]
async fn a_bad_proof_is_answered_in_the_scheme_of_proofs() {
    let (service, owner) = (Service::with(settings(), Limits::default()), Party::new(2));
    let token = service.issuer.token_for(STRICT, &owner);
    let expected = r#"DPoP error="invalid_dpop_proof", algs="EdDSA ES256""#.to_owned();
    for proof in ["", "a.b.c", "\"\r\nset-cookie: a=b", &owner.proof_with(&token, &json!({"htm": "PUT"}))] {
        let error = service.dpop(&token, proof).await.unwrap_err();
        assert_eq!(told(&service, &error), (vec![expected.clone()], None), "{proof}");
    }
}

#[tokio::test]
async fn a_bound_token_in_the_wrong_hands_is_an_invalid_token() {
    let (service, owner) = (Service::with(settings(), Limits::default()), Party::new(2));
    for issuer in [STRICT, OPEN, PLAIN] {
        let token = service.issuer.token_for(issuer, &owner);
        let error = service.bearer(&token).await.unwrap_err();
        let (lines, nonce) = told(&service, &error);
        let dpop = r#"DPoP error="invalid_token", algs="EdDSA ES256""#;
        assert!(lines.iter().any(|line| line == dpop), "{lines:?}");
        assert_eq!(nonce, None);
    }
}

#[tokio::test]
async fn a_proof_without_our_nonce_is_answered_with_one_that_works() {
    let service = Service::with(settings().require_nonce(), Limits::default());
    let owner = Party::new(2);
    let token = service.issuer.token_for(STRICT, &owner);
    let error = service.dpop(&token, &owner.proof(&token, "proof-1")).await.unwrap_err();
    let (lines, nonce) = told(&service, &error);
    assert_eq!(lines, [r#"DPoP error="use_dpop_nonce", algs="EdDSA ES256""#]);
    let proof = owner.proof_with(&token, &json!({"nonce": nonce.unwrap()}));
    assert!(service.dpop(&token, &proof).await.is_ok());
}

#[tokio::test]
async fn a_full_replay_store_is_our_outage_and_accepts_nobody() {
    let mut limits = Limits::default();
    limits.replay_ids = 1;
    let (service, owner) = (Service::with(settings(), limits), Party::new(2));
    let token = service.issuer.token_for(STRICT, &owner);
    assert!(service.dpop(&token, &owner.proof(&token, "proof-1")).await.is_ok());
    let error = service.dpop(&token, &owner.proof(&token, "proof-2")).await.unwrap_err();
    let AuthenticateError::Unavailable(cause) = &error else { panic!("{error:?}") };
    assert_eq!(cause.downcast_ref().map(BindingError::kind), Some("replay_store"));
    assert_eq!(service.challenge(&error), None);
}
