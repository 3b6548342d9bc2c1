//! Routes that are not protected by any layer, in routers, plain services and gRPC.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::Redirect;
use axum::routing::{get, post};
use http::{Request, Response, StatusCode};
use kest_tests::raw;
use kest_tower::{InboundLayer, public, respond};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt as _};

use super::{builder, inbound, operation};
use crate::refusals::keep;
use crate::text_of;

/// Every kind of route that a service may have.
fn router(inbound: InboundLayer) -> Router {
    let guard = kest_tower::GuardLayer::for_roles(["clerk"]).unwrap();
    Router::new()
        .route("/forgotten/{id}", get(async || ([("x-leaked", "header")], "leaked")).post(async || "leaked"))
        .route("/moved", get(async || Redirect::to("/elsewhere")))
        .route("/cached", get(async || StatusCode::NOT_MODIFIED))
        .route("/empty", get(async || StatusCode::NO_CONTENT))
        .route("/refuses", get(async || (StatusCode::BAD_REQUEST, "no")))
        .route("/fails", get(async || (StatusCode::BAD_GATEWAY, "no")))
        .route("/operation", get(async || "asked").route_layer(operation()))
        .route("/guarded", get(async || "asked").route_layer(guard))
        .route("/public", get(async || "everybody's").route_layer(public()))
        .nest("/v1", Router::new().route("/forgotten", post(async || "leaked")))
        .layer(inbound)
}

async fn ask(router: Router, method: &str, path: &str) -> (u16, String, bool) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let leaked = response.headers().contains_key("x-leaked") || response.headers().contains_key("location");
    (response.status().as_u16(), text_of(response).await, leaked)
}

#[tokio::test]
async fn route_without_an_operation_does_not_answer() {
    for (method, path, route) in [
        ("GET", "/forgotten/TOPSECRET", "route=GET /forgotten/{id}"),
        ("HEAD", "/forgotten/TOPSECRET", "route=HEAD /forgotten/{id}"),
        ("POST", "/forgotten/TOPSECRET", "route=POST /forgotten/{id}"),
        ("GET", "/moved?TOPSECRET", "route=GET /moved"),
        ("GET", "/cached", "route=GET /cached"),
        ("GET", "/empty", "route=GET /empty"),
        ("POST", "/v1/forgotten", "route=POST /v1/forgotten"),
    ] {
        let kept = keep();
        assert_eq!(
            ask(router(inbound()), method, path).await,
            (500, String::new(), false),
            "{method} {path}"
        );
        let line = kept.only("inbound", "no_operation");
        assert!(line.contains("ERROR") && line.contains(route) && line.contains("public()"), "{line}");
        assert!(!line.contains("TOPSECRET"), "{line}");
    }
}

#[tokio::test]
async fn route_that_says_what_it_is_answers_and_so_does_a_no() {
    for (method, path, status, body) in [
        ("GET", "/operation", 200, "asked"),
        ("GET", "/public", 200, "everybody's"),
        ("GET", "/guarded", 401, ""),
        ("GET", "/refuses", 400, "no"),
        ("GET", "/fails", 502, "no"),
        ("GET", "/nowhere", 404, ""),
        ("DELETE", "/forgotten/7", 405, ""),
    ] {
        let (answered, said, _) = ask(router(inbound()), method, path).await;
        assert_eq!((answered, said.as_str()), (status, body), "{method} {path}");
    }
}

#[tokio::test]
async fn unguarded_routes_answer_where_that_was_said_aloud() {
    let allowing = || router(builder().dangerous_allow_unguarded_routes().build());
    assert_eq!(ask(allowing(), "GET", "/forgotten/7").await, (200, "leaked".to_owned(), true));
    assert_eq!(ask(allowing(), "GET", "/moved").await.0, 303);
}

#[tokio::test]
async fn forgotten_route_of_a_service_that_is_no_router_is_named_by_its_method_alone() {
    let service = ServiceBuilder::new()
        .layer(inbound())
        .service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new("leaked".to_owned())));
    let ask = async |method: &str| {
        let kept = keep();
        let request = Request::builder().method(method).uri("/TOPSECRET").body(String::new()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(text_of(response).await, "");
        let line = kept.only("inbound", "no_operation");
        assert!(!line.contains("TOPSECRET") && !line.contains("FORGED"), "{line}");
        line
    };
    assert!(ask("GET").await.contains("route=GET "));
    assert!(ask("FORGED").await.contains("route=(extension method)"));
}

#[tokio::test]
async fn grpc_method_without_an_operation_does_not_answer_and_an_unknown_method_says_so() {
    let ask = async |code: Option<&'static str>| {
        let inbound = builder().respond(respond::grpc).build();
        let service = ServiceBuilder::new().layer(inbound).service_fn(move |_: Request<_>| {
            let response = code.iter().fold(Response::builder(), |it, code| it.header("grpc-status", *code));
            std::future::ready(Ok::<_, Infallible>(response.body("leaked".to_owned()).unwrap()))
        });
        let response = service.oneshot(Request::new(String::new())).await.unwrap();
        (response.headers()["grpc-status"].to_str().unwrap().to_owned(), text_of(response).await)
    };
    assert_eq!(ask(None).await, ("13".to_owned(), String::new()), "an answer");
    assert_eq!(ask(Some("0")).await, ("13".to_owned(), String::new()), "an empty answer");
    // Attack: codes that some clients read as 0, or as nothing.
    for yes in ["00", "", "17", "5x"] {
        assert_eq!(ask(Some(yes)).await, ("13".to_owned(), String::new()), "{yes}");
    }
    assert_eq!(ask(Some("12")).await, ("12".to_owned(), "leaked".to_owned()), "unimplemented");
}

#[tokio::test]
async fn forgotten_route_leaves_one_refusal_over_http_too() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = keep();
    tokio::spawn(async move { axum::serve(listener, router(inbound())).await.unwrap() });
    let response = raw::to("/v1/forgotten").send(address).await;
    assert_eq!((response.status, response.body.as_str()), (500, ""));
    kept.only("inbound", "no_operation");
}
