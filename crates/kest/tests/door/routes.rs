//! Operations that are named by the route which matched, and never by what a stranger asked for.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Method, Request};
use kest::prelude::*;
use kest::{Operation, OperationLayer};
use tower::ServiceExt as _;

use crate::rig::{kest, refusal};

fn by_route(kest: &Kest) -> OperationLayer {
    kest.operation_by_route().policy_fn("anyone", |_asked| true).unwrap()
}

/// The name under which `request` was signed, or the refusal.
async fn named(
    router: impl FnOnce(Router) -> Router,
    request: Request<Body>,
) -> Result<String, (u16, &'static str)> {
    let kest = kest();
    let seen = Arc::new(Mutex::new(None));
    let handler = {
        let seen = Arc::clone(&seen);
        async move |Admitted(admission): Admitted| {
            *seen.lock().unwrap() = Some(admission.operation_name().as_str().to_owned());
        }
    };
    let route = Router::new().route("/orders/{id}", any(handler).layer(by_route(&kest)));
    let response = router(route).layer(kest.inbound(FromLineage)).oneshot(request).await.unwrap();
    let name = seen.lock().unwrap().take();
    match name {
        Some(name) => Ok(name),
        None => Err(refusal(response).await),
    }
}

fn request(method: Method, uri: &str) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn operation_is_named_by_method_and_route_also_below_a_prefix() {
    let found = named(|router| router, request(Method::POST, "/orders/7?x=1")).await;
    assert_eq!(found.unwrap(), "POST /orders/{id}");
    let nested = |router| Router::new().nest("/v1", router);
    assert_eq!(named(nested, request(Method::GET, "/v1/orders/7")).await.unwrap(), "GET /v1/orders/{id}");
}

/// Attack: a method that is made up, so that each request is another operation in records and metrics.
#[tokio::test]
async fn made_up_method_makes_no_name_of_its_own() {
    for method in ["BREW", "post", &"X".repeat(300)] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(
            named(|router| router, request(method, "/orders/7")).await.unwrap(),
            "_OTHER /orders/{id}"
        );
    }
}

/// Attack: a path that no route has, which would be signed as the name of what was done.
#[tokio::test]
async fn fallback_has_no_name_and_runs_nothing() {
    let kest = kest();
    let fallback = any(async || "ran").layer(by_route(&kest));
    let router = Router::new().fallback_service(fallback).layer(kest.inbound(FromLineage));
    let response = router.oneshot(request(Method::GET, "/admin/delete-all")).await.unwrap();
    assert_eq!(refusal(response).await, (500, "operation_unnamed"));
}

#[tokio::test]
async fn route_that_is_too_long_for_a_name_is_refused() {
    let kest = kest();
    let path = format!("/{}", "o".repeat(300));
    let router = Router::new().route(&path, any(async || "ran").layer(by_route(&kest)));
    let response =
        router.layer(kest.inbound(FromLineage)).oneshot(request(Method::GET, &path)).await.unwrap();
    assert_eq!(refusal(response).await, (500, "operation_unnamed"));
}

#[tokio::test]
async fn operation_that_waits_for_its_route_is_not_originated() {
    let originated = kest()
        .originate(Origin::system(), &Operation::from_matched_path(), &kest::dangerous_allow_all())
        .await;
    assert_eq!(originated.unwrap_err().kind().explanation().kind(), "operation_unnamed");
}
