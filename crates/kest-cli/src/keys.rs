//! Loads the trust bundle of `--keys`: a file, or a URL whose answer cannot be changed on the way.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use kest_core::signature::{Bundle, BundleError};
use kest_http::{Endpoint, EndpointError, HttpClient, HttpClientError, HttpError};

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
    /// The URL has no host or another fault, or plain http would let what sits on the way put in keys of its own.
    #[error("trust bundle has no acceptable url")]
    Url(#[source] EndpointError),
    /// The machine offers no TLS.
    #[error("cannot fetch over https")]
    Client(#[source] HttpClientError),
    /// The server did not answer with the whole of it in time; redirects are not followed.
    #[error("cannot fetch the trust bundle")]
    Fetch(#[source] HttpError),
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
    let endpoint = Endpoint::parse(url).map_err(KeysError::Url)?;
    let client = HttpClient::builder(FETCH_WAIT).build().map_err(KeysError::Client)?;
    let answer = client.get(&endpoint).limit(BUNDLE_BYTES).send().await.map_err(KeysError::Fetch)?;
    Ok(answer.into_body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_https_name_urls() {
        assert!(is_url("HTTPS://example.org/keys"));
        assert!(is_url("http://localhost/keys"));
        assert!(!is_url("keys/http.json"));
        assert!(!is_url("file:///keys.json"));
    }
}
