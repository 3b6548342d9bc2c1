//! One question, and what comes back read within bounds.

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::address::Reach;
use crate::coding::Coding;
use crate::endpoint::Endpoint;
use crate::error::{HttpError, failed};

/// One question to an endpoint; made by [`HttpClient`](crate::HttpClient).
#[derive(Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct HttpRequest {
    /// None when its endpoint is out of the client's reach.
    request: Option<RequestBuilder>,
    limit: usize,
}

impl HttpRequest {
    pub(crate) fn new(request: RequestBuilder, endpoint: &Endpoint, reach: Reach) -> Self {
        // A host that is an address is connected to without a look-up, so it is judged here.
        Self { request: endpoint.may_lie_within(reach).then_some(request), limit: ANSWER_BYTES }
    }

    /// Says which content types are wanted.
    pub fn accept(mut self, types: &'static str) -> Self {
        self.request = self.request.map(|request| request.header(ACCEPT, types));
        self
    }

    /// Sends this as the `Authorization` header.
    pub fn authorization(mut self, value: HeaderValue) -> Self {
        self.request = self.request.map(|request| request.header(AUTHORIZATION, value));
        self
    }

    /// Asks for an answer only where it is another than the one that came with this [entity
    /// tag](HttpResponse::entity_tag); [`HttpError::Status`] says 304 otherwise (RFC 9110 section 13.1.2).
    pub fn if_none_match(mut self, tag: HeaderValue) -> Self {
        self.request = self.request.map(|request| request.header(IF_NONE_MATCH, tag));
        self
    }

    /// Takes an answer of at most so many bytes; 64 KiB unless told otherwise.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Asks once.
    ///
    /// # Errors
    ///
    /// [`HttpError`] when there is no whole answer with status 200 and without a content coding, within the bounds.
    pub async fn send(self) -> Result<HttpResponse, HttpError> {
        let request = self.request.ok_or(HttpError::PrivateAddress)?;
        let response = request.header(ACCEPT_ENCODING, "identity").send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(HttpError::Status(response.status().as_u16()));
        }
        if let Some(coding) = Coding::of_answer(response.headers()) {
            return Err(HttpError::Coding(coding));
        }
        let headers = response.headers().clone();
        Ok(HttpResponse { body: body(response, self.limit).await?, headers })
    }
}

async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(HttpError::TooLong(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(HttpError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a server said, with status 200.
#[derive(Debug)]
pub struct HttpResponse {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl HttpResponse {
    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The whole body, by value.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The content type as it was sent, for the caller to judge; none if there was none.
    #[must_use]
    pub fn content_type(&self) -> Option<&HeaderValue> {
        self.headers.get(CONTENT_TYPE)
    }

    /// The entity tag, by which a later question asks whether there is another answer; none if there was none.
    #[must_use]
    pub fn entity_tag(&self) -> Option<&HeaderValue> {
        self.headers.get(ETAG)
    }
}

/// Bytes of an answer where the question names no limit: what a document of some hundred lines takes.
const ANSWER_BYTES: usize = 64 * 1024;
