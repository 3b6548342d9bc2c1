//! Lets a service shape the answer to a refused request without ever seeing what was refused.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::answer::Rejection;

/// Changes status and headers of a refusing response. The body stays empty.
pub type Respond = Arc<dyn Fn(&Rejection, &mut Parts) + Send + Sync>;

/// Answers as gRPC does: status 200 and a `grpc-status`, a response of trailers only.
///
/// For tonic services: `InboundLayer::builder(keys).respond(kest_tower::respond::grpc)`.
pub fn grpc(rejection: &Rejection, parts: &mut Parts) {
    let code = rejection.kind().row().grpc.code();
    parts.status = StatusCode::OK;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    parts.headers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static(code));
}
