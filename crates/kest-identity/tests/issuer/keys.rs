//! The issuer's keys while it is away, and when it changes them.

use kest_core::AuthenticateError;
use kest_identity::{NotReady, Readiness};
use kest_servers::issuer::Issuer;

use crate::client::{ORDERS, token};
use crate::forged;
use crate::service::{Service, check_refused};

#[tokio::test]
async fn no_request_waits_for_an_issuer_that_is_gone() {
    let issuer = Issuer::start().await;
    let (first, second) = (token(&issuer, Some(ORDERS)).await, token(&issuer, Some(ORDERS)).await);
    let third = token(&issuer, Some(ORDERS)).await;
    let service = Service::trusting(&issuer).await;
    issuer.stop().await;
    assert!(service.at_once(&first).is_ok());

    service.forward(301);
    assert!(service.at_once(&first).is_ok(), "a token that was proved before");
    assert!(service.at_once(&second).is_ok(), "a token that was not");
    service.authenticator.after_fetches(2).await;
    let health = service.authenticator.health().into_values().next().unwrap();
    assert_eq!((health.consecutive_failures, health.last_error), (1, Some("unreachable")));
    assert_eq!(service.authenticator.readiness(), Readiness::Ready);
    assert!(service.at_once(&third).is_ok());

    service.forward(3600);
    for token in [&first, &second, &third] {
        let answer = service.bearer(token).await;
        assert!(matches!(answer, Err(AuthenticateError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(service.authenticator.readiness(), Readiness::NotReady(NotReady::TooOld));
}

#[tokio::test]
async fn rotated_keys_are_found_and_withdrawn_ones_hold_no_longer() {
    let mut issuer = Issuer::start().await;
    let service = Service::trusting(&issuer).await;
    let old = token(&issuer, Some(ORDERS)).await;
    assert!(service.bearer(&old).await.is_ok());

    issuer.rotate_keys().await;
    let new = token(&issuer, Some(ORDERS)).await;
    assert_ne!(forged::read(&new)[0]["kid"], forged::read(&old)[0]["kid"]);
    // Past the cool-down, which would only make this request wait.
    service.forward(2);
    assert!(service.bearer(&new).await.is_ok());
    assert_eq!(service.authenticator.fetches(), 2);
    assert!(service.at_once(&old).is_ok(), "its key is still published");

    issuer.withdraw_old_keys().await;
    service.forward(301);
    assert!(service.at_once(&new).is_ok());
    service.authenticator.after_fetches(3).await;
    service.forward(2);
    check_refused(service.bearer(&old).await, "unknown_key");
    assert!(service.at_once(&new).is_ok());
}
