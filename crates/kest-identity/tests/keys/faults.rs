//! A key set endpoint on loopback that hangs, fails and rotates, in time that moves only when it is moved.

use std::time::Duration;

use crate::service::Service;
use crate::signer::{Signer, key_set};
use crate::site::Page;

const PERIOD: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

fn key() -> Signer {
    Signer::new("key-1", 1)
}

fn down() -> Page {
    Page::Status("503 Service Unavailable".to_owned())
}

#[tokio::test(start_paused = true)]
async fn zero_requests_wait_while_the_endpoint_hangs_once_warm() {
    let service = Service::warm(&[key().jwk()]).await;
    service.publish(Page::Silent);
    let token = key().token();
    // The refresh that hangs is cut off after 5 s, and tried again after 1, 2, 4, 8, 16 and then every 30 s.
    tokio::time::advance(PERIOD).await;
    for _ in 0..600 {
        for _ in 0..10 {
            assert_eq!(service.send_at_once(&token), Some("accepted"));
        }
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let fetches = service.authenticator.fetches();
    assert!((6..=7).contains(&fetches), "{fetches}");
    assert_eq!(service.begun.elapsed().as_secs(), 360);
}

#[tokio::test(start_paused = true)]
async fn request_with_an_unknown_key_waits_for_its_share_while_the_endpoint_hangs() {
    let service = Service::warm(&[key().jwk()]).await;
    service.publish(Page::Silent);
    tokio::time::advance(10 * SECOND).await;
    let unknown = Signer::new("key-2", 2).token();
    let begun = service.begun.elapsed();
    let mut sent = std::pin::pin!(service.send(&unknown));
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut sent => break answer,
            () = tokio::time::advance(Duration::from_millis(100)) => {}
        }
    };
    assert_eq!((answer, (service.begun.elapsed() - begun).as_secs()), ("waited", 2));
    assert_eq!(service.authenticator.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn endpoint_that_fails_is_asked_ever_more_seldom_and_keys_serve_for_an_hour() {
    let service = Service::warm(&[key().jwk()]).await;
    service.check_fetches(1);
    service.publish(down());
    let token = key().token();
    for _ in 0..35_999 {
        service.pass(Duration::from_millis(100)).await;
        assert_eq!(service.send_at_once(&token), Some("accepted"));
    }
    // After 300, 301, 303, 307, 315 and 331 s, and then every 30 s.
    let fetches = service.authenticator.fetches();
    assert!((113..=116).contains(&fetches), "{fetches}");
    service.pass(Duration::from_millis(100)).await;
    assert_eq!(service.send_patiently(&token).await, "status", "and no longer");
    service.publish(Page::Json(key_set(&[key().jwk()])));
    service.pass(SECOND).await;
    assert_eq!(service.send_patiently(&token).await, "accepted");
}

#[tokio::test(start_paused = true)]
async fn endpoint_that_is_down_at_start_is_asked_once_per_cool_down() {
    let service = Service::trusting(&[key().jwk()]).await;
    service.publish(down());
    let token = key().token();
    assert_eq!(service.send(&token).await, "status");
    for _ in 0..1000 {
        assert_eq!(service.send_at_once(&token), Some("status"), "no request waits for the next failure");
    }
    service.check_fetches(1);
    service.publish(Page::Json(key_set(&[key().jwk()])));
    service.pass(SECOND).await;
    assert_eq!(service.send(&token).await, "accepted");
    service.check_fetches(2);
}

#[tokio::test(start_paused = true)]
async fn withdrawn_key_stops_with_the_refresh() {
    let (old, new) = (key(), Signer::new("key-2", 2));
    let service = Service::warm(&[old.jwk(), new.jwk()]).await;
    service.publish(Page::Json(key_set(&[new.jwk()])));
    let token = old.token();
    service.pass(PERIOD - Duration::from_millis(1)).await;
    assert_eq!(service.send_at_once(&token), Some("accepted"));
    service.pass(Duration::from_millis(1)).await;
    assert_eq!(service.send_patiently(&token).await, "unknown_key");
    assert_eq!(service.send_at_once(&new.token()), Some("accepted"));
}

#[tokio::test(start_paused = true)]
async fn rotated_key_is_accepted_by_the_first_request_that_names_it() {
    let (old, new) = (key(), Signer::new("key-2", 2));
    let service = Service::warm(&[old.jwk()]).await;
    service.pass(Duration::from_millis(100)).await;
    service.publish(Page::Json(key_set(&[old.jwk(), new.jwk()])));
    let published = service.begun.elapsed();
    assert_eq!(service.send_patiently(&new.token()).await, "accepted");
    assert!(service.begun.elapsed() - published <= SECOND);
    assert_eq!(service.send_at_once(&old.token()), Some("accepted"));
    service.check_fetches(2);
}
