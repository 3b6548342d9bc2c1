//! A certificate authority of our own: a server and clients that it vouches for.

use std::sync::Arc;

use kest_core::PeerCertificate;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::holder::encoded;

pub(super) struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(super) struct Credentials {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = parameters.self_signed(&key).unwrap().der().clone();
        Self { root, issuer: Issuer::new(parameters, key) }
    }

    /// A client certificate of that name.
    pub(super) fn client(&self, name: &str) -> Credentials {
        self.vouch(name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A client certificate of the workload of this id, with all of these URIs among its names.
    pub(super) fn workload(&self, uris: &[&str]) -> Credentials {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        let names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        parameters.subject_alt_names = names.collect();
        self.certify(parameters, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn vouch(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Credentials {
        self.certify(CertificateParams::new(vec![name.to_owned()]).unwrap(), purpose)
    }

    fn certify(&self, mut parameters: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Credentials {
        let key = KeyPair::generate().unwrap();
        parameters.extended_key_usages = vec![purpose];
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().der().clone();
        Credentials { certificate, key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        roots
    }

    /// TLS for a server on this machine that asks clients for a certificate and also takes those without one.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let own = self.vouch("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap())
            .with_single_cert(vec![own.certificate], own.key)
            .unwrap();
        Arc::new(config).into()
    }

    /// TLS for a client of that server, with these credentials or none.
    pub(super) fn connector(&self, credentials: Option<&Credentials>) -> TlsConnector {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        let config = match credentials {
            Some(own) => {
                config.with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key()).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        Arc::new(config).into()
    }
}

impl Credentials {
    /// RFC 8705 section 3.1: what `x5t#S256` says of it.
    pub(super) fn thumbprint(&self) -> String {
        encoded(PeerCertificate::from_der(&self.certificate).thumbprint())
    }

    /// The certificate, which is no secret.
    pub(super) fn der(&self) -> &[u8] {
        &self.certificate
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
