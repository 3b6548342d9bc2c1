//! Thieves of a token, a proof or both.

use std::sync::Arc;

use kest_core::Confirmation;
use kest_identity::{DpopSettings, Requirement};
use serde_json::{Value, json};

use crate::party::Party;
use crate::service::{MUTUAL, OPEN, PLAIN, STRICT, Service, check_refused};

#[tokio::test]
async fn a_bound_token_with_its_proof_names_the_key() {
    let (service, owner) = (Service::new(), Party::new(2));
    for (issuer, id) in [(STRICT, "proof-1"), (OPEN, "proof-2")] {
        let token = service.issuer.token_for(issuer, &owner);
        let caller = service.dpop(&token, &owner.proof(&token, id)).await.unwrap();
        assert_eq!((caller.user(), caller.issuer()), (Some("user-1"), Some(issuer)));
        assert_eq!(caller.confirmation(), Some(&Confirmation::Jkt(owner.thumbprint().into())));
    }
}

#[tokio::test]
async fn a_remembered_token_is_proved_with_every_request() {
    let (service, owner, thief) = (Service::new(), Party::new(2), Party::new(3));
    let token = service.issuer.token_for(STRICT, &owner);
    let proof = owner.proof(&token, "proof-1");
    assert!(service.dpop(&token, &proof).await.is_ok());
    assert_eq!(service.authenticator.tokens_remembered(), 1);
    check_refused(service.dpop(&token, &proof).await, "proof_replayed");
    check_refused(service.dpop(&token, &thief.proof(&token, "proof-2")).await, "proof_other_key");
    check_refused(service.bearer(&token).await, "bound_as_bearer");
    check_refused(service.get(&format!("DPoP {token}"), &[], None).await, "no_proof");
    service.forward(61);
    check_refused(service.dpop(&token, &owner.proof(&token, "proof-3")).await, "proof_stale");
    let fresh = owner.proof_with(&token, &json!({"jti": "proof-4", "iat": crate::party::NOW + 61}));
    assert!(service.dpop(&token, &fresh).await.is_ok());
}

#[tokio::test]
async fn a_stolen_bound_token_is_no_bearer_token_whatever_the_issuer_requires() {
    let (service, owner) = (Service::new(), Party::new(2));
    for (issuer, kind) in [
        (STRICT, "bound_as_bearer"),
        (OPEN, "bound_as_bearer"),
        (PLAIN, "confirmation_off"),
        (MUTUAL, "confirmation_off"),
    ] {
        let token = service.issuer.token_for(issuer, &owner);
        for _ in 0..2 {
            check_refused(service.bearer(&token).await, kind);
        }
    }
}

#[tokio::test]
async fn a_stolen_proof_is_good_for_nothing_else() {
    let (service, owner) = (Service::new(), Party::new(2));
    let token = service.issuer.token_for(STRICT, &owner);
    let other = service.issuer.token_for(OPEN, &owner);
    check_refused(service.dpop(&other, &owner.proof(&token, "proof-1")).await, "proof_other_token");
    for (claim, value, kind) in [
        ("htm", "POST", "proof_method"),
        ("htu", "https://api.example/payments", "proof_address"),
        ("htu", "https://evil.example/orders", "proof_address"),
        ("htu", "http://10.0.0.7:8080/orders", "proof_address"),
    ] {
        let proof = owner.proof_with(&token, &json!({ claim: value }));
        check_refused(service.dpop(&token, &proof).await, kind);
    }
    let first = owner.proof(&token, "proof-1");
    let second = owner.proof(&token, "proof-2");
    let two = service.get(&format!("DPoP {token}"), &[&first, &second], None).await;
    check_refused(two, "several_proofs");
    assert!(service.dpop(&token, &first).await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_taken_where_it_need_not_be_and_nowhere_else() {
    let (service, client) = (Service::new(), Party::new(2));
    for issuer in [OPEN, PLAIN] {
        let token = service.issuer.token(issuer, &Value::Null);
        let caller = service.bearer(&token).await.unwrap();
        assert_eq!((caller.user(), caller.confirmation()), (Some("user-1"), None));
        check_refused(service.dpop(&token, &client.proof(&token, "proof-1")).await, "not_bound");
    }
    for issuer in [STRICT, MUTUAL] {
        let token = service.issuer.token(issuer, &Value::Null);
        check_refused(service.bearer(&token).await, "must_be_bound");
        check_refused(service.dpop(&token, &client.proof(&token, "proof-1")).await, "must_be_bound");
    }
}

#[tokio::test]
async fn an_unknown_confirmation_is_not_ignored() {
    let (service, owner) = (Service::new(), Party::new(2));
    for issuer in [STRICT, OPEN, PLAIN, MUTUAL] {
        for confirmation in [json!({"kid": "key-1"}), json!({"jkt": owner.thumbprint(), "jwe": "eyJ"})] {
            let token = service.issuer.token(issuer, &confirmation);
            check_refused(service.bearer(&token).await, "confirmation_unknown");
            check_refused(
                service.dpop(&token, &owner.proof(&token, "proof-1")).await,
                "confirmation_unknown",
            );
        }
    }
}

#[tokio::test]
async fn where_no_issuer_binds_tokens_the_scheme_is_not_even_read() {
    let issuers = [(PLAIN, Requirement::Off, Requirement::Off)];
    let service = Service::trusting(&issuers, DpopSettings::new(), kest_core::Limits::default());
    let owner = Party::new(2);
    let token = service.issuer.token_for(PLAIN, &owner);
    check_refused(service.dpop(&token, &owner.proof(&token, "proof-1")).await, "not_bearer");
    check_refused(service.bearer(&token).await, "confirmation_off");
}

#[tokio::test]
async fn of_64_identical_requests_at_once_exactly_one_is_accepted() {
    let (service, owner) = (Arc::new(Service::new()), Party::new(2));
    let token = service.issuer.token_for(STRICT, &owner);
    let proof = owner.proof(&token, "proof-1");
    let gate = Arc::new(tokio::sync::Barrier::new(64));
    let mut sent = Vec::new();
    for _ in 0..64 {
        let (service, gate) = (Arc::clone(&service), Arc::clone(&gate));
        let (token, proof) = (token.clone(), proof.clone());
        sent.push(tokio::spawn(async move {
            gate.wait().await;
            service.dpop(&token, &proof).await
        }));
    }
    let mut accepted = 0;
    for answer in sent {
        match answer.await.unwrap() {
            Ok(_) => accepted += 1,
            refused => check_refused(refused, "proof_replayed"),
        }
    }
    assert_eq!(accepted, 1);
}
