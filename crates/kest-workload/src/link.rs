//! Questions to the authority, each bounded in time and size.

use std::time::Duration;

use http::HeaderValue;
use kest_http::{ClientTls, Endpoint, HttpClient, HttpClientError, HttpError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Asks with a body, and reads the answer.
pub(crate) async fn ask<T: DeserializeOwned>(
    client: &HttpClient,
    endpoint: &Endpoint,
    body: &(impl Serialize + Sync),
) -> Result<T, AskError> {
    let body = serde_json::to_vec(body).map_err(|_cause| AskError::Answer)?;
    let answer = client.post(endpoint, "application/json", body).limit(ISSUED_BYTES).send().await;
    match answer {
        Ok(answer) => serde_json::from_slice(answer.body()).map_err(|_cause| AskError::Answer),
        Err(HttpError::Status(FORBIDDEN)) => Err(AskError::Refused),
        Err(cause) => Err(AskError::Unavailable(cause)),
    }
}

/// The signed trust bundle and its entity tag; none where `tag` is still that of the present one.
pub(crate) async fn bundle(
    client: &HttpClient,
    authority: &Endpoint,
    tag: Option<&HeaderValue>,
    limit: usize,
) -> Result<Option<(String, Option<HeaderValue>)>, HttpError> {
    let question = client.get(&authority.at_path("/v1/bundle")).accept("application/jose");
    // In base64, with a header and a signature.
    let question = question.limit(limit.saturating_add(limit / 2).saturating_add(1024));
    let question = match tag {
        Some(tag) => question.if_none_match(tag.clone()),
        None => question,
    };
    match question.send().await {
        Ok(answer) => {
            let tag = answer.entity_tag().filter(|tag| tag.len() <= TAG_BYTES).cloned();
            Ok(Some((String::from_utf8_lossy(answer.body()).trim().to_owned(), tag)))
        }
        // RFC 9110 section 15.4.5.
        Err(HttpError::Status(NOT_MODIFIED)) if tag.is_some() => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// A client of the authority, each of whose questions is a connection of its own: the certificate of the moment is presented.
pub(crate) fn client(tls: ClientTls) -> Result<HttpClient, HttpClientError> {
    HttpClient::builder(WAIT).tls(tls).build()
}

/// The authority did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// It says no, and its log says why.
    #[error("authority refused")]
    Refused,
    /// It cannot be asked, or is itself in trouble.
    #[error("authority is out of reach")]
    Unavailable(#[source] HttpError),
    /// Its answer cannot be read, or is not what was asked for.
    #[error("answer of the authority is not what was asked for")]
    Answer,
}

impl AskError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unavailable(cause) => cause.kind(),
            Self::Answer => "answer",
        }
    }
}

const FORBIDDEN: u16 = 403;
const NOT_MODIFIED: u16 = 304;
const TAG_BYTES: usize = 256;
/// From looking the name up to the last byte: two round trips, two signatures and a transaction of the authority.
const WAIT: Duration = Duration::from_secs(10);
/// Of an answer with a certificate and a trust bundle of 1 MiB in base64.
const ISSUED_BYTES: usize = 2 * 1024 * 1024;
