//! Retries above and below the carrying layer.

use std::future::{Ready, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kest::core::BoxError;
use kest_baggage::run_admitted;
use kest_tests::keys;
use tower::retry::{Policy, RetryLayer};
use tower::{ServiceBuilder, ServiceExt as _};

use crate::rig::{self, Recorder};

/// Tries again where the server was busy, and where the request was not sent at all, three times at most.
#[derive(Clone)]
struct Again(u8);

impl<Body, Error> Policy<Request<Full<Bytes>>, Response<Body>, Error> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _request: &mut Request<Full<Bytes>>,
        result: &mut Result<Response<Body>, Error>,
    ) -> Option<Ready<()>> {
        let failed = result.as_ref().map_or(true, |response| response.status().is_server_error());
        self.0 = self.0.checked_sub(1)?;
        failed.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

fn get(recorder: &Recorder) -> Request<Full<Bytes>> {
    Request::get(recorder.url("/busy")).body(Full::default()).unwrap()
}

#[tokio::test]
async fn every_attempt_of_a_retry_above_carries_the_lineage() {
    let recorder = Recorder::start().await;
    let kest = rig::kest("gateway");
    let layer = kest.carry_layer().destination(&recorder.origin).unwrap().build().unwrap();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(Again(3)))
        .layer(layer)
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let answer = run_admitted(keys::chain(1).await, async |_job| client.oneshot(get(&recorder)).await).await;
    assert_eq!(answer.unwrap().status(), 200);
    let carried = recorder.baggage();
    assert!(carried.len() == 2 && carried[0].starts_with("kest.passport="), "{carried:?}");
    assert_eq!(carried[0], carried[1]);
}

#[tokio::test]
async fn retry_below_repeats_the_passport_to_the_same_server() {
    let recorder = Recorder::start().await;
    let kest = rig::kest("gateway");
    let layer = kest.carry_layer().destination(&recorder.origin).unwrap().build().unwrap();
    let client = ServiceBuilder::new()
        .layer(layer)
        .layer(RetryLayer::new(Again(3)))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let answer = run_admitted(keys::chain(1).await, async |_job| client.oneshot(get(&recorder)).await).await;
    assert_eq!(answer.unwrap().status(), 200);
    let carried = recorder.baggage();
    assert!(carried.len() == 2 && carried[0] == carried[1], "{carried:?}");
}

/// Attack: a retry that wears a refusal down until the request leaves without its passport.
#[tokio::test]
async fn request_that_may_not_be_sent_is_sent_by_no_attempt() {
    let recorder = Recorder::start().await;
    let kest = rig::kest("gateway");
    let layer = kest.carry_layer().destination(&recorder.origin).unwrap().build().unwrap();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(Again(3)))
        .layer(layer)
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let refused: BoxError = client.oneshot(get(&recorder)).await.unwrap_err();
    assert!(kest::tower::carry::CarryError::of(refused.as_ref()).is_some(), "{refused:?}");
    assert_eq!(recorder.baggage(), Vec::<String>::new());
}
