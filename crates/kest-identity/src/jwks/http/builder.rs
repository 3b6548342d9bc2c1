//! The settings of keys over HTTP, and the refusal of those that would not protect anything.

use std::sync::Arc;

use kest_core::{BoxError, Limits};
use kest_http::{Endpoint, EndpointError, HttpClient, HttpClientBuilder, HttpClientError, Lookup, Reach};

use super::HttpKeys;
use super::discovery::Discovery;
use super::keys::Place;
use crate::jwks::KeyUse;

/// The settings of [`HttpKeys`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpKeysBuilder {
    from: From,
    read: Read,
    roots: Vec<Vec<u8>>,
    lookup: Option<Arc<dyn Lookup>>,
    limits: Limits,
    key_use: KeyUse,
}

/// How the URI is read: by the rule, or over plain http too.
type Read = fn(&str) -> Result<Endpoint, EndpointError>;

#[derive(Debug, Clone)]
pub(super) enum From {
    Uri(String),
    Issuer(String),
}

impl HttpKeysBuilder {
    pub(super) fn new(from: From) -> Self {
        Self {
            from,
            read: Endpoint::parse,
            roots: Vec::new(),
            lookup: None,
            limits: Limits::default(),
            key_use: KeyUse::Tokens,
        }
    }

    /// The bounds of answers and waiting.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Trusts these certificate authorities too (PEM, one or several), besides those of the machine.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Looks names up in this way instead of the system's.
    pub fn lookup(mut self, lookup: Arc<dyn Lookup>) -> Self {
        self.lookup = Some(lookup);
        self
    }

    /// Fetches over plain http even from another machine.
    ///
    /// Anyone on the way can then replace the keys, and with them every identity. An issuer that is reached by
    /// https still cannot send anybody to plain http.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.read = Endpoint::dangerous_plain_http;
        self
    }

    /// Reads a SPIFFE bundle: see [`KeySet::from_spiffe_bundle`](crate::KeySet::from_spiffe_bundle).
    pub fn spiffe_bundle(mut self) -> Self {
        self.key_use = KeyUse::Svids;
        self
    }

    /// Checks the settings. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// [`HttpKeysError`] when the URI or a certificate cannot be used, or the machine offers no TLS.
    pub fn build(self) -> Result<HttpKeys, HttpKeysError> {
        let client = |reach| {
            let builder = HttpClient::builder(self.limits.key_fetch_wait).reach(reach);
            let builder = self.lookup.iter().cloned().fold(builder, HttpClientBuilder::lookup);
            self.roots
                .iter()
                .fold(builder, |builder, pem| builder.root_certificate_pem(pem.as_slice()))
                .build()
        };
        let place = match self.from {
            From::Uri(text) => {
                Place::Fixed { client: client(Reach::Anywhere)?, endpoint: (self.read)(&text)? }
            }
            From::Issuer(issuer) => {
                let base = (self.read)(&issuer)?;
                // RFC 8414 section 2 and OIDC Discovery 1.0 section 3: no query and no fragment.
                if base.has_query_or_fragment() {
                    return Err(HttpKeysError::Issuer);
                }
                let published = client(base.reach_of_published())?;
                let client = client(Reach::Anywhere)?;
                Place::Discovered(Discovery::new(issuer, base, client, published, &self.limits).into())
            }
        };
        Ok(HttpKeys { place, limits: self.limits, key_use: self.key_use })
    }
}

/// Keys cannot be fetched from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpKeysError {
    /// Not an absolute URI with a host.
    #[error("key set uri is malformed")]
    Malformed(#[source] BoxError),
    /// Another scheme than https or http.
    #[error("key set uri is neither https nor http")]
    Scheme,
    /// User name or password in the URI would end up in places that are not meant for secrets.
    #[error("key set uri carries credentials")]
    Credentials,
    /// Plain http to another machine lets anyone on the way replace the keys.
    #[error("key set uri is plain http to another machine")]
    PlainHttp,
    /// An issuer's metadata lead into this machine or its network segment.
    #[error("key set uri leads inward")]
    PrivateAddress,
    /// An issuer with a query or a fragment has no place for its metadata.
    #[error("issuer has a query or a fragment")]
    Issuer,
    /// What was given as a root certificate is not one.
    #[error("root certificate is no pem")]
    Certificate(#[source] Option<BoxError>),
    /// The machine offers no TLS.
    #[error("http client could not be made")]
    Client(#[source] BoxError),
}

impl std::convert::From<EndpointError> for HttpKeysError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Malformed(cause) => Self::Malformed(cause),
            EndpointError::Scheme => Self::Scheme,
            EndpointError::Credentials => Self::Credentials,
            EndpointError::PlainHttp => Self::PlainHttp,
            EndpointError::PrivateAddress => Self::PrivateAddress,
            other => Self::Malformed(Box::new(other)),
        }
    }
}

impl std::convert::From<HttpClientError> for HttpKeysError {
    fn from(error: HttpClientError) -> Self {
        match error {
            HttpClientError::Certificate(cause) => Self::Certificate(cause),
            HttpClientError::Client(cause) => Self::Client(cause),
            other => Self::Client(Box::new(other)),
        }
    }
}
