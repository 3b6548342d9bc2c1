//! Whom a process believes over TLS: the roots of its trust domain, exchanged while connections are made, and the epochs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use kest_core::{BoxError, Clock};
use kest_http::ClientTls;
use kest_identity::{SpiffeId, TrustDomain};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::certificate::OwnCertificate;
use crate::epochs::Epochs;
use crate::peer::{PeerError, PeerIdentity, check_signers};
use crate::tls::{self, TlsError, provider};

/// The roots of one trust domain and the epochs of its workloads. Clones share them.
///
/// rustls judges a chain (`WebPkiClientVerifier`); then the certificate must name exactly one workload, of this trust domain,
/// in an epoch that is not void. The name of a host plays no part: a workload is named by its SPIFFE id.
#[derive(Clone)]
pub struct PeerTrust(Arc<Inner>);

struct Inner {
    domain: TrustDomain,
    roots: ArcSwap<Roots>,
    epochs: Epochs,
}

/// The roots, and the verifier that was made of them.
struct Roots {
    store: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl PeerTrust {
    /// Believes certificates that end in one of these roots (DER) and name a workload of `domain`.
    ///
    /// # Errors
    ///
    /// [`RootsError`] when there is no root, or one cannot be read.
    pub fn new(domain: TrustDomain, roots: &[Vec<u8>]) -> Result<Self, RootsError> {
        let roots = ArcSwap::from_pointee(Roots::read(roots)?);
        Ok(Self(Arc::new(Inner { domain, roots, epochs: Epochs::default() })))
    }

    /// Goes by these roots from the next handshake on.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the present roots then stay.
    pub fn replace_roots(&self, roots: &[Vec<u8>]) -> Result<(), RootsError> {
        self.0.roots.store(Arc::new(Roots::read(roots)?));
        Ok(())
    }

    /// The trust domain.
    #[must_use]
    pub fn domain(&self) -> &TrustDomain {
        &self.0.domain
    }

    /// What is known of epochs.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.0.epochs
    }

    /// TLS of a client that presents `own` and believes these servers alone; with an empty list, every workload of the domain.
    ///
    /// Every workload of the domain has a certificate. So a client that does not say who is to answer can be answered by any of
    /// them that gets hold of its packets.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when TLS 1.3 cannot be set up.
    pub fn client(
        &self,
        own: &OwnCertificate,
        servers: impl IntoIterator<Item = SpiffeId>,
        clock: &Arc<dyn Clock>,
    ) -> Result<ClientTls, TlsError> {
        let servers = servers.into_iter().collect();
        let verifier = ServerVerifier { trust: self.clone(), servers };
        tls::client(Some(own), Arc::new(verifier), clock)
    }

    /// Whether others would believe this chain now.
    pub(crate) fn check_own(&self, chain: &[Vec<u8>], clock: &Arc<dyn Clock>) -> Result<(), Error> {
        let mut chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
        let leaf = chain.next().ok_or(Error::NoCertificatesPresented)?;
        let rest: Vec<_> = chain.collect();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(clock.unix_seconds()));
        chain_holds(&leaf, &rest, &self.0.roots.load().store, now)?;
        self.judge(&leaf).map(drop).map_err(refused)
    }

    pub(crate) fn client_verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::new(ClientVerifier(self.clone()))
    }

    /// Whether the peer may still speak: its epoch may have become void since the handshake.
    pub(crate) fn still_admits(&self, peer: &PeerIdentity) -> bool {
        self.0.epochs.admits(peer.workload(), peer.epoch())
    }

    /// What a certificate names whose chain holds.
    pub(crate) fn judge(&self, certificate: &[u8]) -> Result<PeerIdentity, PeerError> {
        let peer = PeerIdentity::from_der(certificate, &self.0.domain)?;
        if self.still_admits(&peer) { Ok(peer) } else { Err(PeerError::Void) }
    }
}

impl fmt::Debug for PeerTrust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PeerTrust").field("domain", &self.0.domain).finish_non_exhaustive()
    }
}

impl Roots {
    fn read(roots: &[Vec<u8>]) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store
                .add(CertificateDer::from(root.as_slice()))
                .map_err(|cause| RootsError::Unreadable(cause.into()))?;
        }
        if store.is_empty() {
            return Err(RootsError::None);
        }
        let store = Arc::new(store);
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&store), Arc::new(provider())).build();
        Ok(Self { store, clients: clients.map_err(|cause| RootsError::Unreadable(cause.into()))? })
    }
}

/// Roots cannot be gone by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// There is no root: then nothing could be believed, or everything.
    #[error("there is no root certificate")]
    None,
    /// A root is no certificate.
    #[error("root certificate cannot be read")]
    Unreadable(#[source] BoxError),
}

/// Judges the certificates of clients, by the roots of the moment.
#[derive(Debug)]
struct ClientVerifier(PeerTrust);

impl ClientCertVerifier for ClientVerifier {
    /// No hints: a list that is borrowed from here could not be exchanged.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let roots = self.0.0.roots.load();
        let verified = roots.clients.verify_client_cert(end_entity, intermediates, now)?;
        check_signers(intermediates).map_err(refused)?;
        self.0.judge(end_entity).map_err(refused)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.0.roots.load().clients.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.0.roots.load().clients.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.0.roots.load().clients.supported_verify_schemes()
    }
}

/// Judges the certificates of servers, by the roots of the moment.
#[derive(Debug)]
struct ServerVerifier {
    trust: PeerTrust,
    servers: BTreeSet<SpiffeId>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = self.trust.0.roots.load();
        chain_holds(end_entity, intermediates, &roots.store, now)?;
        let peer = self.trust.judge(end_entity).map_err(refused)?;
        if !self.servers.is_empty() && !self.servers.contains(peer.workload()) {
            return Err(refused(PeerError::NotExpected));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.0.roots.load().clients.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.0.roots.load().clients.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.0.roots.load().clients.supported_verify_schemes()
    }
}

/// RFC 5280 section 6, for server authentication, to one of these roots.
pub(crate) fn chain_holds(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
) -> Result<(), Error> {
    check_signers(intermediates).map_err(refused)?;
    let certificate = ParsedCertificate::try_from(end_entity)?;
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)
}

pub(crate) fn refused(cause: PeerError) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(cause))))
}
