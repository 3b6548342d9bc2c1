//! Who the peer of a connection is: what its certificate names, once the handshake has proved that the peer has its key.

use std::fmt;
use std::time::{Duration, SystemTime};

use kest_core::PeerCertificate;
use kest_identity::{PeerWorkload, PeerWorkloadError, SpiffeId, TrustDomain};
use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::protocol::{EPOCH_EXTENSION, Epoch};

/// The peer of a connection, as its handshake proved it: no header has a part in it.
///
/// In an axum service the extensions of each request have it; see [`with_peers`](crate::with_peers).
#[derive(Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    workload: SpiffeId,
    epoch: Option<Epoch>,
    serial: Vec<u8>,
    certificate: PeerCertificate,
    not_after: SystemTime,
}

impl PeerIdentity {
    /// Reads what a certificate names: one SPIFFE id of `domain`, and the epoch. Its chain is not judged here.
    pub(crate) fn from_der(certificate: &[u8], domain: &TrustDomain) -> Result<Self, PeerError> {
        let workload = PeerWorkload::from_der(certificate)?;
        let workload =
            SpiffeId::parse(workload.workload().as_str()).map_err(|_cause| PeerWorkloadError::NotAnId)?;
        if workload.trust_domain() != domain {
            return Err(PeerError::OtherTrustDomain);
        }
        let unreadable = |_cause| PeerError::Name(PeerWorkloadError::Unreadable);
        let (_rest, read) = X509Certificate::from_der(certificate).map_err(unreadable)?;
        // SPIFFE X.509-SVID section 4.3: a leaf signs no certificates and no revocations.
        let usage = read.key_usage().map_err(|_cause| PeerWorkloadError::Unreadable)?;
        if usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign()) {
            return Err(PeerError::Name(PeerWorkloadError::Authority));
        }
        let end = u64::try_from(read.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self {
            workload,
            epoch: epoch(&read)?,
            serial: read.raw_serial().to_vec(),
            certificate: PeerCertificate::from_der(certificate),
            not_after: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end)).ok_or(PeerError::End)?,
        })
    }

    /// The SPIFFE id.
    #[must_use]
    pub fn workload(&self) -> &SpiffeId {
        &self.workload
    }

    /// Which enrolment the certificate is of; none where its authority counts none.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The serial number of the certificate, as its bytes.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The SHA-256 of the certificate: `x5t#S256` of RFC 8705 section 3.1.
    #[must_use]
    pub fn thumbprint(&self) -> &[u8; 32] {
        self.certificate.thumbprint()
    }

    /// When the certificate ends.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The certificate, as evidence for tokens that are bound to it.
    #[must_use]
    pub fn certificate(&self) -> &PeerCertificate {
        &self.certificate
    }

    /// The workload, as what a passport is bound to.
    #[must_use]
    pub fn peer_workload(&self) -> PeerWorkload {
        PeerWorkload::new(self.workload.workload().clone())
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("PeerIdentity");
        shown.field("workload", &self.workload.as_str()).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// The epoch of a certificate. One that cannot be read is no certificate without an epoch.
fn epoch(certificate: &X509Certificate<'_>) -> Result<Option<Epoch>, PeerError> {
    let id = Oid::from(EPOCH_EXTENSION).map_err(|_cause| PeerError::Epoch)?;
    let found = certificate.get_extension_unique(&id).map_err(|_cause| PeerError::Epoch)?;
    let Some(extension) = found else { return Ok(None) };
    let (rest, number) = u64::from_der(extension.value).map_err(|_cause| PeerError::Epoch)?;
    if rest.is_empty() { Ok(Some(Epoch::new(number))) } else { Err(PeerError::Epoch) }
}

/// RFC 5280 section 6.1.4 (n), which rustls leaves to others: who signs certificates must be allowed to.
///
/// A certificate that no chain needs is judged too, since which of them a chain takes is not said.
pub(crate) fn check_signers<C: AsRef<[u8]>>(intermediates: &[C]) -> Result<(), PeerError> {
    for certificate in intermediates {
        let read = X509Certificate::from_der(certificate.as_ref());
        let (_rest, certificate) = read.map_err(|_cause| PeerError::Signer)?;
        let usage = certificate.key_usage().map_err(|_cause| PeerError::Signer)?;
        if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
            return Err(PeerError::Signer);
        }
    }
    Ok(())
}

/// The certificate of a peer is not that of a workload that may speak here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// It names no workload, or several.
    #[error("certificate names no workload")]
    Name(#[from] PeerWorkloadError),
    /// The workload is of a trust domain that the root may not speak for.
    #[error("workload of the certificate is of another trust domain")]
    OtherTrustDomain,
    /// Its epoch cannot be read, or stands twice.
    #[error("epoch of the certificate cannot be read")]
    Epoch,
    /// Its end is no time.
    #[error("end of the certificate is no time")]
    End,
    /// Its chain has a certificate that may not sign others.
    #[error("certificate in the chain may not sign others")]
    Signer,
    /// Its epoch was revoked, or a later one has begun.
    #[error("epoch of the certificate is void")]
    Void,
    /// It is of another workload than those that were to answer.
    #[error("workload of the certificate is not the one that was asked for")]
    NotExpected,
}

impl PeerError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::OtherTrustDomain => "trust_domain",
            Self::Epoch | Self::End => "malformed",
            Self::Signer => "certificate",
            Self::Void => "void",
            Self::NotExpected => "not_expected",
        }
    }
}
