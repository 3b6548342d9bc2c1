//! What a request offers as proof of its caller: header values as they came, what the connection proved.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::arrival::Lineage;
use crate::share::Share;

/// What a request offers as proof of its caller, beside its lineage: known before any passport is verified.
///
/// Header values are handed over as they came: a mechanism decides what to make of two of them.
#[derive(Clone, Default)]
pub struct Credentials<'request> {
    authorization: Vec<&'request [u8]>,
    dpop: Vec<&'request [u8]>,
    target: Option<RequestTarget<'request>>,
    certificate: Option<PeerCertificate>,
    address: Option<IpAddr>,
}

impl<'request> Credentials<'request> {
    /// A request that offers nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds every value of the `Authorization` header, in order.
    #[must_use]
    pub fn with_authorization(mut self, values: impl IntoIterator<Item = &'request [u8]>) -> Self {
        self.authorization = values.into_iter().collect();
        self
    }

    /// Adds every value of the `DPoP` header, in order: RFC 9449 section 4.1.
    #[must_use]
    pub fn with_dpop(mut self, values: impl IntoIterator<Item = &'request [u8]>) -> Self {
        self.dpop = values.into_iter().collect();
        self
    }

    /// Says what was asked for.
    #[must_use]
    pub fn with_target(mut self, target: RequestTarget<'request>) -> Self {
        self.target = Some(target);
        self
    }

    /// Adds the certificate that the peer proved to have the key of, in the handshake of this very connection.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Option<PeerCertificate>) -> Self {
        self.certificate = certificate;
        self
    }

    /// Adds the address of the peer of this very connection, never one from a header.
    #[must_use]
    pub fn with_address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// The values of all `Authorization` headers of the request.
    #[must_use]
    pub fn authorization(&self) -> &[&'request [u8]] {
        &self.authorization
    }

    /// The values of all `DPoP` headers of the request.
    #[must_use]
    pub fn dpop(&self) -> &[&'request [u8]] {
        &self.dpop
    }

    /// What was asked for, where the caller of the mechanism knows it.
    #[must_use]
    pub fn target(&self) -> Option<RequestTarget<'request>> {
        self.target
    }

    /// The peer's certificate, on a connection with mutual TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_ref()
    }

    /// On whose account the peer is served before anything else is known of the caller.
    #[must_use]
    pub fn peer(&self) -> Option<Share> {
        let of_address = || self.address.map(Share::of_address);
        self.certificate.as_ref().map(Share::of_certificate).or_else(of_address)
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Authorization values are credentials: their number is all that may be shown.
        formatter
            .debug_struct("Credentials")
            .field("authorization", &self.authorization.len())
            .field("dpop", &self.dpop.len())
            .field("certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// What a request offers as proof of its caller, its verified lineage included.
#[derive(Debug, Clone)]
pub struct Evidence<'request> {
    credentials: Credentials<'request>,
    lineage: &'request Lineage,
}

impl<'request> Evidence<'request> {
    /// Evidence of a request whose passport has already been verified.
    #[must_use]
    pub fn new(lineage: &'request Lineage) -> Self {
        Self { credentials: Credentials::none(), lineage }
    }

    /// Adds what the request offers beside its lineage.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials<'request>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Adds every value of the `Authorization` header, in order.
    #[must_use]
    pub fn with_authorization(self, values: impl IntoIterator<Item = &'request [u8]>) -> Self {
        self.map(|credentials| credentials.with_authorization(values))
    }

    /// Adds every value of the `DPoP` header, in order: RFC 9449 section 4.1.
    #[must_use]
    pub fn with_dpop(self, values: impl IntoIterator<Item = &'request [u8]>) -> Self {
        self.map(|credentials| credentials.with_dpop(values))
    }

    /// Says what was asked for.
    #[must_use]
    pub fn with_target(self, target: RequestTarget<'request>) -> Self {
        self.map(|credentials| credentials.with_target(target))
    }

    /// Adds the certificate that the peer proved to have the key of, in the handshake of this very connection.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<PeerCertificate>) -> Self {
        self.map(|credentials| credentials.with_certificate(certificate))
    }

    /// What the request offers beside its lineage.
    #[must_use]
    pub fn credentials(&self) -> &Credentials<'request> {
        &self.credentials
    }

    /// The verified lineage that the request arrived with.
    #[must_use]
    pub fn lineage(&self) -> &'request Lineage {
        self.lineage
    }

    fn map(self, change: impl FnOnce(Credentials<'request>) -> Credentials<'request>) -> Self {
        Self { credentials: change(self.credentials), ..self }
    }
}

/// Method and target of a request as they came: what a proof of possession is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestTarget<'request> {
    method: &'request str,
    host: Option<&'request str>,
    path: &'request str,
}

impl<'request> RequestTarget<'request> {
    /// A request of `method` for `path` (without its query) at `host`: the `Host` header or `:authority`, where it came.
    #[must_use]
    pub fn new(method: &'request str, host: Option<&'request str>, path: &'request str) -> Self {
        Self { method, host, path }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'request str {
        self.method
    }

    /// The authority that the client named: its own words.
    #[must_use]
    pub fn host(&self) -> Option<&'request str> {
        self.host
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &'request str {
        self.path
    }
}

/// The certificate of a peer, as its SHA-256 thumbprint.
///
/// The code that terminates TLS puts it into the request's extensions after the handshake proved that the peer has the key.
/// It is never read from a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerCertificate {
    thumbprint: [u8; 32],
}

impl PeerCertificate {
    /// The certificate of these DER bytes: the first one of the peer's chain.
    #[must_use]
    pub fn from_der(certificate: &[u8]) -> Self {
        Self { thumbprint: Sha256::digest(certificate).into() }
    }

    /// RFC 8705 section 3.1: the SHA-256 of the DER bytes.
    #[must_use]
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}
