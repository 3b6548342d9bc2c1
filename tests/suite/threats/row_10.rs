//! Claim checks that lead nowhere, elsewhere, or to a store that is down, slow or lying.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kest_baggage::{ClaimCheck, InMemoryPassports, PassportStore};
use kest_core::{Limits, OsRandom};
use kest_testkit::FailingPassports;
use kest_testkit::TestClock;
use kest_tests::keys;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};

use super::check_headers;
use crate::claims::shared::SharedRedis;

#[tokio::test]
async fn unknown_claims_foreign_claims_and_rubbish_are_refused() {
    assert_eq!(check_headers(10).await, 12);
}

#[tokio::test]
async fn expired_claim_is_refused() {
    let limits = Limits::default();
    let clock = Arc::new(TestClock::default());
    let store = Arc::new(InMemoryPassports::with_clock(&limits, Arc::<TestClock>::clone(&clock)));
    let request = claim_check(store.as_ref()).await;
    let service = Setup { store: Some(store), ..Setup::default() }.start().await;
    clock.advance(limits.claim_check_ttl - Duration::from_secs(1));
    assert_eq!(service.admitted(&request).await["entries"], 4);
    clock.advance(Duration::from_secs(2));
    service.refused(&request, &[401]).await;
}

#[tokio::test]
async fn claim_check_in_a_store_that_is_down_or_slow_is_not_an_empty_passport() {
    for store in [FailingPassports::away(), FailingPassports::slow()] {
        let service = with_store(store).await;
        let request = claim_check(&InMemoryPassports::new(&Limits::default())).await;
        service.refused(&request, &[503]).await;
    }
}

#[tokio::test]
async fn claim_store_that_returns_rubbish_is_refused() {
    for rubbish in [&b""[..], b"\xff\xfe", b"[1,2]", b"{}", b"[\"a.b.c\"]"] {
        let service = with_store(FailingPassports::malformed(Bytes::from_static(rubbish))).await;
        let request = claim_check(&InMemoryPassports::new(&Limits::default())).await;
        service.refused(&request, &[401]).await;
    }
}

#[tokio::test]
async fn inline_passport_never_asks_the_store() {
    let service = with_store(FailingPassports::away()).await;
    let chain = keys::chain(2).await;
    let entries: Vec<String> = chain.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
    let request = raw::call().baggage(kest_tests::forge::inline(&entries, &kest_tests::forge::tip(&entries)));
    assert_eq!(service.admitted(&request).await["entries"], 3);
}

async fn with_store(store: FailingPassports) -> Service {
    let mut limits = Limits::default();
    limits.passport_store_wait = Duration::from_millis(50);
    Setup { limits, store: Some(Arc::new(store)), ..Setup::default() }.start().await
}

/// A request whose passport of three entries lies in `store`.
async fn claim_check(store: &dyn PassportStore) -> RawRequest {
    kept(store).await.0
}

/// The same, and the claim.
async fn kept(store: &dyn PassportStore) -> (RawRequest, ClaimCheck) {
    let chain = keys::chain(3).await;
    let claim = ClaimCheck::generate(&OsRandom).unwrap();
    store.put(&claim, chain.passport().to_json().into(), Limits::default().claim_check_ttl).await.unwrap();
    let line = format!("kest.claim_check={claim},kest.chain_tip={}", chain.passport().tips());
    (raw::call().baggage(line), claim)
}

#[tokio::test]
async fn claim_in_a_real_store_is_refused_after_its_time_and_so_is_one_that_was_never_there() {
    let shared = SharedRedis::new().await;
    let service = Setup { store: Some(shared.replica().await), ..Setup::default() }.start().await;
    let (request, claim) = kept(shared.store().as_ref()).await;
    assert_eq!(service.admitted(&request).await["entries"], 4);
    assert_eq!(shared.server.ask(&["PEXPIREAT", &claim.store_key(), "1"]).await, "1");
    service.refused(&request, &[401]).await;
    service.refused(&kept(&InMemoryPassports::new(&Limits::default())).await.0, &[401]).await;
}

#[tokio::test]
async fn real_store_that_is_paused_or_killed_answers_503_in_bounded_time_and_nothing_is_signed() {
    let mut shared = SharedRedis::new().await;
    let service = Setup { store: Some(shared.replica().await), ..Setup::default() }.start().await;
    let (request, _claim) = kept(shared.store().as_ref()).await;
    let longest = Limits::default().passport_store_wait + Duration::from_millis(100);
    shared.server.pause().await;
    for _ in 0..3 {
        tokio::time::timeout(longest, service.refused(&request, &[503])).await.unwrap();
    }
    shared.server.kill().await;
    for _ in 0..3 {
        tokio::time::timeout(longest, service.refused(&request, &[503])).await.unwrap();
    }
    let inline = keys::chain(2).await;
    let entries: Vec<String> = inline.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
    let inline = raw::call().baggage(kest_tests::forge::inline(&entries, &kest_tests::forge::tip(&entries)));
    assert_eq!(service.admitted(&inline).await["entries"], 3);
}

#[tokio::test]
async fn rubbish_planted_in_a_real_store_is_refused_however_long_and_of_whatever_type() {
    let shared = SharedRedis::new().await;
    let service = Setup { store: Some(shared.replica().await), ..Setup::default() }.start().await;
    let (request, claim) = kept(shared.store().as_ref()).await;
    let key = claim.store_key();
    for rubbish in ["", "{}", "[1,2]", "[\"a.b.c\"]", "[", "\u{feff}[]"] {
        shared.plant(&claim, rubbish).await;
        service.refused(&request, &[401]).await;
    }
    let grown = shared.server.ask(&["SETRANGE", &key, "16777216", "x"]).await;
    assert_eq!(grown, "16777217");
    service.refused(&request, &[401]).await;
    for command in [["LPUSH", &key, "a"], ["SADD", &key, "a"]] {
        shared.server.ask(&["DEL", &key]).await;
        assert_eq!(shared.server.ask(&command).await, "1");
        service.refused(&request, &[401]).await;
    }
}
