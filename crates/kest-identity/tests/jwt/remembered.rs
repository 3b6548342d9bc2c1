//! Tokens that were verified before: recognised while they hold, and not a moment longer.

use kest_core::{AuthenticateError, Limits};
use serde_json::json;
use std::time::Duration;

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::meter::Meter;
use crate::rig::{NOW, Rig, check_refused, token, token_with};

fn key() -> SigningKey {
    SigningKey::ed25519("key-1", 1)
}

#[tokio::test]
async fn token_that_was_verified_is_recognised() {
    let (meter, _metering) = Meter::listen();
    let rig = Rig::trusting([&key()]).await;
    let first = rig.send_token(&token(&key())).await.unwrap();
    let second = rig.send_token(&token(&key())).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(rig.authenticator.tokens_remembered(), 1);
    assert_eq!((meter.cache("miss"), meter.cache("hit")), (1, 1));
}

#[tokio::test]
async fn large_tokens_of_one_caller_take_up_no_more_than_the_bytes_there_are() {
    let mut limits = Limits::default();
    limits.tokens_remembered_bytes = 256 * 1024;
    let rig = Rig::configured(publishing([key().jwk()]), |builder| builder.limits(limits.clone())).await;
    let roles: Vec<_> = (0..limits.token_grants).map(|role| format!("role-{role:020}")).collect();
    for number in 0..100 {
        let large = token_with(&key(), &json!({}), &json!({"roles": roles, "jti": number}));
        rig.send_token(&large).await.unwrap();
    }
    // Each has 256 roles of 25 bytes, and a pointer and two counters for each.
    let remembered = rig.authenticator.tokens_remembered();
    assert!(remembered > 0 && remembered * 256 * (25 + 32) <= limits.tokens_remembered_bytes, "{remembered}");
    rig.send_token(&token(&key())).await.unwrap();
}

#[tokio::test]
async fn token_that_grants_too_much_at_once_is_refused() {
    let rig = Rig::trusting([&key()]).await;
    let most = Limits::default().token_grants;
    let names = |count: usize| (0..count).map(|name| format!("n{name}")).collect::<Vec<_>>();
    for claim in ["scope", "roles"] {
        let with = |count: usize| token_with(&key(), &json!({}), &json!({ claim: names(count) }));
        rig.send_token(&with(most)).await.unwrap();
        check_refused(rig.send_token(&with(most + 1)).await, "too_many_grants");
    }
}

#[tokio::test]
async fn withdrawn_key_stops_a_remembered_token() {
    let rig = Rig::trusting([&key()]).await;
    let remembered = token(&key());
    rig.send_token(&remembered).await.unwrap();
    rig.endpoint.answer_with(publishing([SigningKey::ed25519("key-2", 2).jwk()]));
    rig.clock.advance(Duration::from_secs(300));
    rig.send_token(&remembered).await.unwrap();
    rig.authenticator.after_fetches(2).await;
    check_refused(rig.send_token(&remembered).await, "unknown_key");
}

#[tokio::test]
async fn replaced_key_of_the_same_id_stops_a_remembered_token() {
    let rig = Rig::trusting([&key()]).await;
    let remembered = token(&key());
    rig.send_token(&remembered).await.unwrap();
    rig.endpoint.answer_with(publishing([SigningKey::ed25519("key-1", 2).jwk()]));
    rig.clock.advance(Duration::from_secs(300));
    rig.send_token(&remembered).await.unwrap();
    rig.authenticator.after_fetches(2).await;
    check_refused(rig.send_token(&remembered).await, "signature");
}

#[tokio::test]
async fn key_that_stale_service_ended_stops_a_remembered_token() {
    let mut rig = Rig::trusting([&key()]).await;
    let remembered = token(&key());
    rig.send_token(&remembered).await.unwrap();
    rig.endpoint.go_down().await;
    rig.clock.advance(Duration::from_secs(3600));
    assert!(matches!(rig.send_token(&remembered).await, Err(AuthenticateError::Unavailable(_))));
}

#[tokio::test]
async fn expiry_stops_a_remembered_token() {
    let rig = Rig::trusting([&key()]).await;
    let remembered = token_with(&key(), &json!({}), &json!({"exp": NOW + 100}));
    rig.send_token(&remembered).await.unwrap();
    // The leeway of 5 s is for the issuer's clock, remembered or not.
    rig.clock.advance(Duration::from_secs(104));
    rig.send_token(&remembered).await.unwrap();
    assert_eq!(rig.authenticator.tokens_remembered(), 0, "what only leeway saves is proved each time");
    rig.clock.advance(Duration::from_secs(1));
    check_refused(rig.send_token(&remembered).await, "expired");
}

