//! How a token is bound, how it was presented, and what the issuer's tokens must be like.

use kest_core::{Confirmation, Limits, PeerCertificate};
use serde_json::{Value, json};

use crate::bearer::Scheme;
use crate::confirmation::BindingAnswer;
use crate::dpop::{DpopSettings, Requirement};

use super::rig::{ClientKey, Request, Rig, check_refused, encoded};

const ALL: [Requirement; 3] = [Requirement::Off, Requirement::Optional, Requirement::Required];

fn rig(dpop: Requirement, certificates: Requirement) -> Rig {
    Rig::asking(dpop, certificates, DpopSettings::new(), &Limits::default())
}

fn certificate(name: &str) -> PeerCertificate {
    PeerCertificate::from_der(name.as_bytes())
}

fn bound_to(certificate: &PeerCertificate) -> Value {
    json!({"x5t#S256": encoded(certificate.thumbprint())})
}

#[tokio::test]
async fn a_bound_token_is_never_downgraded_to_a_bearer_token() {
    let key = ClientKey::p256();
    for (requirement, kind) in [
        (Requirement::Off, "confirmation_off"),
        (Requirement::Optional, "bound_as_bearer"),
        (Requirement::Required, "bound_as_bearer"),
    ] {
        for proofs in [Vec::new(), vec![key.proof()]] {
            let request = Request { scheme: Scheme::Bearer, proofs, ..Request::new(&key, "") };
            let refused = rig(requirement, Requirement::Off).send(&request).await;
            assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::InvalidToken);
            check_refused(refused, kind);
        }
    }
}

#[tokio::test]
async fn a_bound_token_with_its_proof_is_taken_unless_proofs_are_off() {
    let key = ClientKey::p256();
    for requirement in [Requirement::Optional, Requirement::Required] {
        assert!(rig(requirement, Requirement::Off).prove(&key, key.proof()).await.is_ok());
    }
    check_refused(rig(Requirement::Off, Requirement::Off).prove(&key, key.proof()).await, "confirmation_off");
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_taken_where_it_need_not_be() {
    let plain = Request::bearer(None);
    for requirement in [Requirement::Off, Requirement::Optional] {
        assert_eq!(rig(requirement, Requirement::Off).send(&plain).await.unwrap(), None);
        assert_eq!(rig(Requirement::Off, requirement).send(&plain).await.unwrap(), None);
    }
    let required = rig(Requirement::Required, Requirement::Off);
    check_refused(required.send(&plain).await, "must_be_bound");
    let required = rig(Requirement::Off, Requirement::Required);
    check_refused(required.send(&plain).await, "must_be_bound");
}

#[tokio::test]
async fn a_proof_does_not_bind_a_token_that_is_not_bound() {
    let key = ClientKey::p256();
    for (requirement, kind) in [
        (Requirement::Off, "not_bound"),
        (Requirement::Optional, "not_bound"),
        (Requirement::Required, "must_be_bound"),
    ] {
        let request = Request { confirmation: None, ..Request::new(&key, key.proof()) };
        check_refused(rig(requirement, Requirement::Off).send(&request).await, kind);
    }
}

#[tokio::test]
async fn an_unknown_or_malformed_confirmation_is_refused_whatever_is_required() {
    let key = ClientKey::p256();
    let ours = key.thumbprint();
    for (confirmation, kind) in [
        (json!({"jwk": key.jwk()}), "confirmation_unknown"),
        (json!({"jwe": "eyJ"}), "confirmation_unknown"),
        (json!({"kid": "key-1"}), "confirmation_unknown"),
        (json!({"jku": "https://evil.example/"}), "confirmation_unknown"),
        (json!({"JKT": ours}), "confirmation_unknown"),
        (json!({"jkt": ours, "kid": "key-1"}), "confirmation_unknown"),
        (json!({}), "confirmation_malformed"),
        (json!(null), "confirmation_malformed"),
        (json!([]), "confirmation_malformed"),
        (json!("jkt"), "confirmation_malformed"),
        (json!({"jkt": [ours]}), "confirmation_malformed"),
        (json!({"jkt": null}), "confirmation_malformed"),
        (json!({"x5t#S256": 7}), "confirmation_malformed"),
    ] {
        for requirement in ALL {
            let request =
                Request { confirmation: Some(confirmation.clone()), ..Request::new(&key, key.proof()) };
            check_refused(rig(requirement, requirement).send(&request).await, kind);
            let bearer = Request::bearer(Some(confirmation.clone()));
            check_refused(rig(requirement, requirement).send(&bearer).await, kind);
        }
    }
}

#[tokio::test]
async fn a_thumbprint_is_compared_as_a_whole() {
    let key = ClientKey::p256();
    let ours = key.thumbprint();
    for other in [
        String::new(),
        ours.chars().take(42).collect(),
        format!("{ours}="),
        format!("{ours}A"),
        ours.to_lowercase(),
    ] {
        let confirmation = Some(json!({"jkt": other}));
        let request = Request { confirmation, ..Request::new(&key, key.proof()) };
        check_refused(Rig::new().send(&request).await, "proof_other_key");
    }
}

#[tokio::test]
async fn a_certificate_bound_token_is_taken_with_its_certificate() {
    let ours = certificate("client");
    let request = Request { certificate: Some(ours), ..Request::bearer(Some(bound_to(&ours))) };
    for requirement in [Requirement::Optional, Requirement::Required] {
        let confirmed = rig(Requirement::Off, requirement).send(&request).await.unwrap();
        let thumbprint = encoded(ours.thumbprint());
        assert_eq!(confirmed, Some(Confirmation::CertificateThumbprint(thumbprint.into())));
    }
    check_refused(rig(Requirement::Optional, Requirement::Off).send(&request).await, "confirmation_off");
}

#[tokio::test]
async fn a_stolen_token_without_its_certificate_is_refused() {
    let stolen = Request::bearer(Some(bound_to(&certificate("client"))));
    for requirement in [Requirement::Optional, Requirement::Required] {
        let refused = rig(Requirement::Off, requirement).send(&stolen).await;
        assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::InvalidToken);
        check_refused(refused, "no_certificate");
    }
}

