//! What encrypted connections are made with.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::ConnectError;

/// Trusts the authorities of `pem`, or else those that this machine trusts. The provider is named here, so that nothing
/// depends on what the process has installed.
pub(crate) fn tls(pem: Option<&str>) -> Result<TlsConnector, ConnectError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| ConnectError::RootCertificates(cause.into()))?;
    let config = match pem {
        Some(pem) => config.with_root_certificates(roots(pem)?),
        None => {
            config.with_platform_verifier().map_err(|cause| ConnectError::RootCertificates(cause.into()))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

fn roots(pem: &str) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|cause| ConnectError::RootCertificates(cause.into()))?;
        roots.add(certificate).map_err(|cause| ConnectError::RootCertificates(cause.into()))?;
    }
    if roots.is_empty() {
        return Err(ConnectError::RootCertificates("no certificate in the text".into()));
    }
    Ok(roots)
}
