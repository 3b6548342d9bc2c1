//! One test for each fault, played at a cold start and at the refresh of a warm service.

use std::time::Duration;

use kest_testkit::{HttpAnswer as Answer, Length, TestServer, key_set};
use kest_tests::edge::Edge;
use kest_tests::raw;
use kest_tests::tokens::TokenKey;

/// Keys are fetched again after so long.
const PERIOD: Duration = Duration::from_secs(300);
/// And serve for so long if they cannot be.
const STALE: Duration = Duration::from_secs(3600);
/// The longest that one fetch may take.
const FETCH: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

const MEGABYTE: usize = 1024 * 1024;

fn key() -> TokenKey {
    TokenKey::ed25519("key-1", 1)
}

/// Another key under the same name.
fn attacker() -> TokenKey {
    TokenKey::ed25519("key-1", 66)
}

/// Checks that no caller is believed while the keys were never had, and that the service recovers.
async fn check_cold_start(name: &str, fault: Answer, kind: &str) {
    let hangs = fault.hangs();
    let edge = Edge::asking(TestServer::answering(fault)).await;
    edge.unavailable(name, &key().token()).await;
    edge.unavailable(name, &attacker().token()).await;
    assert!(edge.issuer.requests() >= 1, "{name}");
    if hangs {
        edge.pass(FETCH).await;
    }
    edge.authenticator.after_fetches(1).await;
    assert_eq!(edge.health().last_error, Some(kind), "{name}");
    edge.unavailable(name, &key().token()).await;
    edge.issuer.answer_with(Answer::keys(&[key().jwk()]));
    edge.pass(FETCH).await;
    edge.land().await;
    edge.admit_in(name, &key().token()).await;
}

/// Checks that known keys serve for their time although they cannot be fetched again, and no longer.
async fn check_refresh(name: &str, fault: Answer, kind: &str) {
    let hangs = fault.hangs();
    let edge = Edge::warm(&[key().jwk()]).await;
    edge.issuer.answer_with(fault);
    edge.pass(PERIOD).await;
    // Time stands still: a request that waited for the issuer would not be answered.
    edge.admit_in(name, &key().token_numbered(1)).await;
    edge.issuer.after_requests(2).await;
    edge.admit_in(name, &key().token_numbered(2)).await;
    if hangs {
        edge.pass(FETCH).await;
    }
    edge.authenticator.after_fetches(2).await;
    let health = edge.health();
    assert_eq!((health.last_error, health.consecutive_failures), (Some(kind), 1), "{name}");
    edge.admit_in(name, &key().token_numbered(3)).await;
    edge.refuse(name, &raw::call().bearer(&attacker().token())).await;
    edge.pass(STALE - edge.elapsed() - SECOND).await;
    edge.admit_in(name, &key().token_numbered(4)).await;
    edge.pass(SECOND).await;
    edge.unavailable(name, &key().token_numbered(5)).await;
    // A token that is remembered is no better than its key.
    edge.unavailable(name, &key().token_numbered(4)).await;
    edge.issuer.answer_with(Answer::keys(&[key().jwk()]));
    edge.pass(FETCH + SECOND).await;
    edge.land().await;
    edge.admit_in(name, &key().token_numbered(6)).await;
}

/// Plays a fault that is seen as a fetch which failed for the reason `kind`.
async fn check(name: &str, fault: Answer, kind: &str) {
    check_cold_start(&format!("{name}, cold"), fault.clone(), kind).await;
    check_refresh(&format!("{name}, warm"), fault, kind).await;
}

#[tokio::test(start_paused = true)]
async fn down_at_start() {
    let mut edge = Edge::asking(TestServer::down()).await;
    assert!(edge.authenticator.start().await.is_err());
    for _ in 0..20 {
        edge.unavailable("down", &key().token()).await;
        edge.unavailable("down, forged", &attacker().token()).await;
    }
    assert_eq!(edge.authenticator.fetches(), 1, "an outage causes no fetch for each request");
    edge.issuer.answer_with(Answer::keys(&[key().jwk()]));
    edge.issuer.come_up();
    edge.pass(SECOND).await;
    edge.admit(&key().token()).await;
    edge.refuse("forged", &raw::call().bearer(&attacker().token())).await;
}

