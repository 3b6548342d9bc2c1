//! One bounded question to an issuer: a document of JSON, or the reason why not.

use http::HeaderValue;
use kest_http::{AskError, Endpoint, HttpClient};

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
    let answer = client.get(endpoint).accept(accept).limit(limit).ask().await?;
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

impl From<AskError> for FetchError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unreachable(cause) => Self::Unreachable(cause),
            AskError::TimedOut => Self::TimedOut,
            AskError::Status(status) => Self::Status(status),
            AskError::Coding(coding) => Self::Coding(coding),
            AskError::TooLong(limit) => Self::TooLong(limit),
            AskError::Inward => Self::KeySetUri(HttpKeysError::Inward),
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
