//! Kest's layers among tower-http's, in the order of the guide and in the wrong one: what breaks there, and how loudly.

#![expect(
    clippy::unwrap_used,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kest::core::audit::{Audit, AuditError, Ending, Finished, Refused, Signed};
use kest::core::entry::EntryHash;
use kest::prelude::*;
use kest::{InboundLayer, OperationLayer};
use kest_testkit::TestKest;
use three_services::stack::{self, BODY_BYTES, LONGEST, SECRET};
use tower::{Layer as _, Service, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

const TEXT: &str =
    "a text that is long enough to be worth the work of a layer that compresses what services answer";

/// What the audit log is told of ends.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<(Ending, Option<EntryHash>)>>);

#[async_trait]
impl Audit for Ends {
    async fn signed(&self, _signed: &Signed<'_>) -> Result<(), AuditError> {
        Ok(())
    }

    fn refused(&self, _refused: &Refused<'_>) {}

    fn finished(&self, finished: &Finished) {
        self.0.lock().unwrap().push((finished.ending, finished.content_hash));
    }
}

/// A service that demands hop proofs, and one that calls it.
struct Rig {
    kit: TestKest,
    kest: Kest,
    ends: Arc<Ends>,
}

impl Rig {
    fn new() -> Self {
        let kit = TestKest::new(["gateway", "service"]);
        let ends = Arc::new(Ends::default());
        let shared: Arc<dyn Audit> = Arc::<Ends>::clone(&ends);
        let kest = Kest::builder(kit.signer("service")).trust(kit.keys()).clock(kit.clock());
        let kest = kest.without_deployment_policies().audit(shared).build().unwrap();
        Self { kit, kest, ends }
    }

    fn inbound(&self) -> InboundLayer {
        let inbound = self.kest.inbound_builder().identity(FromLineage);
        inbound.hop_proof(HopProof::for_authority("service.example")).build()
    }

    fn operation(&self) -> OperationLayer {
        self.kest.operation("call").policy_fn("anyone", |_asked| true).unwrap().hash_answer()
    }

    /// A request that the gateway signed, with headers that no signature covers.
    fn request(&self, path: &str, body: &[u8], headers: &[(&'static str, &'static str)]) -> Request<Body> {
        let request = Request::post(format!("https://service.example{path}"));
        let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
        self.kit.lineage().hop("gateway").send(request.body(body.to_vec()).unwrap()).map(Body::from)
    }

    /// What was recorded of the one operation that ran, if one did.
    fn recorded(&self) -> Option<(Ending, Option<EntryHash>)> {
        let ends = std::mem::take(&mut *self.ends.0.lock().unwrap());
        assert!(ends.len() < 2, "{ends:?}");
        ends.into_iter().next()
    }
}

fn call(route: MethodRouter) -> Router {
    Router::new().route("/call", route)
}

/// The status, a header, and the whole body.
async fn answer<App>(app: App, request: Request<Body>, header: &str) -> (StatusCode, Option<String>, Bytes)
where
    App: Service<Request<Body>, Error = Infallible>,
    App::Response: axum::response::IntoResponse,
{
    let answer: Response<Body> =
        axum::response::IntoResponse::into_response(app.oneshot(request).await.unwrap());
    let header = answer.headers().get(header).map(|value| value.to_str().unwrap().to_owned());
    (answer.status(), header, answer.into_body().collect().await.unwrap().to_bytes())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];

/// Attack, the wrong way round: who reads the log has tokens and passports out of it.
#[tokio::test]
async fn secrets_are_in_no_log_where_they_are_marked_before_it() {
    let rig = Rig::new();
    let headers = [("authorization", "Bearer very-secret"), ("cookie", "session=very-secret")];
    for marked_first in [true, false] {
        let log = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&log);
        let trace = TraceLayer::new_for_http().on_request(move |asked: &Request<Body>, _: &tracing::Span| {
            lines.lock().unwrap().push_str(&format!("{:?}", asked.headers()));
        });
        let marks = SetSensitiveRequestHeadersLayer::new(SECRET);
        let service = call(post(async || TEXT).route_layer(rig.operation())).layer(rig.inbound());
        let app =
            if marked_first { service.layer(trace).layer(marks) } else { service.layer(marks).layer(trace) };
        let request = rig.request("/call", b"", &headers);
        let baggage = request.headers().get("baggage").unwrap().to_str().unwrap().to_owned();
        assert_eq!(answer(app, request, "x").await.0, 200);
        let log = log.lock().unwrap();
        assert!(log.contains("\"authorization\": ") && log.contains("\"baggage\": "), "{log}");
        assert_eq!(
            (log.contains("very-secret"), log.contains(&baggage)),
            (!marked_first, !marked_first),
            "{log}"
        );
    }
}

/// A layer that compresses within the operation: the record has a hash by which no one finds the document.
#[tokio::test]
async fn hash_of_an_answer_is_that_of_the_text_where_compression_stands_outside() {
    let rig = Rig::new();
    let text = EntryHash::of_bytes(TEXT.as_bytes());
    let outside = call(post(async || TEXT).route_layer(rig.operation()))
        .layer(rig.inbound())
        .layer(CompressionLayer::new());
    let inside = call(post(async || TEXT).route_layer(CompressionLayer::new()).route_layer(rig.operation()))
        .layer(rig.inbound());
    let (status, coding, sent) = answer(outside, rig.request("/call", b"", &GZIP), "content-encoding").await;
    assert_eq!((status, coding.as_deref()), (StatusCode::OK, Some("gzip")));
    assert_eq!(rig.recorded(), Some((Ending::Complete, Some(text))));
    assert_ne!(EntryHash::of_bytes(&sent), text);
    let (status, coding, sent) = answer(inside, rig.request("/call", b"", &GZIP), "content-encoding").await;
    assert_eq!((status, coding.as_deref()), (StatusCode::OK, Some("gzip")));
    assert_eq!(rig.recorded(), Some((Ending::Complete, Some(EntryHash::of_bytes(&sent)))));
}

/// A layer that unpacks bodies before they are compared with what was signed: every packed request is refused.
#[tokio::test]
async fn packed_body_is_what_was_signed_where_it_is_unpacked_inside() {
    let rig = Rig::new();
    let echo = async |body: String| body;
    let inside = call(post(echo).route_layer(RequestDecompressionLayer::new()).route_layer(rig.operation()))
        .layer(rig.inbound());
    let outside = call(post(echo).route_layer(rig.operation()))
        .layer(rig.inbound())
        .layer(RequestDecompressionLayer::new());
    let packed = [("content-encoding", "gzip"), ("content-type", "text/plain")];
    let request = || rig.request("/call", &gzip(TEXT), &packed);
    let (status, _, body) = answer(inside, request(), "x").await;
    assert_eq!((status, body), (StatusCode::OK, TEXT.into()));
    assert!(rig.recorded().is_some());
    let (status, _, body) = answer(outside, request(), "x").await;
    assert_eq!((status, body), (StatusCode::UNAUTHORIZED, Bytes::new()));
    assert_eq!(rig.recorded(), None, "nothing ran and nothing was signed");
}

/// A layer within the operation that makes an answer of a panic, or of a time that is over: the record says that the handler answered.
#[tokio::test(start_paused = true)]
async fn panics_and_times_that_are_over_are_recorded_where_they_are_caught_outside() {
    let rig = Rig::new();
    let panics = async || -> &'static str { panic!("a mistake in a handler") };
    let hangs = std::future::pending::<&'static str>;
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST);
    let caught = CatchPanicLayer::new();
    for (app, status, ending) in [
        (
            call(post(panics).route_layer(rig.operation())).layer(rig.inbound()).layer(caught),
            500,
            Ending::Panicked,
        ),
        (
            call(post(panics).route_layer(caught).route_layer(rig.operation())).layer(rig.inbound()),
            500,
            Ending::Complete,
        ),
        (
            call(post(hangs).route_layer(rig.operation())).layer(rig.inbound()).layer(timeout),
            504,
            Ending::CutOff,
        ),
        (
            call(post(hangs).route_layer(timeout).route_layer(rig.operation())).layer(rig.inbound()),
            504,
            Ending::Complete,
        ),
    ] {
        assert_eq!(answer(app, rig.request("/call", b"", &[]), "x").await.0, status);
        assert_eq!(rig.recorded().map(|(ending, _)| ending), Some(ending));
    }
}

