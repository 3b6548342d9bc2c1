//! One question to an engine next door, and what comes back read within bounds.

use std::fmt;
use std::time::Duration;

use kest_core::{BoxError, Limits, StrictJsonError, parse_strict_json};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect, retry};
use serde_json::Value;

use super::RemoteConfigError;
use crate::engine::EngineError;

/// Asks an engine next door.
///
/// No redirect is followed and no proxy of the environment is used: the answer comes from where it was asked for. No
/// compression is understood, so that an answer is never longer than what was read.
pub(crate) struct Neighbour {
    client: Client,
    authorization: Option<HeaderValue>,
    answer_bytes: usize,
    json_depth: usize,
}

impl Neighbour {
    pub(super) fn new(
        authorization: Option<HeaderValue>,
        limits: &Limits,
    ) -> Result<Self, RemoteConfigError> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .timeout(limits.policy_wait)
            .connect_timeout(limits.policy_wait)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()
            .map_err(|cause| RemoteConfigError::Client(cause.into()))?;
        let (answer_bytes, json_depth) = (limits.policy_answer_bytes, limits.json_depth);
        Ok(Self { client, authorization, answer_bytes, json_depth })
    }

    /// Posts the JSON text `question` and gives the JSON value of the answer.
    pub(crate) async fn ask(&self, url: &Url, question: String) -> Result<Value, AskError> {
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(question);
        self.answer(request, self.answer_bytes).await
    }

    /// Gets the JSON value at `url`, of at most `limit` bytes.
    pub(crate) async fn look(&self, url: &Url, limit: usize) -> Result<Value, AskError> {
        self.answer(self.client.get(url.clone()), limit).await
    }

    async fn answer(&self, mut request: RequestBuilder, limit: usize) -> Result<Value, AskError> {
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.header(ACCEPT, "application/json").send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Status(response.status().as_u16()));
        }
        let body = body(response, limit).await?;
        parse_strict_json(&body, self.json_depth).map_err(AskError::NotJson)
    }
}

async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, AskError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(AskError::TooLong(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(AskError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(cause: reqwest::Error) -> AskError {
    if cause.is_timeout() {
        return AskError::TimedOut;
    }
    AskError::Unreachable(cause.without_url().into())
}

impl fmt::Debug for Neighbour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Neighbour").finish_non_exhaustive()
    }
}

/// There is no answer to go by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("engine is out of reach")]
    Unreachable(#[source] BoxError),
    #[error("engine did not answer in time")]
    TimedOut,
    #[error("engine answered with status {0}")]
    Status(u16),
    #[error("answer of the engine is over the limit of {0} bytes")]
    TooLong(usize),
    #[error("engine answered with something else than json")]
    NotJson(#[source] StrictJsonError),
}

/// An engine that answers rubbish is ill, not of another opinion: a retry may help.
impl From<AskError> for EngineError {
    fn from(error: AskError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// JSON, but nothing that an engine of this kind says.
#[cfg(feature = "cedar-agent")]
#[derive(Debug, thiserror::Error)]
#[error("engine answered with json of another shape")]
pub(crate) struct NotAnAnswer;

/// A connection is given up before servers do so, the hastiest of which keep one for five seconds: a question that
/// meets a connection as it closes is lost, and nothing is asked twice.
const IDLE: Duration = Duration::from_secs(4);

/// Connections kept for the next question; a burst opens more and closes them again.
const IDLE_CONNECTIONS: usize = 32;
