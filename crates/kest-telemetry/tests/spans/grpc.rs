//! Calls of gRPC, whose status is 200 whatever came of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use kest_core::audit::{Audit, AuditError, Ending, Finished, Refused, Signed};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Operation};
use kest_testkit::TestKest;
use kest_tower::OperationLayer;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::rig::{Export, inbound, service_of};

/// The ends of operations.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<Finished>>);

#[async_trait]
impl Audit for Ends {
    async fn signed(&self, _: &Signed<'_>) -> Result<(), AuditError> {
        Ok(())
    }

    fn refused(&self, _: &Refused<'_>) {}

    fn finished(&self, finished: &Finished) {
        self.0.lock().unwrap().push(*finished);
    }
}

/// One message, and how the call ended.
#[derive(Default)]
struct Answer(VecDeque<Frame<Bytes>>);

impl Answer {
    fn ending(code: &str) -> Self {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())]);
        Self([Frame::data(Bytes::from_static(b"message")), Frame::trailers(trailers)].into())
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

#[tokio::test]
async fn code_in_the_trailers_is_the_end_of_a_call() {
    for (code, class, status) in [("0", 2, 0), ("5", 4, 0), ("13", 5, 2), ("99", 5, 2)] {
        for audited in [true, false] {
            let export = Export::start();
            let kit = TestKest::new(["cart"]);
            let ends = Arc::new(Ends::default());
            let log: Arc<dyn Audit> = Arc::<Ends>::clone(&ends);
            let log = audited.then_some(log);
            let admitter = kit.admitter("cart").audit(log).build();
            let call = Operation::from_static("call");
            let layer = OperationLayer::new(admitter, call, dangerous_allow_all());
            let service = service_of(inbound(&kit), layer, async move |_: Admission| Answer::ending(code));
            let answer = service.oneshot(Request::new(Full::default())).await.unwrap();
            answer.into_body().collect().await.unwrap_or_else(|_| panic!("it fails"));

            let span = export.span("kest.verified.call");
            let known = if code == "99" { "2" } else { code };
            assert_eq!(span.numbers("rpc.grpc.status_code"), [known], "{code}");
            assert_eq!(span.status().0, status, "{code}");
            let failed = if status == 2 { vec![known] } else { vec![] };
            assert_eq!(span.attribute("error.type"), failed, "{code}");
            let told: Vec<_> = ends.0.lock().unwrap().iter().map(|it| (it.ending, it.status_class)).collect();
            let expected = if audited { vec![(Ending::Complete, Some(class))] } else { vec![] };
            assert_eq!(told, expected, "{code}");
        }
    }
}

#[tokio::test]
async fn code_in_the_header_of_an_answer_without_messages_is_the_end_of_a_call() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let ends = Arc::new(Ends::default());
    let log: Arc<dyn Audit> = Arc::<Ends>::clone(&ends);
    let admitter = kit.admitter("cart").audit(Some(log)).build();
    let layer = OperationLayer::new(admitter, Operation::from_static("call"), dangerous_allow_all());
    let unavailable = service_fn(async |_: Request<_>| {
        Response::builder().header("grpc-status", "14").body(Full::<Bytes>::default())
    });
    let service = ServiceBuilder::new().layer(inbound(&kit).build()).layer(layer).service(unavailable);
    let answer = service.oneshot(Request::new(Full::<Bytes>::default())).await.unwrap();
    answer.into_body().collect().await.unwrap();
    for name in ["kest.inbound", "kest.verified.call"] {
        let span = export.span(name);
        assert_eq!(
            (span.numbers("rpc.grpc.status_code"), span.status().0),
            (vec!["14".to_owned()], 2),
            "{name}"
        );
    }
    assert_eq!(ends.0.lock().unwrap()[0].status_class, Some(5));
}
