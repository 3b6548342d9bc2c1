//! What an audit log is told of one service, by whichever door its operations begin and end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use http::Request;
use http_body_util::BodyExt as _;
use kest::core::audit::{Audit, AuditError, Finished, Refused, Signed};
use kest::prelude::*;
use kest::{Operation, Origin, RunNested as _, run_admitted};
use tokio::sync::Notify;
use tower::{Layer as _, ServiceExt as _};

use crate::rig::{keys, refusal};

#[derive(Debug, Default)]
struct Log {
    told: Mutex<Vec<String>>,
    full: AtomicBool,
    told_one: Notify,
}

#[async_trait]
impl Audit for Log {
    async fn signed(&self, signed: &Signed<'_>) -> Result<(), AuditError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(AuditError::new("full", "no space"));
        }
        self.tell(format!("signed {}", signed.entry.operation().as_str()));
        Ok(())
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.tell(format!("refused {} {}", refused.step.as_str(), refused.kind));
    }

    fn finished(&self, finished: &Finished) {
        let class = finished.status_class.unwrap_or_default();
        self.tell(format!("finished {} {class}", finished.ending.as_str()));
    }
}

impl Log {
    fn tell(&self, line: String) {
        self.told.lock().unwrap().push(line);
        self.told_one.notify_one();
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

fn audited() -> (Arc<Log>, Kest) {
    let (signer, trusted) = keys("cart");
    let log = Arc::new(Log::default());
    let shared: Arc<dyn Audit> = Arc::<Log>::clone(&log);
    let builder = Kest::builder(signer).trust(trusted).dangerous_bearer_passports();
    (log, builder.without_deployment_policies().audit(shared).build().unwrap())
}

fn app(kest: &Kest, ran: &Arc<AtomicBool>) -> Router {
    let layer = || kest.operation("read").policy_fn("anyone", |_| true).unwrap();
    let closed = kest.operation("pay").policy_fn("none", |_| false).unwrap();
    let ran = Arc::clone(ran);
    let whole = async move || {
        ran.store(true, Ordering::Relaxed);
        "whole"
    };
    let stream = async || Body::new(Endless);
    Router::new()
        .route("/whole", get(whole).route_layer(layer()))
        .route("/stream", get(stream).route_layer(layer()))
        .route("/panic", get(async || -> &'static str { panic!("as handlers do") }).route_layer(layer()))
        .route("/hang", get(async || std::future::pending::<&'static str>().await).route_layer(layer()))
        .route("/pay", post(async || "paid").route_layer(closed))
        .layer(kest.inbound(FromLineage))
}

/// A body that goes on for as long as it is asked.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(b"more")))))
    }
}

fn ask(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn operation_ends_with_its_answer_taken_to_the_end() {
    let (log, kest) = audited();
    let response = app(&kest, &Arc::default()).oneshot(ask("/whole")).await.unwrap();
    assert_eq!(log.told(), ["signed read"]);
    response.into_body().collect().await.unwrap();
    assert_eq!(log.told(), ["finished complete 2"]);
}

/// Attack: a log that is full, so that what is done leaves no trace.
#[tokio::test]
async fn handler_does_not_run_when_its_entry_cannot_be_recorded() {
    let (log, kest) = audited();
    let ran = Arc::new(AtomicBool::new(false));
    log.full.store(true, Ordering::Relaxed);
    let response = app(&kest, &ran).oneshot(ask("/whole")).await.unwrap();
    assert_eq!(refusal(response).await, (503, "audit_unavailable"));
    assert!(!ran.load(Ordering::Relaxed));
    assert_eq!(log.told(), ["finished not_run 0", "refused operation audit_unavailable"]);
}

/// Attack: a client that hangs up, so that it looks as if its operation had been answered.
#[tokio::test]
async fn client_that_hangs_up_cuts_the_operation_off() {
    let (log, kest) = audited();
    let running = tokio::spawn(app(&kest, &Arc::default()).oneshot(ask("/hang")));
    log.told_one.notified().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(log.told(), ["signed read", "finished cut_off 0"]);

    let mut response = app(&kest, &Arc::default()).oneshot(ask("/stream")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(log.told(), ["signed read", "finished cut_off 2"]);
}

#[tokio::test]
async fn panic_of_a_handler_is_recorded() {
    let (log, kest) = audited();
    let panicked = tokio::spawn(app(&kest, &Arc::default()).oneshot(ask("/panic"))).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_eq!(log.told(), ["signed read", "finished panicked 0"]);
}

/// A method of another service that is asked in this process, and that no operation is around, has no end to say.
#[tokio::test]
async fn public_method_inside_an_operation_does_not_end_it() {
    let (log, kest) = audited();
    let counting = |operation: kest::OperationBuilder| operation.policy_fn("anyone", |_| true);
    let methods =
        kest.grpc_service("shop.Stock").methods(["Count"], counting).public(["Ping"]).build().unwrap();
    let ping = methods.layer(tower::service_fn(async |_ping: Request<Body>| {
        Ok::<_, Infallible>(http::Response::new(Body::from("pong")))
    }));
    let outer = async move || -> &'static str {
        let answer = ping.oneshot(ask("/shop.Stock/Ping")).await.unwrap();
        answer.into_body().collect().await.unwrap();
        panic!("as handlers do")
    };
    let layer = kest.operation("read").policy_fn("anyone", |_| true).unwrap();
    let app = Router::new().route("/", get(outer).route_layer(layer)).layer(kest.inbound(FromLineage));
    let panicked = tokio::spawn(app.oneshot(ask("/"))).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_eq!(log.told(), ["signed read", "finished panicked 0"]);
}

#[tokio::test]
async fn refusals_of_every_layer_are_recorded() {
    let (log, kest) = audited();
    let paying = Request::post("/pay").body(Body::empty()).unwrap();
    let response = app(&kest, &Arc::default()).oneshot(paying).await.unwrap();
    assert_eq!(refusal(response).await, (403, "denied"));
    let mut forged = ask("/whole");
    forged.headers_mut().insert("baggage", "kest.passport=rubbish".parse().unwrap());
    let response = app(&kest, &Arc::default()).oneshot(forged).await.unwrap();
    assert_eq!(response.status(), 400);
    let guard = kest::GuardLayer::from_static(["admin"]);
    let guarded = Router::new().route("/", get(async || "in").route_layer(guard));
    let response = guarded.layer(kest.inbound(FromLineage)).oneshot(ask("/")).await.unwrap();
    assert_eq!(response.status(), 401);
    let bare = Router::new().route("/", get(async |_: Admitted| "in").route_layer(public()));
    let response = bare.layer(kest.inbound(FromLineage)).oneshot(ask("/")).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(kest.continue_from(&std::collections::HashMap::new()).max_age(MINUTE).await.is_err());
    assert_eq!(
        log.told(),
        [
            "refused operation denied",
            "refused inbound baggage_malformed",
            "refused guard credentials_missing",
            "refused extractor no_admission",
            "refused message passport_missing",
        ]
    );
}

#[tokio::test]
async fn work_that_is_no_request_is_recorded_too() {
    let (log, kest) = audited();
    let policy = kest::dangerous_allow_all();
    let job = Operation::named("nightly").unwrap();
    let job = kest.originate(Origin::system(), &job, &policy).await.unwrap();
    run_admitted(job, async |job: Admission| {
        let step = job.operation(Operation::named("step").unwrap());
        step.run(&policy, async |_step| ()).await.unwrap();
    })
    .await;
    assert_eq!(log.told(), ["signed nightly", "signed step", "finished complete 0", "finished complete 0"]);
}

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
