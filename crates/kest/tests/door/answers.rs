//! What the audit log is told of the bytes that an operation gave.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::IntoResponse as _;
use axum::routing::get;
use bytes::Buf;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use kest::core::audit::{Audit, AuditError, Ending, Finished, Refused, Signed};
use kest::core::entry::EntryHash;
use kest::prelude::*;
use kest::{Operation, RunNested as _};
use tower::{Layer as _, ServiceExt as _};

use crate::rig::keys;

#[derive(Debug, Default)]
struct Ends(Mutex<Vec<(Ending, Option<EntryHash>)>>);

#[async_trait]
impl Audit for Ends {
    async fn signed(&self, _signed: &Signed<'_>) -> Result<(), AuditError> {
        Ok(())
    }

    fn refused(&self, refused: &Refused<'_>) {
        panic!("refused: {refused:?}");
    }

    fn finished(&self, finished: &Finished) {
        self.0.lock().unwrap().push((finished.ending, finished.content_hash));
    }
}

/// The frames that a handler gives, in this order; `None` is an error.
#[derive(Clone)]
struct Frames(VecDeque<Option<Given>>);

#[derive(Clone)]
enum Given {
    Data(&'static str),
    Trailers(&'static str),
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::fmt::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::fmt::Error>>> {
        Poll::Ready(self.0.pop_front().map(|frame| match frame {
            Some(Given::Data(data)) => Ok(Frame::data(data.into())),
            Some(Given::Trailers(status)) => {
                let name = http::HeaderName::from_static("grpc-status");
                Ok(Frame::trailers(HeaderMap::from_iter([(name, status.parse().unwrap())])))
            }
            None => Err(std::fmt::Error),
        }))
    }
}

fn frames(frames: impl IntoIterator<Item = Option<Given>>) -> Body {
    Body::new(Frames(frames.into_iter().collect()))
}

fn data(text: &'static str) -> Option<Given> {
    Some(Given::Data(text))
}

fn hashing() -> (Arc<Ends>, Kest) {
    let (signer, trusted) = keys("cart");
    let ends = Arc::new(Ends::default());
    let shared: Arc<dyn Audit> = Arc::<Ends>::clone(&ends);
    let builder = Kest::builder(signer).trust(trusted).dangerous_bearer_passports();
    (ends, builder.without_deployment_policies().audit(shared).build().unwrap())
}

/// What a route answers whose handler gives `answer`.
async fn asked(kest: &Kest, method: &str, answer: impl Fn() -> Response<Body>) -> Response<Body> {
    let layer = kest.operation("read").policy_fn("anyone", |_| true).unwrap().hash_answer();
    let answer = answer();
    let answer = Arc::new(Mutex::new(Some(answer)));
    let handler = async move || answer.lock().unwrap().take().unwrap();
    let app = Router::new().route("/", get(handler).route_layer(layer)).layer(kest.inbound(FromLineage));
    app.oneshot(Request::builder().method(method).uri("/").body(Body::empty()).unwrap()).await.unwrap()
}

fn told(ends: &Ends) -> (Ending, Option<EntryHash>) {
    let told = std::mem::take(&mut *ends.0.lock().unwrap());
    let [end] = told.as_slice() else { panic!("{told:?}") };
    *end
}

#[track_caller]
fn check(ends: &Ends, ending: Ending, content: Option<&str>) {
    assert_eq!(told(ends), (ending, content.map(|text| EntryHash::of_bytes(text.as_bytes()))));
}

#[tokio::test]
async fn bytes_of_an_answer_are_hashed_as_they_leave() {
    let (ends, kest) = hashing();
    let whole = asked(&kest, "GET", || "in one piece".into_response()).await;
    assert_eq!(whole.into_body().collect().await.unwrap().to_bytes(), "in one piece");
    check(&ends, Ending::Complete, Some("in one piece"));

    let parts = asked(&kest, "GET", || frames([data("in "), data(""), data("parts")]).into_response()).await;
    assert_eq!(parts.into_body().collect().await.unwrap().to_bytes(), "in parts");
    check(&ends, Ending::Complete, Some("in parts"));

    // Servers do not ask a body further that says it has ended.
    let empty = asked(&kest, "GET", || ().into_response()).await;
    assert!(http_body::Body::is_end_stream(empty.body()));
    drop(empty);
    check(&ends, Ending::Complete, Some(""));
}

/// Messages of gRPC are the answer; how it went stands in trailers, which no hash covers.
#[tokio::test]
async fn trailers_are_behind_the_hash() {
    let (ends, kest) = hashing();
    let call = || frames([data("message"), Some(Given::Trailers("5"))]).into_response();
    let answer = asked(&kest, "GET", call).await.into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap().get("grpc-status").unwrap(), "5");
    check(&ends, Ending::Complete, Some("message"));
}

/// Attack: the answer is cut, so that a hash of its beginning passes for the whole.
#[tokio::test]
async fn truncated_answer_is_recorded_without_a_hash() {
    let (ends, kest) = hashing();
    let mut cut = asked(&kest, "GET", || frames([data("first"), data("second")]).into_response()).await;
    cut.body_mut().frame().await.unwrap().unwrap();
    drop(cut);
    check(&ends, Ending::CutOff, None);

    let failed = asked(&kest, "GET", || frames([data("first"), None]).into_response()).await;
    failed.into_body().collect().await.unwrap_err();
    check(&ends, Ending::Failed, None);
}

/// Attack: a body that says another length than it has: what arrives is another text than what was hashed.
#[tokio::test]
async fn body_of_another_length_than_it_says_is_recorded_without_a_hash() {
    let (ends, kest) = hashing();
    for said in ["3", "30"] {
        let answer = || ([("content-length", said)], frames([data("in parts")])).into_response();
        let answer = asked(&kest, "GET", answer).await;
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "in parts");
        check(&ends, Ending::Complete, None);
    }
}