/// Preflights have no credentials and are no operation: answered within Kest's layers they say nothing, and the browser asks no further.
#[tokio::test]
async fn preflights_are_answered_where_cors_stands_outside() {
    let rig = Rig::new();
    let service = || call(post(async || TEXT).route_layer(rig.operation()));
    let cors = || CorsLayer::new().allow_origin(Any);
    let preflight = || {
        let request =
            Request::options("https://service.example/call").header("origin", "https://shop.example");
        request.header("access-control-request-method", "POST").body(Body::empty()).unwrap()
    };
    let allowed = "access-control-allow-origin";
    let (status, origin, _) =
        answer(service().layer(rig.inbound()).layer(cors()), preflight(), allowed).await;
    assert_eq!((status, origin.as_deref()), (StatusCode::OK, Some("*")));
    let (status, origin, body) =
        answer(service().layer(cors()).layer(rig.inbound()), preflight(), allowed).await;
    assert_eq!((status, origin, body), (StatusCode::INTERNAL_SERVER_ERROR, None, Bytes::new()));
}

/// A layer that rewrites addresses before they are compared with what was signed.
#[tokio::test]
async fn address_is_what_was_signed_where_it_is_rewritten_inside() {
    let rig = Rig::new();
    let rewriting = NormalizePathLayer::trim_trailing_slash();
    let service = || call(post(async || TEXT).route_layer(rig.operation()));
    let inside = rig.inbound().layer(rewriting.clone().layer(service()));
    assert_eq!(answer(inside, rig.request("/call/", b"", &[]), "x").await.0, 200);
    assert!(rig.recorded().is_some());
    let outside = rewriting.layer(service().layer(rig.inbound()));
    assert_eq!(answer(outside, rig.request("/call/", b"", &[]), "x").await.0, 401);
    assert_eq!(rig.recorded(), None);
}

