//! One service with a key of its own, called without a network.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, Response};
use kest::prelude::*;
use kest::tower::Rejection;
use kest::{OperationLayer, OsRandom, WorkloadId};
use tower::ServiceExt as _;

/// A service that trusts itself.
pub(crate) fn kest() -> Kest {
    let (signer, trusted) = keys("cart");
    let kest = Kest::builder(signer).trust(trusted).dangerous_bearer_passports();
    kest.without_deployment_policies().build().unwrap()
}

/// The key of a workload, and a ring that has it.
pub(crate) fn keys(name: &str) -> (Ed25519Signer, KeyRing) {
    let workload = WorkloadId::new(format!("spiffe://example.org/{name}")).unwrap();
    let signer = Ed25519Signer::ephemeral(workload, &OsRandom).unwrap();
    let mut trusted = KeyRing::new();
    trusted.trust_signer(&signer).unwrap();
    (signer, trusted)
}

/// What the handler of [`call`] was given.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) admissions: Vec<Admission>,
    pub(crate) bodies: Vec<axum::body::Bytes>,
}

/// Sends `request` through the inbound layer of `kest` and `operation` to a handler at `/invoices/{id}`.
pub(crate) async fn call<L>(kest: &Kest, operation: L, request: Request<Body>) -> (Response<Body>, Seen)
where
    L: tower::Layer<axum::routing::Route> + Clone + Send + Sync + 'static,
    L::Service: tower::Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    <L::Service as tower::Service<Request<Body>>>::Response: axum::response::IntoResponse + 'static,
    <L::Service as tower::Service<Request<Body>>>::Future: Send + 'static,
{
    let seen = Arc::new(Mutex::new(Seen::default()));
    let handler = {
        let seen = Arc::clone(&seen);
        async move |Admitted(admission): Admitted, body: axum::body::Bytes| {
            let mut seen = seen.lock().unwrap();
            seen.admissions.push(admission);
            seen.bodies.push(body);
        }
    };
    let router = Router::new()
        .route("/invoices/{id}", post(handler).route_layer(operation))
        .layer(kest.inbound(FromLineage));
    let response = router.oneshot(request).await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (response, seen)
}

/// A request about one invoice.
pub(crate) fn request(body: impl Into<Body>) -> Request<Body> {
    Request::post("/invoices/7").body(body.into()).unwrap()
}

/// The kind of the refusal, whose answer is empty.
pub(crate) async fn refusal(response: Response<Body>) -> (u16, &'static str) {
    let kind = response.extensions().get::<Rejection>().expect("a refusal").kind().as_str();
    let status = response.status().as_u16();
    assert!(axum::body::to_bytes(response.into_body(), 1).await.unwrap().is_empty());
    (status, kind)
}

/// The operation of most tests, as `change` describes it.
pub(crate) fn operation(
    kest: &Kest,
    change: impl FnOnce(kest::OperationBuilder) -> kest::OperationBuilder,
) -> OperationLayer {
    change(kest.operation("read_invoice")).policy_fn("anyone", |_asked| true).unwrap()
}
