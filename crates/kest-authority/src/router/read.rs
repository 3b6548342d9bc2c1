//! Reads what is asked: bounded in bytes and time, JSON and nothing else.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header;
use serde::de::DeserializeOwned;

/// The body of a request as `T`; nothing where it is anything else.
pub(super) async fn json<T: DeserializeOwned>(request: Request<Body>) -> Option<T> {
    let content_type = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next()?.trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return None;
    }
    let body = tokio::time::timeout(BODY_WAIT, to_bytes(request.into_body(), BODY_BYTES)).await.ok()?.ok()?;
    // Of a member that stands twice serde refuses the second one.
    serde_json::from_slice(&body).ok()
}

/// All members of an enrolment at their longest, twice.
const BODY_BYTES: usize = 64 * 1024;

/// A body is sent with its head; the slowest networks take seconds.
const BODY_WAIT: Duration = Duration::from_secs(10);
