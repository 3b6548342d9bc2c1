//! One bounded question to an issuer: a document of JSON, or the reason why not.

use http::HeaderValue;
use kest_http::{Endpoint, HttpClient, HttpError};

use super::HttpKeysError;
use crate::jwks::FetchError;

/// The body of the document at `endpoint`, of at most `limit` bytes.
///
/// What it holds decides and not what it is called: issuers serve key sets as plain text or as bytes. Only what is
/// called a page is refused, whatever it holds, since a server that answers so answers people.
pub(super) async fn document(
    client: &HttpClient,
    endpoint: &Endpoint,
    accept: &'static str,
    limit: usize,
) -> Result<Vec<u8>, FetchError> {
    let answer = client.get(endpoint).accept(accept).limit(limit).send().await?;
    if answer.content_type().is_some_and(is_page) {
        return Err(FetchError::ContentType);
    }
    Ok(answer.into_body())
}

/// Whether a type says that a person is meant to read it.
fn is_page(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|page| essence.eq_ignore_ascii_case(page))
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Unreachable(cause) => Self::Unreachable(cause),
            HttpError::TimedOut => Self::TimedOut,
            HttpError::Status(status) => Self::Status(status),
            HttpError::Coding(coding) => Self::Coding(coding),
            HttpError::TooLong(limit) => Self::TooLong(limit),
            HttpError::PrivateAddress => Self::KeySetUri(HttpKeysError::PrivateAddress),
            other => Self::Unreachable(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_documents() {
        for value in ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"] {
            assert!(is_page(&value.parse().unwrap()), "{value}");
        }
        for value in
            ["application/json", "text/plain; text/html", "application/octet-stream", "text/htmlx", ""]
        {
            assert!(!is_page(&value.parse().unwrap()), "{value}");
        }
    }
}
