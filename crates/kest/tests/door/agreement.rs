//! Layers and clients that one service makes go by the same settings.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use kest::baggage::{Audience, ClaimCheck, packed_once};
use kest::core::ReplayStore as _;
use kest::core::replay::{Novelty, ReplayId};
use kest::core::signature::KeyId;
use kest::prelude::*;
use kest::{
    InMemoryPassports, Limits, Operation, OsRandom, PassportStore as _, PassportStores, Sealing, SealingKey,
    dangerous_allow_all,
};
use kest_testkit::TestClock;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::rig;

/// A lineage from the client of a service to its own layers: fresh by its clock, over the header's limit, in its store.
#[tokio::test]
async fn clock_store_limits_and_keys_are_said_once() {
    let (signer, trusted) = rig::keys("cart");
    let limits = Limits::default();
    let kest = Kest::builder(signer)
        .trust(trusted)
        .without_deployment_policies()
        .dangerous_bearer_passports()
        .clock(Arc::new(TestClock::at(1_000_000_000)))
        .passport_store(Arc::new(InMemoryPassports::new(&limits)))
        // No header has room, so that the store is asked on both sides.
        .tiers(kest::Tiers::auto().threshold(1))
        .limits(limits)
        .build()
        .unwrap();
    let greet = kest.operation("greet").policy_fn("anyone", |_asked| true).unwrap();
    let show = async |Admitted(admission): Admitted| admission.passport().len().to_string();
    let router = Router::new().route("/", get(show).route_layer(greet)).layer(kest.inbound(FromLineage));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let client = kest
        .client(reqwest::Client::builder())
        .destination(&origin)
        .unwrap()
        .originate(Origin::system(), Operation::from_static("job"), dangerous_allow_all())
        .unwrap()
        .build()
        .unwrap();
    let answer = client.get(&origin).send().await.unwrap();
    let sent = answer.extensions().get::<kest::client::Sent>().unwrap();
    assert_eq!(sent.tier, kest::baggage::Tier::ClaimCheck);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "2");
}

/// A service at 1970 by its own clock, with room for one passport.
fn long_ago() -> (Kest, Arc<TestClock>, Limits) {
    let clock = Arc::new(TestClock::at(1000));
    let mut limits = Limits::default();
    limits.replay_ids = 4;
    limits.passport_store_bytes = 4096;
    let (signer, trusted) = rig::keys("cart");
    let kest =
        Kest::builder(signer).trust(trusted).without_deployment_policies().dangerous_bearer_passports();
    let kest = kest.clock(Arc::<TestClock>::clone(&clock)).limits(limits.clone()).build().unwrap();
    (kest, clock, limits)
}

#[tokio::test]
async fn stores_that_a_service_makes_go_by_its_clock_and_limits() {
    let (kest, clock, limits) = long_ago();
    let (passports, replays) = (kest.in_memory_passports(), kest.in_memory_replays());
    let check = ClaimCheck::generate(&OsRandom).unwrap();
    let hour = Duration::from_secs(3600);
    let much = vec![0; usize::try_from(limits.passport_store_bytes).unwrap()];
    assert!(passports.put(&check, much.into(), hour).await.is_err(), "over its limits");
    passports.put(&check, "passport".into(), hour).await.unwrap();
    clock.advance(hour);
    assert_eq!(passports.get(&check).await.unwrap(), None, "over by its clock");

    for id in ["1", "2", "3", "4"] {
        let inserted = replays.insert(ReplayId::of([id.as_bytes()]), clock.after(hour)).await;
        assert_eq!(inserted.unwrap(), Novelty::New);
    }
    assert!(replays.insert(ReplayId::of([b"5".as_slice()]), clock.after(hour)).await.is_err());
}

/// Attack: a seal that is over by the service's clock, which is another than the machine's.
#[tokio::test]
async fn store_that_is_given_later_serves_layers_and_clients_by_the_services_clock() {
    let (kest, clock, _) = long_ago();
    let key = SealingKey::generate(KeyId::from_static("2026-01"), &OsRandom).unwrap();
    let sealing = Sealing::new(key, Audience::from_static("shop"));
    let stores = PassportStores::sealed(Arc::new(InMemoryPassports::new(kest.limits())), sealing);
    let kest = kest.with_passport_store(stores);
    let admission = kest
        .originate(Origin::system(), &Operation::from_static("job"), &dangerous_allow_all())
        .await
        .unwrap();
    let mut headers = http::HeaderMap::new();
    let tiers = kest.tiers().clone().threshold(1);
    packed_once(&admission, &tiers).await.unwrap().inject(&mut headers, kest.limits()).unwrap();
    let greet = kest.operation("greet").policy_fn("anyone", |_asked| true).unwrap();
    let router =
        Router::new().route("/", get(async || "hello").route_layer(greet)).layer(kest.inbound(FromLineage));
    let status = async |router: &Router| {
        let mut request = http::Request::get("/").body(axum::body::Body::empty()).unwrap();
        request.headers_mut().clone_from(&headers);
        router.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status(&router).await, 200);
    clock.advance(kest.limits().claim_check_ttl + Duration::from_secs(1));
    assert_eq!(status(&router).await, 401);
}
