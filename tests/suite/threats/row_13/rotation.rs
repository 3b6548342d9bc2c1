//! Key sets that are answered well and say something new, or something bad among the good.

use std::time::Duration;

use kest_testkit::HttpAnswer as Answer;
use kest_tests::edge::Edge;
use kest_tests::raw;
use kest_tests::tokens::TokenKey;
use serde_json::{Value, json};

const PERIOD: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn rotation_with_overlap() {
    let (old, new) = (TokenKey::ed25519("key-1", 1), TokenKey::p256("key-2"));
    let edge = Edge::warm(&[old.jwk()]).await;
    edge.admit(&old.token()).await;
    edge.pass(Duration::from_secs(1)).await;
    edge.issuer.answer_with(Answer::keys(&[old.jwk(), new.jwk()]));
    edge.admit(&new.token()).await;
    edge.admit(&old.token_numbered(1)).await;
    assert_eq!(edge.issuer.requests(), 2, "the first token of the new key brought it");

    edge.issuer.answer_with(Answer::keys(&[new.jwk()]));
    edge.pass(PERIOD - Duration::from_millis(1)).await;
    edge.admit(&old.token_numbered(2)).await;
    assert_eq!(edge.issuer.requests(), 2, "until then no one looks");
    edge.pass(Duration::from_millis(1)).await;
    // No request has to come for it.
    edge.issuer.after_requests(3).await;
    edge.authenticator.after_fetches(3).await;
    edge.refuse("withdrawn key", &raw::call().bearer(&old.token_numbered(3))).await;
    edge.refuse("withdrawn key, token remembered", &raw::call().bearer(&old.token())).await;
    edge.admit(&new.token()).await;
    edge.admit(&new.token_numbered(4)).await;
}

#[tokio::test(start_paused = true)]
async fn rotation_under_the_same_key_id() {
    let (old, new) = (TokenKey::ed25519("key-1", 1), TokenKey::ed25519("key-1", 2));
    let edge = Edge::warm(&[old.jwk()]).await;
    edge.admit(&old.token()).await;
    edge.issuer.answer_with(Answer::keys(&[new.jwk()]));
    edge.pass(PERIOD).await;
    edge.issuer.after_requests(2).await;
    edge.authenticator.after_fetches(2).await;
    edge.refuse("replaced key", &raw::call().bearer(&old.token_numbered(1))).await;
    edge.refuse("replaced key, token remembered", &raw::call().bearer(&old.token())).await;
    edge.admit(&new.token()).await;
}

#[tokio::test(start_paused = true)]
async fn all_keys_withdrawn() {
    let key = TokenKey::ed25519("key-1", 1);
    for keys in [vec![], vec![json!({"kty": "AKP", "kid": "key-1", "pub": "AA"})]] {
        let edge = Edge::warm(&[key.jwk()]).await;
        edge.admit(&key.token()).await;
        edge.issuer.answer_with(Answer::keys(&keys));
        edge.pass(PERIOD).await;
        edge.issuer.after_requests(2).await;
        edge.authenticator.after_fetches(2).await;
        edge.refuse("all withdrawn", &raw::call().bearer(&key.token_numbered(1))).await;
        edge.refuse("all withdrawn, token remembered", &raw::call().bearer(&key.token())).await;
    }
}

/// Keys that must not be used, by what is wrong with them. Those that have a number are the attacker's.
fn bad_keys(attacker: &TokenKey) -> Vec<(&'static str, Value)> {
    let changed = |changes: Value| attacker.jwk_with(&changes);
    vec![
        ("no key", json!(null)),
        ("a text", json!("bad")),
        ("a list", json!([])),
        ("nothing", json!({})),
        ("no kty", changed(json!({"kty": null}))),
        ("unknown kty", json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "bad", "pub": "AA"})),
        ("unknown curve", changed(json!({"crv": "X25519"}))),
        ("bad base64", changed(json!({"x": "@@@"}))),
        ("no kid", changed(json!({"kid": null}))),
        ("kid that is a number", changed(json!({"kid": 1}))),
        ("for encryption", changed(json!({"use": "enc"}))),
        ("for wrapping", changed(json!({"key_ops": ["wrapKey"]}))),
        ("for another algorithm", changed(json!({"alg": "ES256"}))),
        ("private", changed(json!({"d": "AQ"}))),
        ("shared secret", json!({"kty": "oct", "kid": "bad", "k": "c2VjcmV0"})),
        ("weak rsa", json!({"kty": "RSA", "kid": "bad", "n": "_".repeat(168), "e": "AQAB"})),
        ("small order", changed(json!({"x": "A".repeat(43)}))),
    ]
}

#[tokio::test(start_paused = true)]
async fn one_bad_key_among_good_ones() {
    let (first, last) = (TokenKey::ed25519("key-1", 1), TokenKey::p256("key-2"));
    let attacker = TokenKey::ed25519("bad", 66);
    let edge = Edge::warm(&[first.jwk(), attacker.jwk(), last.jwk()]).await;
    edge.admit(&attacker.token()).await;
    for (what, bad) in bad_keys(&attacker) {
        let edge = Edge::trusting(&[first.jwk(), bad, last.jwk()]).await;
        edge.admit_in(what, &first.token()).await;
        edge.admit_in(what, &last.token()).await;
        edge.refuse(what, &raw::call().bearer(&attacker.token())).await;
        assert_eq!(edge.issuer.requests(), 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_id_for_two_keys() {
    let (good, first, second) =
        (TokenKey::p256("key-1"), TokenKey::ed25519("twice", 2), TokenKey::ed25519("twice", 66));
    let edge = Edge::warm(&[first.jwk(), good.jwk(), second.jwk()]).await;
    for key in [&first, &second] {
        edge.refuse("it is unknown which one is meant", &raw::call().bearer(&key.token())).await;
    }
    edge.admit(&good.token()).await;
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_bad_keys_before_the_good_one() {
    let key = TokenKey::ed25519("key-1", 1);
    let keys: Vec<_> = (0..10_000).map(|_| json!({"kty": "x"})).chain([key.jwk()]).collect();
    let edge = Edge::trusting(&keys).await;
    edge.admit(&key.token()).await;
}
