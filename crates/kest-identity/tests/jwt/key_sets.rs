//! Row 13 of the threat table: what the key set endpoint may do to us.

use std::time::Duration;

use serde_json::json;

use crate::endpoint::{Answer, Endpoint, publishing};
use crate::keys::SigningKey;
use crate::rig::{Rig, check_refused, check_unavailable, impatient, token};

fn key() -> SigningKey {
    SigningKey::ed25519("key-1", 1)
}

#[tokio::test]
async fn down_at_start() {
    let mut rig = Rig::trusting([&key()]).await;
    rig.endpoint.go_down().await;
    assert!(rig.authenticator.start().await.is_err());
    for _ in 0..20 {
        check_unavailable(rig.send_token(&token(&key())).await, "unreachable");
    }
    assert_eq!(rig.authenticator.fetches(), 1, "an outage must not cause a fetch for each request");
}

#[tokio::test]
async fn up_again_after_being_down_at_start() {
    let rig = Rig::asking(Answer::Status("503 Service Unavailable".to_owned())).await;
    check_unavailable(rig.send_token(&token(&key())).await, "status");
    rig.endpoint.answer_with(publishing([key().jwk()]));
    check_unavailable(rig.send_token(&token(&key())).await, "status");
    rig.clock.advance(Duration::from_secs(1));
    rig.send_token(&token(&key())).await.unwrap();
    rig.check_fetches(2);
}

#[tokio::test]
async fn down_later() {
    let mut rig = Rig::trusting([&key()]).await;
    rig.authenticator.start().await.unwrap();
    rig.endpoint.go_down().await;
    rig.clock.advance(Duration::from_secs(300));
    for _ in 0..20 {
        rig.send_token(&token(&key())).await.unwrap();
    }
    rig.authenticator.after_fetches(2).await;
    let unknown = token(&SigningKey::ed25519("key-2", 2));
    check_unavailable(rig.send_token(&unknown).await, "unreachable");
    assert_eq!(rig.authenticator.fetches(), 2);
    rig.clock.advance(Duration::from_secs(3299));
    rig.send_token(&token(&key())).await.unwrap();
    rig.authenticator.after_fetches(3).await;
    rig.clock.advance(Duration::from_secs(1));
    check_unavailable(rig.send_token(&token(&key())).await, "unreachable");
}

#[tokio::test]
async fn slow() {
    for answer in [Answer::Silent, Answer::Promise(9)] {
        let rig = Rig::configured(answer, |builder| builder.limits(impatient())).await;
        check_unavailable(rig.send_token(&token(&key())).await, "waited");
        rig.authenticator.after_fetches(1).await;
        check_unavailable(rig.send_token(&token(&key())).await, "timed_out");
        rig.check_fetches(1);
    }
}

#[tokio::test]
async fn slow_later_holds_up_nobody_whose_key_is_known() {
    let rig = Rig::configured(publishing([key().jwk()]), |builder| builder.limits(impatient())).await;
    rig.authenticator.start().await.unwrap();
    rig.endpoint.answer_with(Answer::Silent);
    rig.clock.advance(Duration::from_secs(300));
    for _ in 0..20 {
        rig.send_token(&token(&key())).await.unwrap();
    }
    rig.authenticator.after_fetches(2).await;
    rig.send_token(&token(&key())).await.unwrap();
    rig.check_fetches(2);
}

#[tokio::test]
async fn ten_megabytes() {
    let body = " ".repeat(10 * 1024 * 1024);
    let long = Answer::Body(Some("application/json"), body);
    for answer in [long, Answer::Endless] {
        let rig = Rig::asking(answer).await;
        check_unavailable(rig.send_token(&token(&key())).await, "too_long");
        rig.check_fetches(1);
    }
}

#[tokio::test]
async fn redirect() {
    let attacker = SigningKey::ed25519("key-1", 66);
    let lure = Endpoint::answering(publishing([attacker.jwk()]));
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let rig = Rig::asking(Answer::redirect(status, &lure.uri)).await;
        check_unavailable(rig.send_token(&token(&attacker)).await, "status");
    }
    assert_eq!(lure.hits(), 0);
}

