//! Loads the trust bundle of `--keys`: a file, or a URL whose answer nobody between can change.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use kest_core::signature::{Bundle, BundleError};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::input::{InputError, Source};
use crate::output;

/// Bytes of a trust bundle: some thousands of keys.
pub(crate) const BUNDLE_BYTES: usize = 1024 * 1024;
/// Time that fetching one may take, from connecting to the last byte.
const FETCH_WAIT: Duration = Duration::from_secs(10);

/// Loads the bundle called `name`.
pub(crate) async fn load(name: &Path) -> Result<Bundle, KeysError> {
    let text = match name.to_str().filter(|name| is_url(name)) {
        Some(url) => fetch(url).await?,
        None => Source::File(name.to_owned()).read(BUNDLE_BYTES).map_err(KeysError::File)?,
    };
    let bundle = Bundle::from_json(&text).map_err(KeysError::Bundle)?;
    warn_of_skipped(&bundle, &name.display());
    Ok(bundle)
}

/// There are no keys to verify with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The file cannot be read.
    #[error("no trust bundle")]
    File(#[source] InputError),
    /// The text is no trust bundle.
    #[error("trust bundle is not acceptable")]
    Bundle(#[source] BundleError),
    /// The URL has no host or another fault.
    #[error("trust bundle has no acceptable url")]
    Url,
    /// Whoever sits on the way could put in keys of their own.
    #[error("trust bundle must come by https, or by http from this machine")]
    PlainHttp,
    /// The server did not answer in time, or not in full.
    #[error("cannot fetch the trust bundle")]
    Fetch(#[source] reqwest::Error),
    /// The server answered something else; redirects are not followed.
    #[error("trust bundle was answered with status {0}")]
    Status(u16),
    /// The answer is over the limit.
    #[error("trust bundle is longer than {BUNDLE_BYTES} bytes")]
    TooLong,
}

/// Warns about keys that cannot sign entries and were left out.
pub(crate) fn warn_of_skipped(bundle: &Bundle, name: &dyn fmt::Display) {
    let count = bundle.skipped().len();
    if count > 0 {
        output::say(&format!("skipped {count} keys of other types in {name}"));
    }
}

fn is_url(name: &str) -> bool {
    name.split_once("://").is_some_and(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

async fn fetch(url: &str) -> Result<Vec<u8>, KeysError> {
    let url = Url::parse(url).map_err(|_cause| KeysError::Url)?;
    if url.scheme() != "https" && !is_this_machine(&url) {
        return Err(KeysError::PlainHttp);
    }
    let mut answer = client()
        .and_then(|client| client.get(url).build().map(|request| (client, request)))
        .map(|(client, request)| client.execute(request))
        .map_err(fault)?
        .await
        .map_err(fault)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(KeysError::Status(answer.status().as_u16()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(fault)? {
        if text.len() + chunk.len() > BUNDLE_BYTES {
            return Err(KeysError::TooLong);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// A client that asks nobody but the named host: no redirects, no proxies, and `localhost` is this machine.
fn client() -> Result<Client, reqwest::Error> {
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(FETCH_WAIT)
        .resolve_to_addrs("localhost", &here.map(|address| SocketAddr::new(address, 0)))
        .build()
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The URL may hold a password; messages do without it.
fn fault(error: reqwest::Error) -> KeysError {
    KeysError::Fetch(error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        let here = |url: &str| is_this_machine(&Url::parse(url).unwrap());
        for url in ["http://127.0.0.1:80/k", "http://127.9.9.9/", "http://[::1]:1/", "http://LOCALHOST/"] {
            assert!(here(url), "{url}");
        }
        for url in ["http://10.0.0.1/", "http://localhost.example.org/", "http://127.0.0.1.example.org/"] {
            assert!(!here(url), "{url}");
        }
        for url in ["http://127.0.0.1@example.org/", "http://example.org/127.0.0.1", "http://[::2]/"] {
            assert!(!here(url), "{url}");
        }
    }

    #[test]
    fn only_http_and_https_name_urls() {
        assert!(is_url("HTTPS://example.org/keys"));
        assert!(is_url("http://localhost/keys"));
        assert!(!is_url("keys/http.json"));
        assert!(!is_url("file:///keys.json"));
    }
}
