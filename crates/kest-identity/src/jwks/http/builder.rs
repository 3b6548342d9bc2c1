//! The settings of keys over HTTP, and the refusal of those that would not protect anything.

use kest_core::{BoxError, Limits};

use super::HttpKeys;
use super::client::{IssuerClient, Names};
use super::discovery::Discovery;
use super::keys::Place;
use super::uri::{self, PlainHttp};
use crate::jwks::KeyUse;

/// The settings of [`HttpKeys`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpKeysBuilder {
    from: From,
    plain_http: PlainHttp,
    roots: Vec<Vec<u8>>,
    limits: Limits,
    key_use: KeyUse,
}

#[derive(Debug, Clone)]
pub(super) enum From {
    Uri(String),
    Issuer(String),
}

impl HttpKeysBuilder {
    pub(super) fn new(from: From) -> Self {
        Self {
            from,
            plain_http: PlainHttp::LoopbackOnly,
            roots: Vec::new(),
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

    /// Fetches over plain http even from another machine.
    ///
    /// Whoever sits on the way can then replace the keys, and with them every identity. An issuer that is reached by
    /// https still cannot send anybody to plain http.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
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
    pub fn try_build(self) -> Result<HttpKeys, HttpKeysError> {
        let (place, names) = match self.from {
            From::Uri(text) => (Place::Fixed(uri::configured(&text, self.plain_http)?), Names::Configured),
            From::Issuer(text) => {
                let discovery = Discovery::new(text, self.plain_http, &self.limits)?;
                (Place::Discovered(discovery.into()), Names::Published)
            }
        };
        let client = IssuerClient::new(&self.roots, names, &self.limits)?;
        Ok(HttpKeys { client, place, limits: self.limits, key_use: self.key_use })
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
    /// Plain http to another machine lets whoever sits on the way replace the keys.
    #[error("key set uri is plain http to another machine")]
    PlainHttp,
    /// An issuer's metadata lead into this machine or its network segment.
    #[error("key set uri leads inward")]
    Inward,
    /// An issuer with a query or a fragment has no place for its metadata.
    #[error("issuer has a query or a fragment")]
    Issuer,
    /// What was given as a root certificate is none.
    #[error("root certificate is no pem")]
    Certificate(#[source] Option<BoxError>),
    /// The machine offers no TLS.
    #[error("http client could not be made")]
    Client(#[source] BoxError),
}
