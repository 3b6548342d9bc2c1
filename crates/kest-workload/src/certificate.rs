//! The certificate that this process presents, exchanged while connections are made.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use kest_core::BoxError;
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::tls::provider;

/// The certificate and key of this process, for its listeners and clients.
///
/// Clones share it: what is replaced in one is presented by all, from the next handshake on. Connections that stand go on
/// with what they began with.
#[derive(Clone)]
pub struct OwnCertificate(Arc<ArcSwap<CertifiedKey>>);

impl OwnCertificate {
    /// Begins with a chain (DER, leaf first) and the leaf's private key (PKCS #8, DER).
    ///
    /// # Errors
    ///
    /// [`OwnCertificateError`] when they cannot be read, or do not belong together.
    pub fn new(chain: &[Vec<u8>], key: &[u8]) -> Result<Self, OwnCertificateError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(certified(chain, key)?))))
    }

    /// Presents these from now on.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the present certificate then stays.
    pub fn replace(&self, chain: &[Vec<u8>], key: &[u8]) -> Result<(), OwnCertificateError> {
        self.0.store(Arc::new(certified(chain, key)?));
        Ok(())
    }
}

fn certified(chain: &[Vec<u8>], key: &[u8]) -> Result<CertifiedKey, OwnCertificateError> {
    let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.to_vec()));
    CertifiedKey::from_der(chain, key, &provider()).map_err(|cause| OwnCertificateError(cause.into()))
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Without the key.
impl fmt::Debug for OwnCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OwnCertificate(..)")
    }
}

/// A certificate and a key cannot be presented.
#[derive(Debug, thiserror::Error)]
#[error("certificate and key cannot be presented")]
pub struct OwnCertificateError(#[source] BoxError);
