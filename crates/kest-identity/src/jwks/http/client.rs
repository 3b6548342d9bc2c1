//! One bounded question by HTTP: no redirect, no proxy of the environment, JSON or nothing.

use kest_core::{BoxError, Limits};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, Response, StatusCode, redirect};
use url::Url;

use super::HttpKeysError;
use super::addresses::Outward;
use crate::jwks::FetchError;

/// Asks issuers. Every question opens a connection of its own, since minutes lie between two of them.
#[derive(Debug, Clone)]
pub(super) struct IssuerClient(Client);

/// Which addresses a name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The configuration names the host.
    Configured,
    /// An issuer names the host.
    Published,
}

impl IssuerClient {
    /// A client that trusts `roots` (PEM) too, besides those of the machine.
    pub(super) fn new(roots: &[Vec<u8>], names: Names, limits: &Limits) -> Result<Self, HttpKeysError> {
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(limits.key_fetch_wait)
            .connect_timeout(limits.key_fetch_wait)
            .pool_max_idle_per_host(0);
        for pem in roots {
            let certificates = Certificate::from_pem_bundle(pem)
                .map_err(|cause| HttpKeysError::Certificate(Some(Box::new(cause))))?;
            if certificates.is_empty() {
                return Err(HttpKeysError::Certificate(None));
            }
            client = client.tls_certs_merge(certificates);
        }
        if names == Names::Published {
            client = client.dns_resolver(Outward);
        }
        client.build().map(Self).map_err(|cause| HttpKeysError::Client(Box::new(cause)))
    }

    /// The body of the JSON document at `uri`, of at most `limit` bytes.
    pub(super) async fn json(&self, uri: &Url, accept: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
        let response = self.0.get(uri.clone()).header(ACCEPT, accept).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        if !is_json(response.headers()) {
            return Err(FetchError::ContentType);
        }
        body(response, limit).await
    }
}

async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
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
    let cause: BoxError = Box::new(cause.without_url());
    FetchError::Unreachable(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