#[tokio::test]
async fn a_stolen_token_with_the_certificate_of_the_thief_is_refused() {
    let confirmation = Some(bound_to(&certificate("client")));
    let stolen = Request { certificate: Some(certificate("thief")), ..Request::bearer(confirmation) };
    for requirement in [Requirement::Optional, Requirement::Required] {
        check_refused(rig(Requirement::Off, requirement).send(&stolen).await, "other_certificate");
    }
}

#[tokio::test]
async fn of_two_confirmations_both_must_hold() {
    let (key, ours) = (ClientKey::p256(), certificate("client"));
    let confirmation = Some(json!({"jkt": key.thumbprint(), "x5t#S256": encoded(ours.thumbprint())}));
    let service = rig(Requirement::Required, Requirement::Required);
    let with = |certificate, proofs| Request {
        certificate,
        proofs,
        confirmation: confirmation.clone(),
        ..Request::new(&key, "")
    };
    check_refused(service.send(&with(None, vec![key.proof()])).await, "no_certificate");
    check_refused(
        service.send(&with(Some(certificate("thief")), vec![key.proof()])).await,
        "other_certificate",
    );
    check_refused(service.send(&with(Some(ours), Vec::new())).await, "no_proof");
    let confirmed = service.send(&with(Some(ours), vec![key.proof()])).await.unwrap();
    assert_eq!(confirmed, Some(Confirmation::Jkt(key.thumbprint().into())));
    // One that is off is not left out.
    let without = rig(Requirement::Required, Requirement::Off);
    check_refused(without.send(&with(Some(ours), vec![key.proof()])).await, "confirmation_off");
}
