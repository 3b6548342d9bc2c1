//! What layers and extractors refuse, and what a request leaves that gets through.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use kest_core::Operation;
use kest_core::passport::UnverifiedPassport;
use kest_core::policy::policy_fn;
use kest_core::signature::{KeyRing, KeysUnavailable, ResolveKeys};
use kest_identity::IdentityChoice;
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw;
use kest_tower::{GuardLayer, InboundLayer, OperationLayer, Rejection};
use tower::{ServiceBuilder, ServiceExt as _};

use super::{Mechanism, SECRET, keep};

/// Knows no keys today.
#[derive(Debug)]
struct NoKeys;

#[async_trait]
impl ResolveKeys for NoKeys {
    async fn ring_for(&self, _: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        Err(KeysUnavailable::new(SECRET))
    }
}

fn inbound() -> InboundLayer {
    InboundLayer::builder(keys::ring())
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .build()
}

fn operation() -> OperationLayer {
    let policy = policy_fn("anyone", |_| true).unwrap();
    OperationLayer::new(keys::kest("service"), Operation::named("call").unwrap(), policy)
}

async fn ran<B>(_: Request<B>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("ran".to_owned()))
}

#[tokio::test]
async fn keys_out_of_reach_are_explained() {
    let kept = keep();
    let layer = InboundLayer::builder(NoKeys)
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .build();
    let service = ServiceBuilder::new().layer(layer).layer(operation()).service_fn(ran);
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    let response = service
        .oneshot(Request::builder().header("baggage", header).body(String::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    kept.only("inbound", "keys_unavailable");
    assert!(!kept.logs.text().contains(SECRET));
}

#[tokio::test]
async fn guard_says_what_it_needs() {
    let guard = || GuardLayer::scopes(["orders:write"]).unwrap().roles(["clerk"]);
    let refuse = async |mechanism: Mechanism, guard: GuardLayer| {
        let kept = keep();
        let choice = IdentityChoice::mechanism(Arc::new(mechanism));
        let inbound =
            InboundLayer::builder(keys::ring()).identity(choice).dangerous_bearer_passports().build();
        let service = ServiceBuilder::new().layer(inbound).layer(guard).service_fn(ran);
        let response = service.oneshot(Request::new(String::new())).await.unwrap();
        (kept, response.extensions().get::<Rejection>().unwrap().clone())
    };
    let (kept, rejection) = refuse(Mechanism::Known, guard()).await;
    assert!(rejection.expected().contains("orders:write"), "{rejection:?}");
    assert!(kept.only("guard", "insufficient_scope").contains("orders:write"));
    drop(kept);
    let roles_only = GuardLayer::for_roles(["clerk"]).unwrap();
    let (kept, rejection) = refuse(Mechanism::Known, roles_only).await;
    assert!(rejection.expected().contains("clerk"), "{rejection:?}");
    assert!(kept.only("guard", "role_missing").contains("clerk"));
}

#[tokio::test]
async fn forgotten_inbound_layer_is_explained_once_in_all_places() {
    let kept = keep();
    let service = ServiceBuilder::new().layer(operation()).service_fn(ran);
    assert_eq!(service.oneshot(Request::new(String::new())).await.unwrap().status(), 500);
    assert!(kept.only("operation", "no_arrival").contains("ERROR"));
    drop(kept);
    let kept = keep();
    let service = ServiceBuilder::new().layer(GuardLayer::scopes(["a"]).unwrap()).service_fn(ran);
    assert_eq!(service.oneshot(Request::new(String::new())).await.unwrap().status(), 500);
    kept.only("guard", "no_arrival");
    drop(kept);
    let ask =
        async |router: axum::Router| router.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
    let kept = keep();
    let router = axum::Router::new().route("/", axum::routing::get(async |_: kest::Authenticated| "ran"));
    assert_eq!(ask(router).await.status(), 500);
    kept.only("extractor", "no_arrival");
    drop(kept);
    let kept = keep();
    let router = axum::Router::new().route("/", axum::routing::get(async |_: kest::Admitted| "ran"));
    assert_eq!(ask(router.layer(inbound())).await.status(), 500);
    kept.only("extractor", "no_admission");
}

#[tokio::test]
async fn rejection_in_the_answer_says_the_same_as_the_line() {
    let kept = keep();
    let service = ServiceBuilder::new().layer(inbound()).layer(operation()).service_fn(ran);
    let entries = vec![forge::entry("gateway", 1, &[]).label("principal", "partner").sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    let request = Request::builder().header("baggage", header).body(String::new()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    let failure = rejection.passport_failure().unwrap();
    assert_eq!((failure.kind().as_str(), failure.index()), ("unknown_principal", Some(0)));
    assert_eq!(failure.workload().map(|it| it.as_str()), Some("partner"));
    let line = kept.only(rejection.step().as_str(), rejection.kind().as_str());
    assert!(line.contains(rejection.expected()) && line.contains(rejection.mend()), "{line}");
    assert!(line.contains(rejection.cause().unwrap()), "{line}");
    let told: Vec<_> = response.headers().iter().collect();
    assert_eq!((told.len(), &response.headers()["www-authenticate"]), (1, &"Kest".parse().unwrap()));
}

#[tokio::test]
async fn request_that_gets_through_leaves_a_line_for_those_who_look() {
    let kept = keep();
    let service = kest_tests::service::Service::start().await;
    service.admitted(&raw::call()).await;
    let text = kept.logs.text();
    let line = text.lines().find(|line| line.contains("operation admitted")).unwrap();
    for part in ["DEBUG", "kest.entry_id=", "trust=10", "entries=1"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(kept.refusals(), BTreeMap::new());
}
