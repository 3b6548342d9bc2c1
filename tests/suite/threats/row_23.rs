//! A passport that is sent again: hours later, or dated in the future.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_testkit::TestClock;
use kest_tests::clock::{begun, today};
use kest_tests::forge::{self, Forge, escape, inline, tip};
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use kest_tower::{InboundBuilder, PassportPresence};
use serde_json::json;

const MINUTE: i64 = 60_000;

/// Where the service's clock stands.
fn now() -> i64 {
    i64::try_from(begun()).unwrap()
}

fn dated(entry: Forge, millis: i64) -> Forge {
    entry.with("/timestamp_ms", json!(millis))
}

/// A chain whose root and tip are dated so long after now.
fn chain(root: i64, last: i64) -> RawRequest {
    let root = dated(forge::entry("gateway", 1, &[]), now() + root).sign();
    let last = dated(forge::entry("orders", 2, &[&root]), now() + last).sign();
    let entries = vec![root, last];
    raw::call().baggage(inline(&entries, &tip(&entries)))
}

/// Two tips that follow one root, dated so long after now.
fn fork(one: i64, other: i64) -> RawRequest {
    let root = dated(forge::entry("gateway", 1, &[]), now() - 20 * MINUTE).sign();
    let one = dated(forge::entry("orders", 2, &[&root]), now() + one).sign();
    let other = dated(forge::entry("ledger", 3, &[&root]), now() + other).sign();
    let hash = |entry: &str| kest_core::entry::EntryHash::of(entry).to_hex();
    let tips = format!("{},{}", hash(&one), hash(&other));
    raw::call().baggage(inline(&[root, one, other], &tips))
}

fn setup() -> Setup {
    Setup { clock: Arc::new(today()), ..Setup::default() }
}

async fn with(inbound: impl FnOnce(InboundBuilder) -> InboundBuilder + Send + 'static) -> Service {
    Setup { inbound: Box::new(inbound), ..setup() }.start().await
}

#[tokio::test]
async fn passport_sent_again_hours_later_is_stale() {
    let clock = Arc::new(today());
    let service = Setup { clock: Arc::<TestClock>::clone(&clock), ..Setup::default() }.start().await;
    let request = chain(-MINUTE, 0);
    service.admitted(&request).await;
    clock.advance(Duration::from_secs(16 * 60));
    service.admitted(&request).await;
    clock.advance(Duration::from_millis(1));
    let refused = service.refused(&request, &[401]).await;
    assert_eq!(refused.header("www-authenticate"), Some("Kest"));
    clock.advance(Duration::from_secs(5 * 3600));
    service.refused(&request, &[401]).await;
}

#[tokio::test]
async fn tip_counts_and_not_the_root_and_of_several_the_oldest() {
    let service = setup().start().await;
    service.admitted(&chain(-24 * 60 * MINUTE, 0)).await;
    service.refused(&chain(0, -17 * MINUTE), &[401]).await;
    service.admitted(&fork(-MINUTE, -10 * MINUTE)).await;
    service.refused(&fork(-MINUTE, -17 * MINUTE), &[401]).await;
    service.refused(&fork(-17 * MINUTE, -MINUTE), &[401]).await;
}

#[tokio::test]
async fn passport_from_the_future_is_stale_wherever_in_it_that_stands() {
    let service = setup().start().await;
    service.admitted(&chain(0, MINUTE)).await;
    service.refused(&chain(0, MINUTE + 1), &[401]).await;
    service.refused(&chain(MINUTE + 1, 0), &[401]).await;
    service.refused(&chain(0, 1 << 50), &[401]).await;
    service.refused(&fork(-MINUTE, MINUTE + 1), &[401]).await;
}

#[tokio::test]
async fn age_zero_takes_what_was_signed_now_and_any_age_is_said_aloud() {
    let mut limits = Limits::default();
    limits.max_tip_age = Duration::ZERO;
    limits.clock_skew = Duration::ZERO;
    let service = Setup { limits, ..setup() }.start().await;
    service.admitted(&chain(0, 0)).await;
    service.refused(&chain(0, -1), &[401]).await;
    service.refused(&chain(0, 1), &[401]).await;
    let any = with(InboundBuilder::dangerous_accept_any_age).await;
    for request in [chain(0, -600 * MINUTE), chain(0, 600 * MINUTE)] {
        any.admitted(&request).await;
    }
}

#[tokio::test]
async fn edge_that_starts_lineages_refuses_every_passport() {
    let edge = with(|builder| builder.passport(PassportPresence::Refused)).await;
    edge.admitted(&raw::call()).await;
    edge.admitted(&raw::call().baggage("tenant=acme")).await;
    edge.refused(&chain(0, 0), &[401]).await;
    edge.refused(&raw::call().baggage(format!("kest.passport={},kest.chain_tip=0", escape("[]"))), &[401])
        .await;
    let claim = "kest.claim_check=f47ac10b-58cc-4372-a567-0e02b2c3d479,kest.chain_tip=0";
    edge.refused(&raw::call().baggage(claim), &[401]).await;
}

#[tokio::test]
async fn presence_that_is_required_or_optional_is_as_it_says() {
    let required = with(|builder| builder.passport(PassportPresence::Required)).await;
    required.admitted(&chain(0, 0)).await;
    required.refused(&raw::call(), &[401]).await;
    let optional = with(|builder| builder.passport(PassportPresence::Optional)).await;
    optional.admitted(&chain(0, 0)).await;
    optional.admitted(&raw::call()).await;
}
