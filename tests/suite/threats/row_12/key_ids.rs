//! Key ids that are missing, unknown, or meant for another parser, one by one and by the thousand.

use std::sync::Arc;
use std::time::Duration;

use kest_tests::edge::{Edge, challenges};
use kest_tests::raw;
use kest_tests::tokens::TokenKey;
use serde_json::json;
use tokio::task::JoinSet;

use super::{attacked, check_changes};

#[tokio::test(start_paused = true)]
async fn no_key_id() {
    check_changes(&[
        ("none", json!({"kid": null}), json!({})),
        ("empty", json!({"kid": ""}), json!({})),
        ("a number", json!({"kid": 1}), json!({})),
        ("a list", json!({"kid": ["key-1"]}), json!({})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn unknown_key_id() {
    let kid = |kid: &str| json!({ "kid": kid });
    check_changes(&[
        ("another", kid("key-2"), json!({})),
        ("in upper case", kid("KEY-1"), json!({})),
        ("with a blank", kid("key-1 "), json!({})),
        ("with a zero byte", kid("key-1\0"), json!({})),
        ("a pattern", kid("key-*"), json!({})),
        ("long", kid(&"k".repeat(8000)), json!({})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn key_id_with_a_path() {
    let kid = |kid: &str| json!({ "kid": kid });
    check_changes(&[
        ("up", kid("../../key-1"), json!({})),
        ("here", kid("./key-1"), json!({})),
        ("file", kid("/etc/passwd"), json!({})),
        ("empty file, an empty secret", kid("/dev/null"), json!({})),
        ("file uri", kid("file:///dev/null"), json!({})),
        ("escaped", kid("..%2f..%2fkey-1"), json!({})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn key_id_with_sql() {
    let kid = |kid: &str| json!({ "kid": kid });
    check_changes(&[
        ("always true", kid("' OR '1'='1"), json!({})),
        ("comment", kid("key-1'--"), json!({})),
        ("union", kid("x' UNION SELECT 'secret'--"), json!({})),
        ("drop", kid("'; DROP TABLE keys; --"), json!({})),
        ("shell", kid("key-1|/usr/bin/id"), json!({})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn unknown_key_ids_ask_the_issuer_once_per_cool_down() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    for fetches in 1..=4 {
        for number in 0..10 {
            let token = key.token_with(&json!({"kid": format!("{fetches}-{number}")}), &json!({}));
            edge.refuse("unknown key id", &raw::call().bearer(&token)).await;
        }
        // The first round falls into the cool-down of the fetch that brought the keys.
        assert_eq!(edge.issuer.requests(), fetches);
        edge.pass(Duration::from_secs(1)).await;
    }
}

/// What became of one request of the storm: its status, and its challenge.
type Told = (u16, String);

/// The token of one request: each eighth is good, and none is like another.
fn token(key: &TokenKey, number: usize) -> String {
    if is_good(number) {
        key.token_numbered(number)
    } else {
        let key_id = format!("{number:08x}-storm");
        key.token_with(&json!({ "kid": key_id }), &json!({}))
    }
}

fn is_good(number: usize) -> bool {
    number.is_multiple_of(8)
}

async fn send(edge: Arc<Edge>, token: String) -> Told {
    let response = raw::call().bearer(&token).send(edge.service.address).await;
    let told = challenges(&response).join(";");
    (response.status, told)
}

/// Joins one request of the storm. Time passes while no request has an answer, and stands still while a fetch is under way.
async fn join(edge: &Edge, storm: &mut JoinSet<(usize, Told)>) -> (usize, Told) {
    loop {
        tokio::select! {
            biased;
            joined = storm.join_next() => return joined.unwrap().unwrap(),
            () = edge.pass(Duration::from_millis(1)) => edge.land().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn storm_of_unknown_key_ids() {
    const REQUESTS: usize = 2000;
    const AT_ONCE: usize = 64;
    let key = TokenKey::ed25519("key-1", 1);
    let edge = Arc::new(Edge::warm(&[key.jwk()]).await);
    let refused: Told = (401, r#"Bearer error="invalid_token""#.to_owned());
    let admitted: Told = (200, String::new());
    let mut storm = JoinSet::new();
    let (mut sent, mut good) = (0, 0);
    while sent < REQUESTS || !storm.is_empty() {
        while sent < REQUESTS && storm.len() < AT_ONCE {
            let sending = send(Arc::clone(&edge), token(&key, sent));
            let number = sent;
            storm.spawn(async move { (number, sending.await) });
            sent += 1;
        }
        let (number, told) = join(&edge, &mut storm).await;
        let expected = if is_good(number) { &admitted } else { &refused };
        assert_eq!(&told, expected, "request {number}");
        good += usize::from(is_good(number));
    }
    assert_eq!((good, edge.service.runs(), edge.service.signatures()), (250, 250, 250));
    let cool_downs = usize::try_from(edge.elapsed().as_secs()).unwrap();
    let fetches = edge.issuer.requests();
    // The first one brought the keys.
    assert!(fetches > 2 && fetches <= 1 + cool_downs, "{fetches} fetches in {cool_downs} s");
    assert_eq!(edge.authenticator.fetches(), u64::try_from(fetches).unwrap());
}
