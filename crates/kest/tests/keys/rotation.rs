//! One rotation from beginning to end.

use std::path::Path;

use axum::http::StatusCode;

use crate::printed;
use crate::rig::{Folder, call, stock};

#[tokio::test]
async fn key_is_rotated_as_the_guide_says_without_a_refused_call() {
    let folder = Folder::new("rotation");
    let cart = "spiffe://example.org/cart";
    let (stock_key, stock_signer) = folder.keygen("spiffe://example.org/stock", "stock.key.jwk");
    let (cart_key, first) = folder.keygen(cart, "cart.key.jwk");
    folder.publish(&[&stock_signer, &first]);
    let (inbound, ..) = printed::service(&folder.bundle(), &stock_key).await.unwrap();
    let (_, kest, signer) = printed::service(&folder.bundle(), &cart_key).await.unwrap();
    let url = stock(inbound).await;
    assert_eq!(call(&kest, &url).await, StatusCode::OK);

    let (next_key, next) = folder.keygen(cart, "cart.next.key.jwk");
    folder.publish(&[&stock_signer, &first, &next]);
    assert_eq!(call(&kest, &url).await, StatusCode::OK);
    printed::exchange(&signer, &next_key).unwrap();
    // The file was not looked at again yet: the call waits for that.
    assert_eq!(call(&kest, &url).await, StatusCode::OK);

    // A key of another workload does not get in, and neither does a key that is in no bundle hold.
    assert!(printed::exchange(&signer, &stock_key).is_err());
    let (unknown, _) = folder.keygen(cart, "unknown.key.jwk");
    printed::exchange(&signer, &unknown).unwrap();
    assert_eq!(call(&kest, &url).await, StatusCode::UNAUTHORIZED);
    printed::exchange(&signer, &next_key).unwrap();
    assert_eq!(call(&kest, &url).await, StatusCode::OK);
}

#[test]
fn guide_prints_the_code_that_is_run_here() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/keys.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    assert!(guide.contains(include_str!("printed.rs")), "docs/guides/keys.md differs from printed.rs");
}
