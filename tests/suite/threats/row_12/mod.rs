//! Tokens that do not hold, at a service that was told issuer, audience and the place of the keys, and nothing else.
//!
//! Each attack changes one thing about a token that the same service admits, and signs what it changed.

mod attacks;
mod key_ids;
mod own_keys;
mod probes;

use kest_tests::edge::Edge;
use kest_tests::raw;
use kest_tests::tokens::{ISSUER, TokenKey};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn good_token_is_admitted_and_its_claims_are_mapped() {
    for key in [TokenKey::rsa("key-1"), TokenKey::p256("key-1"), TokenKey::ed25519("key-1", 1)] {
        let edge = Edge::trusting(&[key.jwk()]).await;
        let seen = edge.admit(&key.token()).await;
        assert_eq!(
            (&seen["user"], &seen["agent"], &seen["task"]),
            (&json!("alice"), &json!("web"), &json!("orders:read"))
        );
        assert_eq!((&seen["source"], &seen["issuer"]), (&json!("jwt"), &json!(ISSUER)));
    }
}

/// A service that has just admitted a token of this key, so that what it refuses next is the attack.
async fn attacked(key: &TokenKey) -> Edge {
    let edge = Edge::trusting(&[key.jwk()]).await;
    edge.admit(&key.token()).await;
    edge
}

/// Checks that each of these changes to header and claims of a good token is refused, and that the service then still
/// admits a good token.
async fn check_changes(changes: &[(&str, Value, Value)]) {
    let key = TokenKey::rsa("key-1");
    let edge = attacked(&key).await;
    for (attack, header, claims) in changes {
        edge.refuse(attack, &raw::call().bearer(&key.token_with(header, claims))).await;
    }
    edge.admit(&key.token_numbered(0)).await;
}

/// Checks that a good token with these claims is refused.
async fn check_claims(attack: &str, claims: Value) {
    check_changes(&[(attack, json!({}), claims)]).await;
}