/// What an answer holds decides, not what it is called: buckets and plain web servers call a key set what they like.
#[tokio::test]
async fn key_set_of_another_type_is_read_and_a_page_is_named() {
    let body = json!({"keys": [key().jwk()]}).to_string();
    for content_type in [
        None,
        Some("application/json;charset=UTF-8"),
        Some("text/plain"),
        Some("application/octet-stream"),
        Some("binary/octet-stream"),
        Some("application/jsonp"),
        Some(""),
    ] {
        let rig = Rig::asking(Answer::Body(content_type, body.clone())).await;
        rig.send_token(&token(&key())).await.unwrap();
    }
    let page = "<title>Sign in</title>".to_owned();
    for (content_type, body, kind) in [
        ("text/html", page.clone(), "content_type"),
        ("text/html", body, "content_type"),
        ("text/plain", page, "not_a_key_set"),
    ] {
        let answer = Answer::Body(Some(content_type), body);
        check_unavailable(Rig::asking(answer).await.send_token(&token(&key())).await, kind);
    }
}

#[tokio::test]
async fn answer_that_is_no_key_set() {
    for body in ["", "<html>", "{}", "[]", r#"{"keys":"none"}"#] {
        let rig = Rig::asking(Answer::Body(None, body.into())).await;
        check_unavailable(rig.send_token(&token(&key())).await, "not_a_key_set");
        let known = Rig::trusting([&key()]).await;
        known.authenticator.start().await.unwrap();
        known.endpoint.answer_with(Answer::Body(None, body.into()));
        known.clock.advance(Duration::from_secs(300));
        known.send_token(&token(&key())).await.unwrap();
        known.authenticator.after_fetches(2).await;
        known.send_token(&token(&key())).await.unwrap();
    }
}

#[tokio::test]
async fn one_bad_key_among_good_ones() {
    let (first, second) = (key(), SigningKey::p256("key-2"));
    for bad in [
        json!(null),
        json!({"kty": "RSA", "kid": "bad", "n": "AQ", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "bad", "x": "@", "y": "@"}),
        json!({"kty": "oct", "kid": "bad", "k": "c2VjcmV0"}),
        json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "bad", "pub": "AA"}),
    ] {
        let rig = Rig::asking(publishing([first.jwk(), bad, second.jwk()])).await;
        rig.send_token(&token(&first)).await.unwrap();
        rig.send_token(&token(&second)).await.unwrap();
        check_refused(rig.send_token(&token(&SigningKey::ed25519("bad", 9))).await, "unknown_key");
        rig.check_fetches(1);
    }
}

#[tokio::test]
async fn keys_that_are_not_for_tokens_sign_none() {
    let encrypting = |name: &str, value| {
        let mut jwk = key().jwk();
        jwk[name] = value;
        jwk
    };
    for jwk in [encrypting("use", json!("enc")), encrypting("key_ops", json!(["wrapKey"]))] {
        let rig = Rig::asking(publishing([jwk])).await;
        check_refused(rig.send_token(&token(&key())).await, "unknown_key");
    }
}

#[tokio::test]
async fn rotation_with_overlap() {
    let (old, new) = (key(), SigningKey::p384("key-2"));
    let rig = Rig::trusting([&old]).await;
    rig.send_token(&token(&old)).await.unwrap();
    rig.endpoint.answer_with(publishing([old.jwk(), new.jwk()]));
    rig.clock.advance(Duration::from_secs(1));
    rig.send_token(&token(&new)).await.unwrap();
    rig.send_token(&token(&old)).await.unwrap();
    rig.check_fetches(2);
    rig.endpoint.answer_with(publishing([new.jwk()]));
    rig.clock.advance(Duration::from_secs(300));
    rig.send_token(&token(&new)).await.unwrap();
    rig.authenticator.after_fetches(3).await;
    rig.send_token(&token(&new)).await.unwrap();
    check_refused(rig.send_token(&token(&old)).await, "unknown_key");
    rig.check_fetches(3);
}

#[tokio::test]
async fn all_keys_taken_back() {
    let rig = Rig::trusting([&key()]).await;
    rig.send_token(&token(&key())).await.unwrap();
    rig.endpoint.answer_with(publishing([]));
    rig.clock.advance(Duration::from_secs(300));
    rig.send_token(&token(&key())).await.unwrap();
    rig.authenticator.after_fetches(2).await;
    check_refused(rig.send_token(&token(&key())).await, "unknown_key");
}

#[tokio::test]
async fn settings_of_the_schedule_are_honoured() {
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(120));
    let rig = Rig::configured(publishing([key().jwk()]), |builder| {
        builder.refresh_every(minute).serve_stale_for(hour)
    });
    let mut rig = rig.await;
    rig.authenticator.start().await.unwrap();
    // The refresh comes up to a tenth early.
    rig.clock.advance(Duration::from_secs(53));
    rig.send_token(&token(&key())).await.unwrap();
    rig.check_fetches(1);
    rig.endpoint.go_down().await;
    rig.clock.advance(Duration::from_secs(67));
    check_unavailable(rig.send_token(&token(&key())).await, "unreachable");
}
