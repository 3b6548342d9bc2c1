//! Answers: one for all that is refused, one for trouble, and documents.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::authority::{Authority, SignedBundle};
use crate::error::Trouble;
use crate::telemetry::{self, Asked};

/// Whatever is refused: no reason, no body, and nothing that tells one reason from another.
pub(super) fn refused() -> Response {
    empty(StatusCode::FORBIDDEN)
}

/// The authority cannot: the same request may be good later.
pub(super) fn unavailable() -> Response {
    let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// What was issued: secret, so no cache keeps it (RFC 6749 section 5.1).
pub(super) fn issued(answer: &impl Serialize) -> Response {
    let Ok(json) = serde_json::to_string(answer) else { return unavailable() };
    document(json, JSON, None)
}

/// The bundle, signed where that is asked for.
pub(super) async fn bundle(authority: &Authority, method: &Method, headers: &HeaderMap) -> Response {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok());
    let is_signed = accepts.flat_map(|accepted| accepted.split(',')).any(|it| it.trim() == JOSE);
    published(authority, method, headers, |bundle| {
        if is_signed { (bundle.jws(), JOSE, "jws") } else { (bundle.json(), JSON, "json") }
    })
    .await
}

/// The keys of tokens.
pub(super) async fn jwks(authority: &Authority, method: &Method, headers: &HeaderMap) -> Response {
    published(authority, method, headers, |bundle| (bundle.token_keys(), JWK_SET, "jwks")).await
}

async fn published(
    authority: &Authority,
    method: &Method,
    headers: &HeaderMap,
    form: impl FnOnce(&SignedBundle) -> (&str, &'static str, &'static str),
) -> Response {
    // Methods are told apart here: a router of methods would say in `Allow` which paths there are.
    if !matches!(*method, Method::GET | Method::HEAD) {
        return refused();
    }
    let bundle = match authority.bundle().await {
        Ok(bundle) => bundle,
        Err(trouble) => return troubled(&trouble),
    };
    let (text, content_type, name) = form(&bundle);
    let etag = bundle.etag(name);
    // RFC 9110 section 13.1.2; these tags have no comma.
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let is_known =
        known.flat_map(|tags| tags.split(',')).any(|tag| tag.trim().trim_start_matches("W/") == etag);
    if is_known {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        set(&mut response, header::ETAG, &etag);
        return response;
    }
    document(text.to_owned(), content_type, Some(&etag))
}

fn troubled(trouble: &Trouble) -> Response {
    telemetry::troubled(Asked::Bundle, trouble);
    unavailable()
}

fn document(text: String, content_type: &'static str, etag: Option<&str>) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    let cache = if etag.is_some() { "no-cache" } else { "no-store" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(etag) = etag {
        set(&mut response, header::ETAG, etag);
    }
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

const JSON: &str = "application/json";
const JOSE: &str = "application/jose";
const JWK_SET: &str = "application/jwk-set+json";
