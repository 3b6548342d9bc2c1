//! Layers and clients that one service makes go by the same settings.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use kest::prelude::*;
use kest::{InMemoryPassports, Limits, Operation, dangerous_allow_all};
use kest_testkit::TestClock;
use tokio::net::TcpListener;

use crate::rig;

/// A lineage from the client of a service to its own layers: fresh by its clock, over the header's limit, in its store.
#[tokio::test]
async fn clock_store_limits_and_keys_are_said_once() {
    let (signer, trusted) = rig::keys("cart");
    let limits = Limits::default();
    let kest = Kest::builder(signer)
        .trust(trusted)
        .without_deployment_policies()
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