#[tokio::test(start_paused = true)]
async fn down_later() {
    let mut edge = Edge::warm(&[key().jwk()]).await;
    edge.admit(&key().token()).await;
    edge.issuer.go_down().await;
    edge.pass(PERIOD).await;
    for number in 0..20 {
        edge.admit(&key().token_numbered(number)).await;
    }
    edge.authenticator.after_fetches(2).await;
    assert_eq!(edge.health().last_error, Some("unreachable"));
    edge.unavailable("key that cannot be looked for", &TokenKey::ed25519("key-2", 2).token()).await;
    edge.pass(STALE - PERIOD - SECOND).await;
    edge.admit(&key().token_numbered(20)).await;
    edge.pass(SECOND).await;
    edge.unavailable("down for an hour", &key().token_numbered(21)).await;
    edge.issuer.come_up();
    edge.pass(SECOND).await;
    edge.admit(&key().token_numbered(22)).await;
}

#[tokio::test(start_paused = true)]
async fn hangs_up() {
    check("hangs up", Answer::HangUp, "unreachable").await;
}

#[tokio::test(start_paused = true)]
async fn silent() {
    check("silent", Answer::Silent, "timed_out").await;
}

#[tokio::test(start_paused = true)]
async fn slow() {
    check("slow", Answer::Trickle, "timed_out").await;
}

#[tokio::test(start_paused = true)]
async fn failing() {
    for status in ["500 Internal Server Error", "503 Service Unavailable", "404 Not Found", "204 No Content"]
    {
        check(status, Answer::Status(status.to_owned()), "status").await;
    }
}

/// The good keys after so many blanks.
fn padded(length: Length, megabytes: usize) -> Answer {
    Answer::Padded(length, megabytes * MEGABYTE, key_set(&[key().jwk()]))
}

#[tokio::test(start_paused = true)]
async fn ten_megabytes() {
    let short = Answer::Padded(Length::Unknown, MEGABYTE / 4, key_set(&[key().jwk()]));
    let edge = Edge::asking(TestServer::answering(short)).await;
    edge.admit(&key().token()).await;
    check("10 MB, length announced", padded(Length::Announced, 10), "too_long").await;
    check("10 MB, length unknown", padded(Length::Unknown, 10), "too_long").await;
}

#[tokio::test(start_paused = true)]
async fn fifty_megabytes() {
    check("50 MB, length announced", padded(Length::Announced, 50), "too_long").await;
    check("50 MB, length unknown", padded(Length::Unknown, 50), "too_long").await;
    // Not one of them is waited for.
    check("50 MB, promised", Answer::Promise(50 * MEGABYTE), "too_long").await;
}

#[tokio::test(start_paused = true)]
async fn redirect_to_a_metadata_service() {
    let place = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    check(place, Answer::redirect("302 Found", place), "status").await;
}

#[tokio::test(start_paused = true)]
async fn redirect_to_the_keys_of_an_attacker() {
    let lure = TestServer::answering(Answer::keys(&[attacker().jwk()]));
    let statuses = ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"];
    for status in statuses {
        check(status, Answer::redirect(status, &lure.at("/jwks.json")), "status").await;
    }
    assert_eq!(lure.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn wrong_type() {
    for content_type in ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"] {
        check(content_type, Answer::Body(Some(content_type), key_set(&[key().jwk()])), "content_type").await;
    }
}

#[tokio::test(start_paused = true)]
async fn html() {
    let page = "<!doctype html><title>Sign in</title>".to_owned();
    check("html", Answer::Body(Some("text/html; charset=utf-8"), page.clone()), "content_type").await;
    check("html as json", Answer::Body(Some("application/json"), page), "not_a_key_set").await;
}

#[tokio::test(start_paused = true)]
async fn no_key_set() {
    for body in ["", "{}", "[]", "null", r#"{"error":"server_error"}"#, r#"{"keys":null}"#, r#"{"keys":[]"#] {
        check(body, Answer::Body(Some("application/json"), body.to_owned()), "not_a_key_set").await;
    }
}