/// The stack of the services, as the guide prints it.
#[tokio::test(start_paused = true)]
async fn services_stand_in_the_stack_of_the_guide() {
    let rig = Rig::new();
    let app =
        |route: MethodRouter| stack::within(call(route.route_layer(rig.operation())).layer(rig.inbound()));
    let (status, id, packed) =
        answer(app(post(async || TEXT)), rig.request("/call", b"", &GZIP), "x-request-id").await;
    assert!(status == 200 && id.is_some_and(|id| id.len() == 36) && packed.starts_with(&[0x1f, 0x8b]));
    assert_eq!(rig.recorded(), Some((Ending::Complete, Some(EntryHash::of_bytes(TEXT.as_bytes())))));
    // A refusal has an id too, by which it is found in lines.
    let stranger = Request::post("https://service.example/call").header("baggage", "kest.passport=x");
    let (status, id, _) =
        answer(app(post(async || TEXT)), stranger.body(Body::empty()).unwrap(), "x-request-id").await;
    assert!(status.is_client_error() && id.is_some(), "{status}");
    let marked = async |headers: http::HeaderMap| {
        assert!(SECRET.iter().filter_map(|name| headers.get(name)).all(http::HeaderValue::is_sensitive));
        headers.contains_key("signature").to_string()
    };
    assert_eq!(answer(app(post(marked)), rig.request("/call", b"", &[]), "x").await.2, "true");
    assert!(rig.recorded().is_some());
    for (more, length, expected) in [(0, "2097152", 200), (1, "2097153", 413)] {
        let request = rig.request("/call", &vec![b'x'; BODY_BYTES + more], &[("content-length", length)]);
        let (status, ..) = answer(app(post(async |_: String| TEXT)), request, "x").await;
        assert_eq!((status.as_u16(), rig.recorded().is_some()), (expected, expected == 200));
    }
    let panics = async || -> &'static str { panic!("a mistake in a handler") };
    assert_eq!(answer(app(post(panics)), rig.request("/call", b"", &[]), "x").await.0, 500);
    assert_eq!(rig.recorded().map(|(ending, _)| ending), Some(Ending::Panicked));
    let hangs = std::future::pending::<&'static str>;
    assert_eq!(answer(app(post(hangs)), rig.request("/call", b"", &[]), "x").await.0, 504);
    assert_eq!(rig.recorded().map(|(ending, _)| ending), Some(Ending::CutOff));
}

#[test]
fn guide_prints_the_stack_as_it_is() {
    let (guide, code) = (include_str!("../../../docs/guides/layers.md"), include_str!("../src/stack.rs"));
    let printed = guide.split("```rust,ignore\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(!printed.is_empty() && code.contains(printed), "{printed}");
    for name in SECRET {
        assert!(guide.contains(&format!("`{name}`")), "{name}");
    }
}
