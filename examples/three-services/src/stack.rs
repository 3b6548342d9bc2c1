//! What a service has around it besides Kest: layers of tower-http, each where it has to stand.
//!
//! Made to be copied. The [guide on layers](../../../docs/guides/layers.md) says what goes wrong in another order.

use std::time::Duration;

use axum::Router;
use http::StatusCode;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

/// Who reads these in a log learns who asked for what, and can send some of them again.
pub const SECRET: [HeaderName; 7] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("baggage"),
    HeaderName::from_static("dpop"),
    HeaderName::from_static("signature"),
    HeaderName::from_static("signature-input"),
    HeaderName::from_static("x-forwarded-client-cert"),
];

/// Bytes of a request's body.
pub const BODY_BYTES: usize = 2 * 1024 * 1024;

/// Time for an answer to begin: longer than the next service and all behind it may take.
pub const LONGEST: Duration = Duration::from_secs(40);

/// `service`, which has its `InboundLayer` already, within the layers of every day; the first is the outermost.
pub fn within(service: Router) -> Router {
    service.layer(
        ServiceBuilder::new()
            .layer(SetSensitiveRequestHeadersLayer::new(SECRET))
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(TraceLayer::new_for_http())
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(CompressionLayer::new())
            .layer(RequestBodyLimitLayer::new(BODY_BYTES))
            .layer(CatchPanicLayer::new())
            .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST)),
    )
}
