//! Refusals that say what kind they are, and nothing that came in.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::{Method, Request, Response};
use kest::prelude::*;
use tower::ServiceExt as _;

use crate::rig;

const STRANGE: &str = "t0p-s3cret";

async fn refused(explaining: bool, method: Method) -> Response<Body> {
    let kest = rig::kest();
    let denied = kest.operation("read").policy_fn("no_one", |_asked| false).unwrap();
    let router = Router::new().route("/notes/{id}", get(async || "ran").route_layer(denied));
    let router = match explaining {
        true => router.layer(kest.inbound(FromLineage).problem_details()),
        false => router.layer(kest.inbound(FromLineage)),
    };
    let request = Request::builder().method(method).uri(format!("/notes/{STRANGE}?{STRANGE}"));
    let request = request.header("x-note", STRANGE).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 4096).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn refusal_is_empty_unless_problem_details_are_asked_for() {
    let response = refused(false, Method::GET).await;
    assert!(!response.headers().contains_key("content-type"));
    assert_eq!((response.status().as_u16(), body(response).await.as_str()), (403, ""));
}

/// Attack: a refusal that gives a stranger back what was sent, or tells which policy said no.
#[tokio::test]
async fn problem_details_are_constant_and_repeat_nothing() {
    let response = refused(true, Method::GET).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = body(response).await;
    let expected = r#"{"type":"https://docs.rs/kest/latest/kest/enum.RejectionKind.html#variant.Denied","title":"denied","status":403}"#;
    assert_eq!(body, expected);
}

#[tokio::test]
async fn answer_to_head_has_the_type_and_no_content() {
    let response = refused(true, Method::HEAD).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(body(response).await, "");
}

#[tokio::test]
async fn answers_of_handlers_and_refusals_with_a_content_of_their_own_stay() {
    let kest = rig::kest();
    let routes = Router::new()
        .route("/public", get(async || "hello").route_layer(public()))
        .route("/lost", get(async || (http::StatusCode::NOT_FOUND, "not here").into_response()));
    let router = routes.layer(kest.inbound(FromLineage).problem_details());
    for (path, status, content) in [("/public", 200, "hello"), ("/lost", 404, "not here")] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), body(response).await.as_str()), (status, content));
    }
    let grpc = kest.inbound_builder().identity(kest::IdentityChoice::from_lineage()).require_passport();
    let grpc = grpc.respond(kest::tower::respond::grpc).build().problem_details();
    let router = Router::new().route("/", get(async || "ran")).layer(grpc);
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(body(response).await, "");
}
