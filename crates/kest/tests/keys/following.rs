//! A service goes on while its bundle is attacked or away, and refuses once it is too old.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use kest::{BundleFile, Kest};
use kest_testkit::TestClock;

use crate::rig::{Folder, call, inbound, stock};

#[tokio::test]
async fn shrunken_bundle_changes_nothing_and_a_stale_one_refuses_with_503() {
    let folder = Folder::new("following");
    let (_, cart) = folder.keygen("spiffe://example.org/cart", "cart.key.jwk");
    let (_, other) = folder.keygen("spiffe://example.org/other", "other.key.jwk");
    folder.publish(&[&cart, &other]);
    let clock = Arc::new(TestClock::at(1_000_000));
    let forward = |seconds| clock.advance(Duration::from_secs(seconds));
    let bundle =
        BundleFile::builder(folder.bundle()).clock(Arc::<TestClock>::clone(&clock)).build().await.unwrap();
    let kest = Kest::builder(cart).trust(bundle.clone()).without_deployment_policies().build().unwrap();
    let (url, client) = (stock(inbound(&kest)).await, reqwest::Client::new());
    assert_eq!(call(&client, &kest, &url).await, StatusCode::OK);

    folder.publish(&[&other]);
    forward(3599);
    assert_eq!(call(&client, &kest, &url).await, StatusCode::OK);
    assert!(bundle.health().is_ready());
    std::fs::remove_file(folder.bundle()).unwrap();
    forward(1);
    assert_eq!(call(&client, &kest, &url).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((bundle.health().is_ready(), bundle.health().last_error), (false, Some("unreadable")));
}
