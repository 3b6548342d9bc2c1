//! Operations, what they cause, and the requests that they send.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use kest_baggage::{current_admission, with_admission};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Operation};
use kest_testkit::TestKest;
use tower::ServiceExt as _;

use crate::rig::{Export, carried, service, signed};

/// A body of one piece that makes a span, and calls the next service, while it is streamed.
#[derive(Default)]
struct Streamed(bool);

impl Body for Streamed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(None);
        }
        let piece = tracing::info_span!("piece").in_scope(|| {
            let (trace, span) = carried(&current_admission().unwrap());
            format!("{trace} {span}")
        });
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        tracing::info_span!("cleared").in_scope(|| ());
    }
}

#[tokio::test]
async fn span_of_an_operation_covers_the_body_and_its_end() {
    let export = Export::start();
    let kit = TestKest::new(["gateway", "cart"]);
    let service = service(&kit, async |_| Streamed(false));
    let response = service.oneshot(Request::new(Full::default())).await.unwrap();
    // As a server does that has spans of its own.
    let server = tracing::info_span!(parent: None, "server");
    let mut body = Box::pin(response.into_body());
    let piece = std::future::poll_fn(|context| {
        let _entered = server.enter();
        body.as_mut().poll_frame(context)
    });
    let piece = piece.await.unwrap().unwrap_or_else(|_| panic!("it fails")).into_data();
    drop(body);
    drop(server);

    let (verified, piece_span) = (export.span("kest.verified.serve"), export.span("piece"));
    let sent = piece.unwrap_or_else(|_| panic!("it has no data"));
    assert_eq!(sent, format!("{} {}", verified.trace(), piece_span.id()));
    for name in ["piece", "cleared"] {
        let within = export.span(name);
        assert_eq!((within.trace(), within.parent()), (verified.trace(), verified.id()), "{name}");
        assert!(within.end() <= verified.end(), "{name} is not within {verified:#?}");
    }
}

/// Attack: a span of another trace that happens to run, whose trace the next service would sign.
#[tokio::test]
async fn running_span_of_another_trace_is_not_named_by_requests() {
    let export = Export::start();
    let kit = TestKest::new(["gateway", "cart"]);
    let service = service(&kit, async |admission: Admission| {
        let other = tracing::info_span!(parent: None, "other").in_scope(|| carried(&admission));
        let own = tracing::info_span!("own").in_scope(|| carried(&admission));
        let [own, other] = [own, other].map(|(trace, span)| format!("{trace} {span}"));
        Full::<Bytes>::from(format!("{own},{other},{}", signed(&admission)))
    });
    let response = service.oneshot(Request::new(Full::default())).await.unwrap();
    let said = response.into_body().collect().await.unwrap_or_else(|_| panic!("it fails")).to_bytes();
    let (verified, own) = (export.span("kest.verified.serve"), export.span("own"));
    let trace = verified.trace();
    assert_eq!(said, format!("{trace} {},{trace} {},{trace}", own.id(), verified.id()));
}

#[tokio::test]
async fn entry_and_span_of_what_an_operation_causes_name_one_trace() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let outer = kit.admission("serve").admit();
    let policy = dangerous_allow_all();
    let step = |name: &str| outer.operation(Operation::named(name).unwrap());

    let spawned = with_admission(outer.clone(), async {
        let admission = current_admission().unwrap();
        let nested = admission.operation(Operation::from_static("spawned"));
        nested.admit(&dangerous_allow_all()).await.unwrap()
    });
    let other = tracing::info_span!(parent: None, "other");
    let foreign = tracing::Instrument::instrument(step("foreign").admit(&policy), other.clone());
    let joined = outer.join([&outer]).unwrap();
    let work = outer.span().in_scope(|| tracing::info_span!("work"));
    let inner = tracing::Instrument::instrument(step("inner").admit(&policy), work.clone());
    let admissions = [
        spawned.await,
        foreign.await.unwrap(),
        joined.admit(&Operation::from_static("joined"), &policy).await.unwrap(),
        inner.await.unwrap(),
    ];
    let traces = admissions.each_ref().map(signed);
    drop((admissions, work, other));
    let trace = signed(&outer);
    drop(outer);

    let (serve, work) = (export.span("kest.verified.serve"), export.span("work"));
    assert_eq!((serve.trace(), traces), (trace.as_str(), [(); 4].map(|()| trace.clone())));
    for (name, parent) in [("spawned", &serve), ("foreign", &serve), ("joined", &serve), ("inner", &work)] {
        let span = export.span(&format!("kest.verified.{name}"));
        assert_eq!((span.trace(), span.parent()), (parent.trace(), parent.id()), "{name}");
    }
}
