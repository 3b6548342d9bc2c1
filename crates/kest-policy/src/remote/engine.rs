//! One question to a sidecar engine, and the JSON that comes back.

use std::fmt;

use http::HeaderValue;
use kest_core::{Limits, StrictJsonError, parse_strict_json};
use kest_http::{Connections, Endpoint, HttpClient, HttpError as Unanswered, HttpRequest};
use serde_json::Value;

use super::RemoteConfigError;
use crate::engine::EngineError;

/// Asks a sidecar engine, by the rule of [`kest_http`]: the answer comes from where it was asked for.
pub(crate) struct RemoteEngine {
    client: HttpClient,
    authorization: Option<HeaderValue>,
    answer_bytes: usize,
    json_depth: usize,
}

impl RemoteEngine {
    pub(super) fn new(
        authorization: Option<HeaderValue>,
        limits: &Limits,
    ) -> Result<Self, RemoteConfigError> {
        let client = HttpClient::builder(limits.policy_wait).connections(Connections::Kept).build();
        let client = client.map_err(|cause| RemoteConfigError::Client(cause.into()))?;
        let (answer_bytes, json_depth) = (limits.policy_answer_bytes, limits.json_depth);
        Ok(Self { client, authorization, answer_bytes, json_depth })
    }

    /// Posts the JSON text `question` and gives the JSON value of the answer.
    pub(crate) async fn ask(&self, endpoint: &Endpoint, question: String) -> Result<Value, AskError> {
        self.answer(self.client.post(endpoint, "application/json", question), self.answer_bytes).await
    }

    /// Gets the JSON value at `endpoint`, of at most `limit` bytes.
    pub(crate) async fn look(&self, endpoint: &Endpoint, limit: usize) -> Result<Value, AskError> {
        self.answer(self.client.get(endpoint), limit).await
    }

    async fn answer(&self, question: HttpRequest, limit: usize) -> Result<Value, AskError> {
        let question = self.authorization.iter().cloned().fold(question, HttpRequest::authorization);
        let answer = question.accept("application/json").limit(limit).send().await?;
        parse_strict_json(answer.body(), self.json_depth).map_err(AskError::NotJson)
    }
}

impl fmt::Debug for RemoteEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RemoteEngine").finish_non_exhaustive()
    }
}

/// There is no answer to go by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("engine did not answer usefully")]
    Unanswered(#[from] Unanswered),
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
