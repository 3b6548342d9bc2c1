//! Requests with hop proofs, as their bytes stand on the wire, and the service that demands them.

use std::sync::Arc;

use http::Request;
use kest_core::{Admission, Operation};
use kest_testkit::TestKest;
use kest_tests::clock::today;
use kest_tests::keys;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use kest_tower::{HopProof, InboundBuilder};

/// The workloads that every test trusts, under a clock that stands still.
pub(super) fn kit() -> TestKest {
    TestKest::at(today(), keys::TRUSTED)
}

/// A service that is called `test` and demands proofs.
pub(super) async fn demanding(change: impl FnOnce(HopProof) -> HopProof + Send + 'static) -> Service {
    with(move |inbound| inbound.hop_proof(change(HopProof::for_authority("test")))).await
}

pub(super) async fn with(inbound: impl FnOnce(InboundBuilder) -> InboundBuilder + Send + 'static) -> Service {
    Setup { inbound: Box::new(inbound), clock: Arc::new(today()), ..Setup::default() }.start().await
}

/// The request that all of these tests make.
pub(super) fn call(body: &str) -> Request<String> {
    Request::post("https://test/call").body(body.to_owned()).unwrap()
}

/// The headers and the body of `request`, sent to `/call` whatever it was made for.
pub(super) fn wire(request: &Request<String>) -> RawRequest {
    let lines = request.headers().iter();
    lines
        .fold(raw::call(), |sent, (name, value)| sent.header(name.as_str(), value))
        .body(request.body().as_str())
}

/// gateway, orders and ledger, each after the one before; the lineage as it was at each of them.
pub(super) async fn three() -> [Admission; 3] {
    let step = |name| Operation::from_static(name);
    let one = keys::chain(1).await;
    let two = keys::follow(&one, "orders", step("pick")).await;
    let three = keys::follow(&two, "ledger", step("book")).await;
    [one, two, three]
}
