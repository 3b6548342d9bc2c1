//! RFC 8705: tokens that only hold on a connection with the certificate that they were given to.

use kest_core::{Confirmation, PeerCertificate};
use serde_json::json;

use crate::party::{Party, encoded};
use crate::service::{MUTUAL, OPEN, PLAIN, STRICT, Service, check_refused};

fn certificate(name: &str) -> PeerCertificate {
    PeerCertificate::from_der(name.as_bytes())
}

fn token(service: &Service, issuer: &str, owner: &PeerCertificate) -> String {
    service.issuer.token(issuer, &json!({"x5t#S256": encoded(owner.thumbprint())}))
}

#[tokio::test]
async fn a_certificate_bound_token_is_taken_with_its_certificate() {
    let (service, ours) = (Service::new(), certificate("client"));
    for issuer in [OPEN, MUTUAL] {
        let bearer = format!("Bearer {}", token(&service, issuer, &ours));
        let caller = service.get(&bearer, &[], Some(ours)).await.unwrap();
        let thumbprint = encoded(ours.thumbprint());
        let expected = Confirmation::CertificateThumbprint(thumbprint.into());
        assert_eq!(caller.confirmation(), Some(&expected));
    }
}

#[tokio::test]
async fn a_stolen_token_is_refused_without_its_certificate_and_with_that_of_the_thief() {
    let (service, ours) = (Service::new(), certificate("client"));
    for issuer in [OPEN, MUTUAL] {
        let bearer = format!("Bearer {}", token(&service, issuer, &ours));
        assert!(service.get(&bearer, &[], Some(ours)).await.is_ok());
        check_refused(service.get(&bearer, &[], None).await, "no_certificate");
        check_refused(service.get(&bearer, &[], Some(certificate("thief"))).await, "other_certificate");
    }
}

#[tokio::test]
async fn a_certificate_bound_token_is_refused_where_certificates_are_off() {
    let (service, ours) = (Service::new(), certificate("client"));
    for (issuer, kind) in [(PLAIN, "confirmation_off"), (STRICT, "must_be_bound")] {
        let bearer = format!("Bearer {}", token(&service, issuer, &ours));
        check_refused(service.get(&bearer, &[], Some(ours)).await, kind);
    }
}

#[tokio::test]
async fn a_certificate_alone_does_not_stand_for_the_key() {
    let (service, ours, owner) = (Service::new(), certificate("client"), Party::new(2));
    let confirmation = json!({"jkt": owner.thumbprint(), "x5t#S256": encoded(ours.thumbprint())});
    let token = service.issuer.token(OPEN, &confirmation);
    let with = |scheme: &str| format!("{scheme} {token}");
    let proof = owner.proof(&token, "proof-1");
    check_refused(service.get(&with("Bearer"), &[], Some(ours)).await, "bound_as_bearer");
    check_refused(service.get(&with("DPoP"), &[], Some(ours)).await, "no_proof");
    check_refused(service.get(&with("DPoP"), &[&proof], None).await, "no_certificate");
    assert!(service.get(&with("DPoP"), &[&proof], Some(ours)).await.is_ok());
}
