//! Believes an authority that is asked for the first time: its chain ends in the root that was named beforehand.

use std::sync::{Arc, Mutex, PoisonError};

use kest_identity::{PeerWorkload, SpiffeId, TrustDomain};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::peer::PeerError;
use crate::protocol::AUTHORITY_PATH;
use crate::tls::provider;
use crate::trust::{chain_holds, refused};

/// Judges the certificate of an authority by the SHA-256 of its root's `SubjectPublicKeyInfo`, and notes its trust domain.
#[derive(Debug)]
pub(crate) struct FirstContact {
    pin: [u8; 32],
    domain: Mutex<Option<TrustDomain>>,
}

impl FirstContact {
    /// Where `domain` is known already, an authority of another one is not believed.
    pub(crate) fn new(pin: [u8; 32], domain: Option<TrustDomain>) -> Arc<Self> {
        Arc::new(Self { pin, domain: Mutex::new(domain) })
    }

    /// The trust domain of the authority that was believed.
    pub(crate) fn domain(&self) -> Option<TrustDomain> {
        self.domain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn believe(&self, certificate: &[u8]) -> Result<(), PeerError> {
        let name = PeerWorkload::from_der(certificate)?;
        let id = SpiffeId::parse(name.workload().as_str()).map_err(|_cause| PeerError::NotExpected)?;
        // Any workload of the domain has a certificate of this root; the authority alone has this name.
        if id.path() != AUTHORITY_PATH {
            return Err(PeerError::NotExpected);
        }
        let mut known = self.domain.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(known) if known != id.trust_domain() => Err(PeerError::OtherTrustDomain),
            Some(_) => Ok(()),
            None => {
                *known = Some(id.trust_domain().clone());
                Ok(())
            }
        }
    }
}

/// SHA-256 of the `SubjectPublicKeyInfo` of a certificate.
pub(crate) fn root_pin(certificate: &[u8]) -> Option<[u8; 32]> {
    let (_rest, read) = X509Certificate::from_der(certificate).ok()?;
    Some(Sha256::digest(read.public_key().raw).into())
}

impl ServerCertVerifier for FirstContact {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_pinned = |it: &&CertificateDer<'_>| root_pin(it) == Some(self.pin);
        let root = intermediates.iter().find(is_pinned);
        let root = root.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        chain_holds(end_entity, intermediates, &roots, now)?;
        self.believe(end_entity).map_err(refused)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
