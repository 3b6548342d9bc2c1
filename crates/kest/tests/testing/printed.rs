use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::post;
use kest::core::policy::PolicyRequest;
use kest::prelude::*;
use kest::{IdentityChoice, Operation, OperationBuildError};
use kest_testkit::{
    PolicyAnswer, RecordingPolicy, Tamper, TestCaller, TestIssuer, TestKest, TestLineage, attacks,
};
use tower::ServiceExt as _;

/// The service. It is given its `Kest` and where identity comes from, so that a test gives it other ones than `main` does.
fn service(kest: &Kest, identity: impl Into<IdentityChoice>) -> Result<Router, OperationBuildError> {
    let clean = |asked: &PolicyRequest<'_>| asked.user().is_some() && !asked.taints().contains("feed");
    let reserve_stock = kest.operation("reserve_stock").policy_fn("clean_data", clean)?;
    Ok(Router::new()
        .route("/reserve", post(reserve).route_layer(reserve_stock))
        .layer(kest.inbound(identity)))
}

async fn reserve(Admitted(admission): Admitted) -> String {
    let user = admission.caller().user().unwrap_or("a stranger").to_owned();
    format!("{user} reserved through {} hops", admission.passport().len())
}

/// What `main` has from files and the environment, a test has from its kit.
fn kest(kit: &TestKest) -> Kest {
    Kest::builder(kit.signer("cart"))
        .trust(kit.keys())
        .clock(kit.clock())
        .hop_proof(HopProof::for_authority("cart.internal"))
        .without_deployment_policies()
        .build()
        .unwrap()
}

// ---

#[tokio::test]
async fn handler_names_its_caller() {
    let kit = TestKest::new(["gateway", "cart"]);
    let admission = kit.admission("reserve_stock").caller(TestCaller::user("bob")).admit();
    assert_eq!(reserve(Admitted(admission)).await, "bob reserved through 1 hops");
}

// ---

/// The service is called by this name, and each request is signed for it.
fn reservation() -> Request<&'static str> {
    Request::post("http://cart.internal/reserve").body("").unwrap()
}

#[tokio::test]
async fn data_of_a_feed_is_not_reserved_from() {
    let kit = TestKest::new(["gateway", "cart"]);
    let app = service(&kest(&kit), FromLineage).unwrap();
    let request = |lineage: TestLineage| lineage.send(reservation()).map(Body::from);
    let plain = kit.lineage().caller(TestCaller::user("alice")).hop("gateway");
    assert_eq!(app.clone().oneshot(request(plain.clone())).await.unwrap().status(), 200);
    let fed = plain.hop_as("gateway", Operation::from_static("import").taint("feed"));
    assert_eq!(app.oneshot(request(fed)).await.unwrap().status(), 403);
    // One entry was signed, for the request that was allowed.
    assert_eq!(kit.signed().len(), 1);
}

#[tokio::test]
async fn nested_work_asks_its_own_policy() {
    let kit = TestKest::new(["gateway", "cart"]);
    let policy = RecordingPolicy::new(PolicyAnswer::Deny);
    let admission = kit.admission("reserve_stock").admit();
    let resize = admission.operation(Operation::from_static("resize").taint("thumbnail"));
    assert!(resize.admit(&policy).await.is_err());
    assert_eq!(policy.asked()[0].operation, "resize");
    assert_eq!(policy.asked()[0].taints, ["thumbnail"]);
}

// ---

#[tokio::test]
async fn router_stands_all_attacks() {
    let kit = TestKest::new(["gateway", "cart"]);
    let app = service(&kest(&kit), FromLineage).unwrap();
    attacks(&kit).hop_proof("cart.internal").against(app, reservation()).await;
}

// ---

#[tokio::test]
async fn edge_stands_all_attacks_on_tokens_too() {
    let kit = TestKest::new(["cart"]);
    let issuer = TestIssuer::start(&kit, "shop");
    let app = service(&kest(&kit), issuer.authenticator().build().unwrap()).unwrap();
    let attacks = attacks(&kit).tokens(&issuer).without_passport();
    attacks.against(app, reservation()).await;
}

// ---

#[tokio::test]
async fn passport_that_was_kept_is_refused_the_next_day() {
    let kit = TestKest::new(["gateway", "cart"]);
    let app = service(&kest(&kit), FromLineage).unwrap();
    let lineage = kit.lineage().hops(2);
    let (kept, mut cut) = (lineage.send(reservation()), lineage.send(reservation()));
    cut.headers_mut().insert("baggage", lineage.tampered(Tamper::EntryCutOut));
    assert_eq!(app.clone().oneshot(cut.map(Body::from)).await.unwrap().status(), 401);
    kit.clock().advance(Duration::from_secs(86_400));
    assert_eq!(app.oneshot(kept.map(Body::from)).await.unwrap().status(), 401);
}
