//! One rotation from beginning to end.

use std::path::Path;

use axum::http::StatusCode;
use kest::Kest;

use crate::printed;
use crate::rig::{Folder, call, inbound, stock};

/// The answer to a call. On a machine with too much to do a look may take longer than a call waits for it: then the
/// answer is that a retry may help, and it is retried.
async fn answer(client: &reqwest::Client, kest: &Kest, url: &str) -> StatusCode {
    for _ in 0..9 {
        let status = call(client, kest, url).await;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            return status;
        }
    }
    call(client, kest, url).await
}

#[tokio::test]
async fn key_is_rotated_as_the_guide_says_without_a_refused_call() {
    let folder = Folder::new("rotation");
    let cart = "spiffe://example.org/cart";
    let (stock_key, stock_signer) = folder.keygen("spiffe://example.org/stock", "stock.key.jwk");
    let (cart_key, first) = folder.keygen(cart, "cart.key.jwk");
    folder.publish(&[&stock_signer, &first]);
    let (stocks, _) = printed::service(&folder.bundle(), &stock_key).await.unwrap();
    let (kest, signer) = printed::service(&folder.bundle(), &cart_key).await.unwrap();
    let (url, client) = (stock(inbound(&stocks)).await, reqwest::Client::new());
    assert_eq!(answer(&client, &kest, &url).await, StatusCode::OK);

    let (next_key, next) = folder.keygen(cart, "cart.next.key.jwk");
    folder.publish(&[&stock_signer, &first, &next]);
    assert_eq!(answer(&client, &kest, &url).await, StatusCode::OK);
    printed::exchange(&signer, &next_key).unwrap();
    // The file was not looked at again yet: the call waits for that.
    assert_eq!(answer(&client, &kest, &url).await, StatusCode::OK);

    // A key of another workload does not get in, and neither does a key that is in no bundle hold.
    assert!(printed::exchange(&signer, &stock_key).is_err());
    let (unknown, _) = folder.keygen(cart, "unknown.key.jwk");
    printed::exchange(&signer, &unknown).unwrap();
    assert_eq!(answer(&client, &kest, &url).await, StatusCode::UNAUTHORIZED);
    printed::exchange(&signer, &next_key).unwrap();
    assert_eq!(answer(&client, &kest, &url).await, StatusCode::OK);
}

#[tokio::test]
async fn rotations_under_load_refuse_no_call() {
    let folder = Folder::new("load");
    let cart = "spiffe://example.org/cart";
    let (key, mut last) = folder.keygen(cart, "0.key.jwk");
    folder.publish(&[&last]);
    let (kest, signer) = printed::service(&folder.bundle(), &key).await.unwrap();
    let (url, client) = (stock(inbound(&kest)).await, reqwest::Client::new());
    let (done, _) = tokio::sync::watch::channel(false);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (client, kest, url, done) = (client.clone(), kest.clone(), url.clone(), done.subscribe());
            tokio::spawn(async move {
                let mut calls = 0;
                while !*done.borrow() {
                    assert_eq!(answer(&client, &kest, &url).await, StatusCode::OK);
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for rotation in 1..=3 {
        let (path, next) = folder.keygen(cart, &format!("{rotation}.key.jwk"));
        folder.publish(&[&last, &next]);
        printed::exchange(&signer, &path).unwrap();
        // It waits for the look that brings the new key; then the old one may go with the next bundle.
        assert_eq!(answer(&client, &kest, &url).await, StatusCode::OK);
        last = next;
    }
    done.send_replace(true);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}

#[test]
fn guide_prints_the_code_that_is_run_here() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/keys.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    assert!(guide.contains(include_str!("printed.rs")), "docs/guides/keys.md differs from printed.rs");
}
