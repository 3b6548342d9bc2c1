//! Certificates: the machine's authorities and those that were named, and no others.

use std::sync::Arc;

use kest_http::{Endpoint, HttpClientError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::rig::{Server, ok, patient};

/// A server for `localhost`, and the authority that vouches for it.
async fn secure() -> (Server, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let server = Server::secure(ok("", b"yes"), TlsAcceptor::from(Arc::new(config))).await;
    (server, pem)
}

#[tokio::test]
async fn authority_that_was_not_named_vouches_for_nothing() {
    let (server, pem) = secure().await;
    let there = Endpoint::parse(&format!("https://localhost:{}/", server.address.port())).unwrap();
    let refused = patient().build().unwrap().get(&there).send().await.unwrap_err();
    assert_eq!((refused.kind(), server.seen().len()), ("unreachable", 0));
    let trusting = patient().root_certificate_pem(pem).build().unwrap();
    assert_eq!(trusting.get(&there).send().await.unwrap().body(), b"yes");
    let by_address = Endpoint::parse(&format!("https://{}/", server.address)).unwrap();
    let refused = trusting.get(&by_address).send().await.unwrap_err();
    assert_eq!(refused.kind(), "unreachable", "it is vouched for by name only");
}

#[test]
fn text_that_is_no_certificate_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        let refused = patient().root_certificate_pem(pem).build().unwrap_err();
        assert!(
            matches!(refused, HttpClientError::Certificate(_) | HttpClientError::Client(_)),
            "{refused:?}"
        );
    }
}
