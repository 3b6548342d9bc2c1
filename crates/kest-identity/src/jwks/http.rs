//! Fetches a key set over HTTP, within bounds and from nowhere else.

use std::fmt;

use async_trait::async_trait;
use kest_core::{BoxError, Limits};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, StatusCode, redirect};
use url::{Host, Url};

use super::{FetchError, FetchKeys, KeySet};

/// The key set that an issuer publishes at a URI.
///
/// No redirect is followed and no proxy of the environment is used: keys come from the URI that was configured.
/// Every fetch opens a connection of its own, since minutes lie between two of them.
#[derive(Clone)]
pub struct HttpKeys {
    client: Client,
    uri: Url,
    limits: Limits,
}

impl HttpKeys {
    /// Keys at the https `uri`; plain http is accepted for loopback hosts only.
    ///
    /// # Errors
    ///
    /// [`HttpKeysError`] when the URI cannot be used or the machine offers no TLS.
    pub fn new(uri: &str, limits: &Limits) -> Result<Self, HttpKeysError> {
        let uri = parse(uri)?;
        if uri.scheme() != "https" && !is_loopback(&uri) {
            return Err(HttpKeysError::PlainHttp);
        }
        Self::connectable(uri, limits)
    }

    /// Keys at `uri`, even over plain http to another machine.
    ///
    /// Whoever sits on the way can then replace the keys, and with them every identity.
    ///
    /// # Errors
    ///
    /// [`HttpKeysError`] when the URI cannot be used or the machine offers no TLS.
    pub fn dangerous_allow_http(uri: &str, limits: &Limits) -> Result<Self, HttpKeysError> {
        Self::connectable(parse(uri)?, limits)
    }

    fn connectable(uri: Url, limits: &Limits) -> Result<Self, HttpKeysError> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(limits.key_fetch_wait)
            .connect_timeout(limits.key_fetch_wait)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|cause| HttpKeysError::Client(Box::new(cause)))?;
        Ok(Self { client, uri, limits: limits.clone() })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let limit = self.limits.key_set_bytes;
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(FetchError::TooLong(limit));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(FetchError::TooLong(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[async_trait]
impl FetchKeys for HttpKeys {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let request =
            self.client.get(self.uri.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        let response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        if !is_json(response.headers()) {
            return Err(FetchError::ContentType);
        }
        let body = self.body(response).await?;
        KeySet::from_json(&body, &self.limits).map_err(FetchError::NotAKeySet)
    }
}

impl fmt::Debug for HttpKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may carry an access key, so only the host is shown.
        formatter.debug_struct("HttpKeys").field("host", &self.uri.host_str()).finish_non_exhaustive()
    }
}

/// The URI of a key set cannot be used.
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
    /// The machine offers no TLS.
    #[error("http client could not be made")]
    Client(#[source] BoxError),
}

fn parse(uri: &str) -> Result<Url, HttpKeysError> {
    let uri = Url::parse(uri).map_err(|cause| HttpKeysError::Malformed(Box::new(cause)))?;
    if !matches!(uri.scheme(), "https" | "http") {
        return Err(HttpKeysError::Scheme);
    }
    if !uri.username().is_empty() || uri.password().is_some() {
        return Err(HttpKeysError::Credentials);
    }
    Ok(uri)
}

fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761 section 6.3: this name is for loopback addresses and is not to be looked up.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// RFC 7517 section 8.5; issuers also use plain JSON, and some send no type at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "application/jwk-set+json")
}

fn failed(cause: reqwest::Error) -> FetchError {
    if cause.is_timeout() {
        return FetchError::TimedOut;
    }
    // The URI's query may be a secret; the message of the client would repeat it.
    FetchError::Unreachable(Box::new(cause.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_the_machine() {
        let limits = Limits::default();
        for uri in ["http://127.0.0.1:9/k", "http://127.9.9.9/k", "http://[::1]/k", "http://localhost:1/k"] {
            assert!(HttpKeys::new(uri, &limits).is_ok(), "{uri}");
        }
        for uri in [
            "http://issuer.example/k",
            "http://10.0.0.1/k",
            "http://127.0.0.1.example/k",
            "http://localhost.example/k",
            "http://[::2]/k",
        ] {
            assert!(matches!(HttpKeys::new(uri, &limits), Err(HttpKeysError::PlainHttp)), "{uri}");
            assert!(HttpKeys::dangerous_allow_http(uri, &limits).is_ok(), "{uri}");
        }
    }

    #[test]
    fn uris_that_are_no_endpoint_are_refused() {
        let limits = Limits::default();
        assert!(HttpKeys::new("https://issuer.example/k", &limits).is_ok());
        assert!(matches!(HttpKeys::new("/k", &limits), Err(HttpKeysError::Malformed(_))));
        assert!(matches!(HttpKeys::new("file:///etc/k", &limits), Err(HttpKeysError::Scheme)));
        assert!(matches!(
            HttpKeys::new("https://u:p@issuer.example/", &limits),
            Err(HttpKeysError::Credentials)
        ));
    }

    #[test]
    fn only_json_types_are_read() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/jwk-set+json", true),
            ("text/html", false),
            ("text/plain; application/json", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(is_json(&headers), expected, "{value}");
        }
        assert!(is_json(&HeaderMap::new()));
    }

    #[test]
    fn debug_hides_the_query() {
        let keys = HttpKeys::new("https://issuer.example/k?key=secret", &Limits::default()).unwrap();
        assert!(!format!("{keys:?}").contains("secret"));
    }
}
