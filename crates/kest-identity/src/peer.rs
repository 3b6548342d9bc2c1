//! Which workload the peer of a connection is: from the certificate that it proved to have the key of, and from nowhere else.

use kest_core::signature::WorkloadId;

/// The workload of the peer of this very connection.
///
/// The code that terminates TLS in this process puts it into the request's extensions, beside the
/// [`PeerCertificate`](kest_core::PeerCertificate), after the handshake proved that the peer has the key and the verifier
/// that the chain ends in an authority that may name workloads. It is never read from a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerWorkload(WorkloadId);

impl PeerWorkload {
    /// A peer that some other authority over this connection says is `workload`, such as the kernel about a local socket.
    #[must_use]
    pub fn new(workload: WorkloadId) -> Self {
        Self(workload)
    }

    /// The workload that a certificate names: an X.509-SVID, whose one URI among its subject alternative names is a SPIFFE id.
    ///
    /// Who signed the certificate is not judged here: the verifier of the handshake has done that.
    ///
    /// # Errors
    ///
    /// [`PeerWorkloadError`] for anything else: a chain names its own workloads only where exactly one name counts.
    #[cfg(feature = "x509")]
    pub fn from_der(certificate: &[u8]) -> Result<Self, PeerWorkloadError> {
        use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

        let unreadable = |_cause| PeerWorkloadError::Unreadable;
        let (rest, certificate) = X509Certificate::from_der(certificate).map_err(unreadable)?;
        if !rest.is_empty() {
            return Err(PeerWorkloadError::Unreadable);
        }
        if certificate.is_ca() {
            return Err(PeerWorkloadError::Authority);
        }
        // An extension that stands twice is refused by this.
        let names = certificate.subject_alternative_name().map_err(|_cause| PeerWorkloadError::Unreadable)?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let mut uris =
            names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
        match (uris.next(), uris.next()) {
            (Some(uri), None) if crate::spiffe::is_spiffe_id(uri) => {
                WorkloadId::new(uri).map(Self).map_err(|_cause| PeerWorkloadError::NotAnId)
            }
            (Some(_), None) => Err(PeerWorkloadError::NotAnId),
            (None, _) => Err(PeerWorkloadError::NoUri),
            (Some(_), Some(_)) => Err(PeerWorkloadError::SeveralUris),
        }
    }

    /// The workload.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.0
    }
}

/// A certificate names no workload.
#[cfg(feature = "x509")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerWorkloadError {
    /// It cannot be read, or is followed by something.
    #[error("certificate cannot be read")]
    Unreadable,
    /// It is that of an authority, and names no workload of its own.
    #[error("certificate is an authority's")]
    Authority,
    /// No URI is among its names.
    #[error("certificate has no URI among its names")]
    NoUri,
    /// Several are, of which others may take another one.
    #[error("certificate has several URIs among its names")]
    SeveralUris,
    /// It is no SPIFFE id of a workload.
    #[error("URI of the certificate is no SPIFFE id of a workload")]
    NotAnId,
}

#[cfg(test)]
#[cfg(feature = "x509")]
#[path = "tests/peer.rs"]
mod tests;
