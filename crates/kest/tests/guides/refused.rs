//! Why was a request refused? Every row of the guide's table, sent as a request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use kest::IdentityChoice;
use kest::prelude::*;
use kest_testkit::{Tamper, TestCaller, TestIssuer, TestKest};
use tower::ServiceExt as _;

mod printed {
    use super::super::check_printed;

    include!("refused/printed.rs");

    /// The service, and the explanations of what it refuses.
    pub(super) fn watched(service: Router, told: impl Fn(String) + Clone + Send + Sync + 'static) -> Router {
        reported(service, move |rejection| told(explained(rejection)))
    }

    #[test]
    fn guide_prints_the_code_that_is_run_here() {
        check_printed("refused.md", include_str!("refused/printed.rs"));
    }
}

fn kest(kit: &TestKest) -> Kest {
    Kest::builder(kit.signer("cart"))
        .trust(kit.keys())
        .clock(kit.clock())
        .dangerous_bearer_passports()
        .without_deployment_policies()
        .build()
        .unwrap()
}

/// What the log says of `request`, which is refused with `status` and nothing else.
async fn explained(service: Router, request: Request<Body>, status: u16) -> String {
    let said = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&said);
    let service = printed::watched(service, move |line| told.lock().unwrap().push(line));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
    assert!(axum::body::to_bytes(response.into_body(), 1).await.unwrap().is_empty());
    let mut said = said.lock().unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

fn service(kest: &Kest, identity: impl Into<IdentityChoice>) -> Router {
    let known = kest.operation("reserve").policy_fn("known_user", |asked| asked.user().is_some()).unwrap();
    let route = post(async || "reserved").route_layer(known);
    let inbound = kest.inbound_builder().identity(identity).build();
    Router::new().route("/reserve", route).layer(inbound)
}

fn request() -> http::request::Builder {
    Request::post("/reserve")
}

/// The guide has a row for `line`: its kind with its cause, as the log has them.
#[track_caller]
fn check_row(line: &str, kind: &str) {
    let (found, rest) = line.split_once(": expected ").unwrap();
    let (expected, mend) = rest.split_once("; ").unwrap();
    assert!(!expected.is_empty() && !mend.is_empty(), "{line}");
    assert_eq!(found, kind);
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/refused.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    assert!(guide.contains(&format!("| `{kind}` |")), "docs/guides/refused.md has no row for {kind}");
}

#[tokio::test]
async fn tokens_that_are_refused_say_why() {
    let kit = TestKest::new(["cart"]);
    let issuer = TestIssuer::start(&kit, "shop");
    let jwt = issuer.authenticator().build().unwrap();
    let service = service(&kest(&kit), jwt);
    let over = issuer.token().bearer();
    let tokens = [
        (None, "credentials_missing"),
        (Some(issuer.token().claim("aud", "bank").bearer()), "credentials_invalid (audience)"),
        (
            Some(issuer.token().claim("iss", "https://elsewhere.example").bearer()),
            "credentials_invalid (issuer)",
        ),
        (Some(issuer.token().header("typ", "JWT").bearer()), "credentials_invalid (type)"),
        (Some(issuer.token().header("kid", "another").bearer()), "credentials_invalid (unknown_key)"),
    ];
    for (token, kind) in tokens {
        let request = match token {
            Some(token) => request().header("authorization", token),
            None => request(),
        };
        check_row(&explained(service.clone(), request.body(Body::empty()).unwrap(), 401).await, kind);
    }
    kit.clock().advance(Duration::from_secs(7200));
    let request = request().header("authorization", over).body(Body::empty()).unwrap();
    check_row(&explained(service, request, 401).await, "credentials_invalid (expired)");
}

#[tokio::test]
async fn passports_that_are_refused_say_why() {
    let kit = TestKest::new(["gateway", "cart"]);
    let here = kest(&kit);
    let service = service(&here, FromLineage);
    let lineage = kit.lineage().caller(TestCaller::user("alice")).hops(2);
    let stranger = TestKest::new(["stranger"]).lineage().hop("stranger");
    let baggage = [
        (stranger.baggage(), "passport_invalid (unknown_principal)"),
        (lineage.tampered(Tamper::EntryCutOut), "passport_invalid (broken_link)"),
    ];
    for (baggage, kind) in baggage {
        let request = request().header("baggage", baggage).body(Body::empty()).unwrap();
        check_row(&explained(service.clone(), request, 401).await, kind);
    }
    let required = here.inbound_builder().identity(FromLineage).require_passport().build();
    let required = Router::new().route("/reserve", post(async || "reserved")).layer(required);
    let bare = request().body(Body::empty()).unwrap();
    check_row(&explained(required, bare, 401).await, "passport_missing");
    let nameless = request().body(Body::empty()).unwrap();
    check_row(&explained(service.clone(), nameless, 403).await, "denied");
    let kept = lineage.baggage();
    kit.clock().advance(Duration::from_secs(7200));
    let kept = request().header("baggage", kept).body(Body::empty()).unwrap();
    check_row(&explained(service, kept, 401).await, "passport_stale (too_old)");
}
