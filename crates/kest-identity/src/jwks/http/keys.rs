//! The key set that an issuer publishes, fetched from where it may be.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kest_core::Limits;
use kest_http::{Endpoint, HttpClient};

use super::builder::{From, HttpKeysBuilder, HttpKeysError};
use super::client::document;
use super::discovery::Discovery;
use crate::jwks::{FetchError, FetchKeys, KeySet, KeyUse};

/// The key set that an issuer publishes, at a URI or where its metadata say.
///
/// https is required, except on loopback. No redirect is followed and no proxy of the environment is used: keys come
/// from where the configuration says, and from nowhere else.
///
/// ```
/// use kest_identity::HttpKeys;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fixed = HttpKeys::at("https://issuer.example/jwks.json").build()?;
/// let discovered = HttpKeys::discover("https://issuer.example/realms/shop").build()?;
/// # drop((fixed, discovered));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpKeys {
    pub(super) place: Place,
    pub(super) limits: Limits,
    pub(super) key_use: KeyUse,
}

#[derive(Clone)]
pub(super) enum Place {
    Fixed { client: HttpClient, endpoint: Endpoint },
    Discovered(Arc<Discovery>),
}

impl HttpKeys {
    /// Begins the settings of keys at `uri`.
    pub fn at(uri: impl Into<String>) -> HttpKeysBuilder {
        HttpKeysBuilder::new(From::Uri(uri.into()))
    }

    /// Begins the settings of keys that lie where the metadata of `issuer` say.
    ///
    /// The metadata are looked for as OIDC Discovery 1.0 section 4 says (`/.well-known/openid-configuration`
    /// after the issuer's path), and if nothing lies there, as RFC 8414 section 3.1 says
    /// (`/.well-known/oauth-authorization-server` before the path): the first is what most issuers serve, OAuth-only
    /// ones the second. Their `issuer` must be `issuer` byte for byte, so that no issuer can pass off another one's
    /// keys as its own (the mix-up attack of RFC 9700 section 4.4). Their `jwks_uri` may be on another host, but must be
    /// https unless the issuer itself is plain http, and must not lead to loopback (unless the issuer is there) nor to
    /// a link-local address or a cloud's metadata service, neither as it is spelled nor as its name is looked up.
    ///
    /// Metadata are read before the first fetch, again before every tenth, and after a fetch that failed. While they
    /// cannot be read again, the place that they gave before is used. They take at most half of
    /// `Limits::key_fetch_wait` and `Limits::key_metadata_bytes`.
    pub fn discover(issuer: impl Into<String>) -> HttpKeysBuilder {
        HttpKeysBuilder::new(From::Issuer(issuer.into()))
    }

    /// Keys at the https `uri`; plain http is accepted for loopback hosts only.
    ///
    /// # Errors
    ///
    /// [`HttpKeysError`] when the URI cannot be used or the machine offers no TLS.
    pub fn new(uri: &str, limits: &Limits) -> Result<Self, HttpKeysError> {
        Self::at(uri).limits(limits.clone()).build()
    }

    /// Keys at `uri`, even over plain http to another machine.
    ///
    /// Anyone on the way can then replace the keys, and with them every identity.
    ///
    /// # Errors
    ///
    /// [`HttpKeysError`] when the URI cannot be used or the machine offers no TLS.
    pub fn dangerous_allow_http(uri: &str, limits: &Limits) -> Result<Self, HttpKeysError> {
        Self::at(uri).limits(limits.clone()).dangerous_allow_http().build()
    }

    async fn keys_at(&self, client: &HttpClient, endpoint: &Endpoint) -> Result<KeySet, FetchError> {
        let accept = "application/jwk-set+json, application/json";
        let body = document(client, endpoint, accept, self.limits.key_set_bytes).await?;
        KeySet::read(&body, self.key_use, &self.limits).map_err(FetchError::NotAKeySet)
    }
}

#[async_trait]
impl FetchKeys for HttpKeys {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let discovery = match &self.place {
            Place::Fixed { client, endpoint } => return self.keys_at(client, endpoint).await,
            Place::Discovered(discovery) => discovery,
        };
        let attempt = discovery.locate().await?;
        let keys = self.keys_at(attempt.client(), attempt.uri()).await?;
        attempt.succeeded();
        Ok(keys)
    }

    fn place(&self) -> Option<String> {
        let asked = match &self.place {
            Place::Fixed { endpoint, .. } => endpoint,
            Place::Discovered(discovery) => discovery.issuer(),
        };
        // No credentials stand in it, or it would not have been taken.
        asked.as_str().split(['?', '#']).next().map(str::to_owned)
    }
}

impl fmt::Debug for HttpKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may carry an access key, so only the host is shown.
        let host = match &self.place {
            Place::Fixed { endpoint, .. } => endpoint.host(),
            Place::Discovered(discovery) => discovery.host(),
        };
        formatter.debug_struct("HttpKeys").field("host", &host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_query() {
        let keys = HttpKeys::new("https://issuer.example/k?key=secret", &Limits::default()).unwrap();
        assert!(!format!("{keys:?}").contains("secret"));
    }

    #[test]
    fn text_that_is_no_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "no certificate", broken] {
            let refused = HttpKeys::at("https://issuer.example/k").root_certificate_pem(pem).build();
            let refused = refused.map(drop).unwrap_err();
            assert!(
                matches!(refused, HttpKeysError::Certificate(_) | HttpKeysError::Client(_)),
                "{refused:?}"
            );
        }
    }
}
