//! What a request offers as proof of its caller: header values as they came, what the connection proved.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::{AuthenticateError, HeaderName};
use crate::arrival::Lineage;
use crate::share::Share;

/// What a request offers as proof of its caller, beside its lineage: known before any passport is verified.
///
/// Header values are handed over as they came: a mechanism decides what to make of two of them.
#[derive(Clone, Default)]
pub struct Credentials<'request> {
    authorization: Vec<&'request [u8]>,
    dpop: Vec<&'request [u8]>,
    declared: Vec<(&'request HeaderName, Vec<&'request [u8]>)>,
    query: Option<&'request str>,
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

    /// Adds every value of the header `name`, in order: one that the mechanism [declares](super::Authenticate::needs).
    #[must_use]
    pub fn with_header(
        mut self,
        name: &'request HeaderName,
        values: impl IntoIterator<Item = &'request [u8]>,
    ) -> Self {
        let values = values.into_iter().collect();
        if *name == HeaderName::AUTHORIZATION {
            self.authorization = values;
        } else if *name == HeaderName::DPOP {
            self.dpop = values;
        } else {
            self.declared.retain(|(known, _)| *known != name);
            self.declared.push((name, values));
        }
        self
    }

    /// Adds the query of the address, as it came.
    #[must_use]
    pub fn with_query(mut self, query: Option<&'request str>) -> Self {
        self.query = query;
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

    /// The values of all headers called `name`, as they came and in order: none where none came, or the mechanism does not
    /// [declare](super::Authenticate::needs) it.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> &[&'request [u8]] {
        if *name == HeaderName::AUTHORIZATION {
            return &self.authorization;
        }
        if *name == HeaderName::DPOP {
            return &self.dpop;
        }
        let found = self.declared.iter().find(|(known, _)| *known == name);
        found.map(|(_, values)| values.as_slice()).unwrap_or_default()
    }

    /// The one value of the header `name`: visible ASCII. `None` where the header did not come.
    ///
    /// # Errors
    ///
    /// [`AuthenticateError::Invalid`] for two headers of this name, of which others may read another one, for an empty value
    /// and for one with other characters.
    pub fn one(&self, name: &HeaderName) -> Result<Option<&'request str>, AuthenticateError> {
        let value = match self.header(name) {
            [] => return Ok(None),
            [value] => *value,
            _ => return Err(AuthenticateError::Invalid(NotOne::Several.into())),
        };
        let text = str::from_utf8(value).ok();
        let text = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
        text.map(Some).ok_or_else(|| AuthenticateError::Invalid(NotOne::Unreadable.into()))
    }

    /// The query of the address, without its `?` and as it came.
    #[must_use]
    pub fn query(&self) -> Option<&'request str> {
        self.query
    }

    /// The same, with the headers of `needs` and no others: what one mechanism of several may see.
    #[must_use]
    pub fn only(&self, needs: &[HeaderName]) -> Self {
        let kept = |name: &HeaderName, values: &[&'request [u8]]| {
            if needs.contains(name) { values.to_vec() } else { Vec::new() }
        };
        Self {
            authorization: kept(&HeaderName::AUTHORIZATION, &self.authorization),
            dpop: kept(&HeaderName::DPOP, &self.dpop),
            declared: self.declared.iter().filter(|(name, _)| needs.contains(name)).cloned().collect(),
            ..*self
        }
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

    /// The address of the peer, where the service knows it: of the connection, which may be a proxy's.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
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
            .field("declared", &self.declared.len())
            .field("certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// A header is not the one value that it has to be.
#[derive(Debug, thiserror::Error)]
enum NotOne {
    #[error("header came more than once")]
    Several,
    #[error("header is empty or has characters that no credential has")]
    Unreadable,
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

    /// Adds every value of the header `name`, in order.
    #[must_use]
    pub fn with_header(
        self,
        name: &'request HeaderName,
        values: impl IntoIterator<Item = &'request [u8]>,
    ) -> Self {
        self.map(|credentials| credentials.with_header(name, values))
    }

    /// The same, with the headers of `needs` and no others: see [`Credentials::only`].
    #[must_use]
    pub fn only(&self, needs: &[HeaderName]) -> Self {
        Self { credentials: self.credentials.only(needs), lineage: self.lineage }
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