#[tokio::test]
async fn clock_set_back_does_not_revive_or_advance_a_remembered_token() {
    let rig = Rig::trusting([&key()]).await;
    let remembered = token_with(&key(), &json!({}), &json!({"nbf": NOW - 10, "iat": NOW - 10}));
    rig.send_token(&remembered).await.unwrap();
    rig.clock.turn_back(Duration::from_secs(1000));
    check_refused(rig.send_token(&remembered).await, "not_yet_valid");
    assert_eq!(rig.authenticator.tokens_remembered(), 0);
    rig.clock.advance(Duration::from_secs(1000));
    rig.send_token(&remembered).await.unwrap();
}

#[tokio::test]
async fn other_tokens_of_the_same_key_are_not_taken_for_a_remembered_one() {
    let rig = Rig::trusting([&key()]).await;
    let remembered = token(&key());
    rig.send_token(&remembered).await.unwrap();
    let other = token_with(&key(), &json!({}), &json!({"sub": "user-2"}));
    assert_eq!(rig.send_token(&other).await.unwrap().user(), Some("user-2"));
    let expired = token_with(&key(), &json!({}), &json!({"exp": NOW - 100}));
    check_refused(rig.send_token(&expired).await, "expired");
    let forger = SigningKey::ed25519("key-1", 66);
    check_refused(rig.send_token(&token(&forger)).await, "signature");
    let (signed, _) = remembered.rsplit_once('.').unwrap();
    let (_, signature_of_other) = other.rsplit_once('.').unwrap();
    check_refused(rig.send_token(&format!("{signed}.{signature_of_other}")).await, "signature");
    assert_eq!(rig.send_token(&remembered).await.unwrap().user(), Some("user-1"));
    assert_eq!(rig.authenticator.tokens_remembered(), 2);
}

#[tokio::test]
async fn remembered_token_still_needs_to_come_alone() {
    let rig = Rig::trusting([&key()]).await;
    let good = format!("Bearer {}", token(&key()));
    rig.send(&[&good]).await.unwrap();
    check_refused(rig.send(&[&good, &good]).await, "several_credentials");
    check_refused(rig.send(&[&good.replace("Bearer", "Token")]).await, "not_bearer");
}

#[tokio::test]
async fn flood_of_bad_tokens_does_not_grow_the_memory() {
    let rig = Rig::trusting([&key()]).await;
    rig.send_token(&token(&key())).await.unwrap();
    let forger = SigningKey::ed25519("key-1", 66);
    for number in 0..500 {
        let claims = json!({"sub": format!("user-{number}")});
        check_refused(rig.send_token(&token_with(&forger, &json!({}), &claims)).await, "signature");
        let expired = token_with(&key(), &json!({}), &json!({"exp": number}));
        check_refused(rig.send_token(&expired).await, "expired");
    }
    assert_eq!(rig.authenticator.tokens_remembered(), 1);
}

#[tokio::test]
async fn memory_of_good_tokens_is_bounded() {
    let mut limits = Limits::default();
    limits.tokens_remembered = 10;
    let rig = Rig::configured(publishing([key().jwk()]), |builder| builder.limits(limits)).await;
    for number in 0..200 {
        let claims = json!({"sub": format!("user-{number}")});
        let sent = rig.send_token(&token_with(&key(), &json!({}), &claims)).await.unwrap();
        assert_eq!(sent.user(), Some(format!("user-{number}").as_str()));
    }
    let remembered = rig.authenticator.tokens_remembered();
    assert!((1..=10).contains(&remembered), "{remembered}");
}

#[tokio::test]
async fn memory_can_be_switched_off() {
    let (meter, _metering) = Meter::listen();
    let mut limits = Limits::default();
    limits.tokens_remembered = 0;
    let by_limit = Rig::configured(publishing([key().jwk()]), |builder| builder.limits(limits)).await;
    let by_word = Rig::configured(publishing([key().jwk()]), |it| it.remember_no_tokens()).await;
    for rig in [by_limit, by_word] {
        rig.send_token(&token(&key())).await.unwrap();
        rig.send_token(&token(&key())).await.unwrap();
        assert_eq!(rig.authenticator.tokens_remembered(), 0);
    }
    assert_eq!((meter.cache("off"), meter.cache("hit"), meter.cache("miss")), (4, 0, 0));
}
