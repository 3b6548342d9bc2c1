//! The issuer publishes, rotates and goes away over real HTTP, and stores fail as they are told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kest_baggage::{ClaimCheck, PassportStore as _};
use kest_core::replay::{Novelty, ReplayId, ReplayStore as _};
use kest_core::{AuthenticateError, Caller, Evidence, Lineage, authenticate};
use kest_identity::JwtAuthenticator;
use kest_testkit::{
    FailingPassports, FailingReplays, FixedRandom, HttpAnswer, ReplayFault, StoreFault, TestIssuer, TestToken,
};

use crate::services::kit;

async fn send(to: &JwtAuthenticator, token: &TestToken) -> Result<Caller, AuthenticateError> {
    let authorization = token.bearer();
    let evidence = Evidence::new(&Lineage::Absent).with_authorization([authorization.as_bytes()]);
    authenticate(to, &evidence).await
}

#[tokio::test]
async fn tokens_hold_by_discovery_and_name_what_they_were_told() {
    let kit = kit();
    let issuer = TestIssuer::start(&kit, "shop");
    let authenticator = issuer.authenticator().build().unwrap();
    let token = issuer
        .token()
        .user("bob")
        .scope("read write")
        .roles(["clerk"])
        .claim("act", serde_json::json!({"sub": "agent"}));
    let caller = send(&authenticator, &token).await.unwrap();
    assert_eq!((caller.user(), caller.issuer()), (Some("bob"), Some(issuer.name().as_str())));
    assert_eq!(caller.scopes().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["read", "write"]);
    kit.clock().advance(Duration::from_secs(3700));
    assert!(matches!(send(&authenticator, &token).await, Err(AuthenticateError::Invalid(_))));
    send(&authenticator, &issuer.token()).await.unwrap();
}

#[tokio::test]
async fn rotated_key_is_found_and_withdrawn_one_is_refused() {
    let kit = kit();
    let issuer = TestIssuer::start(&kit, "shop");
    let authenticator = issuer.authenticator().random(Arc::new(FixedRandom::default())).build().unwrap();
    let before = issuer.token();
    send(&authenticator, &before).await.unwrap();
    issuer.rotate();
    kit.clock().advance(Duration::from_secs(301));
    assert_ne!(issuer.key().id(), "issuer-1");
    send(&authenticator, &issuer.token()).await.unwrap();
    send(&authenticator, &before).await.unwrap();
    issuer.withdraw_old_keys();
    kit.clock().advance(Duration::from_secs(301));
    let fetches = authenticator.fetches();
    while send(&authenticator, &before).await.is_ok() {
        authenticator.after_fetches(fetches + 1).await;
    }
    assert!(matches!(send(&authenticator, &before).await, Err(AuthenticateError::Invalid(_))));
}

#[tokio::test]
async fn issuer_that_is_away_is_no_issuer_and_comes_back_at_its_address() {
    let kit = kit();
    let mut issuer = TestIssuer::start(&kit, "shop");
    let name = issuer.name();
    issuer.go_down().await;
    let cold = issuer.authenticator().build().unwrap();
    assert!(matches!(send(&cold, &issuer.token()).await, Err(AuthenticateError::Unavailable(_))));
    issuer.come_up();
    assert_eq!(issuer.name(), name);
    let again = issuer.authenticator().build().unwrap();
    send(&again, &issuer.token()).await.unwrap();
    issuer.endpoint().publish("/jwks.json", HttpAnswer::Status("500 Oops".to_owned()));
    let failing = issuer.authenticator().build().unwrap();
    assert!(matches!(send(&failing, &issuer.token()).await, Err(AuthenticateError::Unavailable(_))));
}

#[tokio::test]
async fn stores_fail_as_they_are_told_and_can_be_mended() {
    let claim = ClaimCheck::generate(&FixedRandom::of(7)).unwrap();
    let store = FailingPassports::new(StoreFault::Losing);
    store.put(&claim, Bytes::from_static(b"[]"), Duration::from_secs(1)).await.unwrap();
    assert_eq!(store.get(&claim).await.unwrap(), None);
    store.clone().fail_with(StoreFault::Away);
    store.get(&claim).await.unwrap_err();
    store.remove(&claim).await.unwrap_err();
    store.fail_with(StoreFault::Full);
    store.put(&claim, Bytes::new(), Duration::from_secs(1)).await.unwrap_err();
    store.fail_with(StoreFault::Malformed(Bytes::from_static(b"?")));
    assert_eq!(store.get(&claim).await.unwrap().unwrap(), "?");

    let clock = kit().clock();
    let replays = FailingReplays::new(ReplayFault::Losing);
    let id = ReplayId::of([b"proof".as_slice()]);
    let until = clock.after(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(replays.insert(id, until).await.unwrap(), Novelty::New);
    }
    for fault in [ReplayFault::Away, ReplayFault::Full, ReplayFault::TooLong, ReplayFault::Forgotten] {
        replays.fail_with(fault);
        replays.insert(id, until).await.unwrap_err();
    }
    assert_eq!(replays.noted(), [until; 6]);
}