/// Attack: an answer without a body (HEAD) for which the hash of nothing is recorded, as if the document were empty.
#[tokio::test]
async fn answer_whose_body_is_not_sent_is_recorded_without_a_hash() {
    let (ends, kest) = hashing();
    let layer = kest.operation("read").policy_fn("anyone", |_| true).unwrap().hash_answer();
    let inner = layer.layer(tower::service_fn(async |_asked: Request<_>| {
        Ok::<_, Infallible>(Response::new(Body::from("document")))
    }));
    let door = kest.inbound(FromLineage).layer(inner);
    let head = Request::head("/").body(Body::empty()).unwrap();
    drop(door.oneshot(head).await.unwrap());
    check(&ends, Ending::Complete, None);
}

/// Attack: a layer outside of the operation exchanges the body, after it took the handler's or without it: the record says what the
/// handler gave, and never that it gave what the client has.
#[tokio::test]
async fn body_swapped_after_the_hash_shows() {
    let (ends, kest) = hashing();
    let layer = kest.operation("read").policy_fn("anyone", |_| true).unwrap().hash_answer();
    let honest = get(async || "honest").route_layer(layer);
    let taking = async |answer: Response<Body>| {
        answer.into_body().collect().await.unwrap();
        "forged".into_response()
    };
    let leaving = async |_answer: Response<Body>| "forged".into_response();
    let apps = [
        Router::new().route("/", honest.clone().layer(axum::middleware::map_response(taking))),
        Router::new().route("/", honest.layer(axum::middleware::map_response(leaving))),
    ];
    let recorded = [(Ending::Complete, Some("honest")), (Ending::CutOff, None)];
    for (app, (ending, content)) in apps.into_iter().zip(recorded) {
        let app = app.layer(kest.inbound(FromLineage));
        let answer = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "forged");
        check(&ends, ending, content);
    }
}

/// Data that shows the first of its pieces alone until that is taken, as it may.
struct OneByOne(bytes::buf::Chain<Bytes, Bytes>);

impl Buf for OneByOne {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }
}

/// A body with one frame.
struct OneFrame<Data>(Option<Frame<Data>>);

impl<Data> Default for OneFrame<Data> {
    fn default() -> Self {
        Self(None)
    }
}

impl<Data: Buf + Unpin> http_body::Body for OneFrame<Data> {
    type Data = Data;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// What is recorded of an answer with this data.
async fn hash_of<Data: Buf + Send + Unpin + 'static>(
    data: impl Fn() -> Data + Clone + Send + 'static,
) -> Arc<Ends> {
    let (ends, kest) = hashing();
    let layer = kest.operation("read").policy_fn("anyone", |_| true).unwrap().hash_answer();
    let inner = layer.layer(tower::service_fn(move |_asked: Request<_>| {
        let frame = Frame::data(data());
        async { Ok::<_, Infallible>(Response::new(OneFrame(Some(frame)))) }
    }));
    let door = kest.inbound(FromLineage).layer(inner);
    let answer = door.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "left, right");
    ends
}

fn pieces() -> bytes::buf::Chain<Bytes, Bytes> {
    Bytes::from("left, ").chain(Bytes::from("right"))
}

#[tokio::test]
async fn data_in_pieces_is_hashed_whole() {
    let ends = hash_of(pieces).await;
    check(&ends, Ending::Complete, Some("left, right"));
}

/// Attack: data that shows its beginning alone, so that the hash of that passes for the whole.
#[tokio::test]
async fn data_that_shows_a_part_is_recorded_without_a_hash() {
    let ends = hash_of(|| OneByOne(pieces())).await;
    check(&ends, Ending::Complete, None);
}

#[tokio::test]
async fn nothing_is_hashed_unless_it_is_asked_for() {
    let (ends, kest) = hashing();
    let layer = kest.operation("read").policy_fn("anyone", |_| true).unwrap();
    let app =
        Router::new().route("/", get(async || "text").route_layer(layer)).layer(kest.inbound(FromLineage));
    let answer = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    answer.into_body().collect().await.unwrap();
    check(&ends, Ending::Complete, None);
}

/// What was made is signed by an operation of its own, which policy is asked about like any other.
#[tokio::test]
async fn hash_of_what_was_made_is_signed_as_a_nested_entry() {
    let (_ends, kest) = hashing();
    let layer = kest.operation("render").policy_fn("anyone", |_| true).unwrap();
    let handler = async |Admitted(admission): Admitted| -> String {
        let page = "page";
        let hash = EntryHash::of_bytes(page.as_bytes());
        let publish = Operation::named("publish").unwrap().content_hash(hash);
        let policy = kest::dangerous_allow_all();
        let signed = admission
            .operation(publish)
            .run(&policy, async |publish| (publish.entry().content_hash(), publish.passport().len()));
        assert_eq!(signed.await.unwrap(), (Some(hash), 2));
        assert_eq!(admission.entry().content_hash(), None);
        page.to_owned()
    };
    let app = Router::new().route("/", get(handler).route_layer(layer)).layer(kest.inbound(FromLineage));
    let answer = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
}
