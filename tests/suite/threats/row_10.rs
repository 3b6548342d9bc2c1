//! Claim checks that lead nowhere, elsewhere, or to a store that is down, slow or lying.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kest_baggage::{ClaimId, ClaimStore, InMemoryClaims};
use kest_core::{Limits, OsRandom};
use kest_tests::clock::ManualClock;
use kest_tests::keys;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use kest_tests::stores::BadStore;

use super::check_headers;

#[tokio::test]
async fn unknown_claims_foreign_claims_and_rubbish_are_refused() {
    assert_eq!(check_headers(10).await, 12);
}

#[tokio::test]
async fn expired_claim_is_refused() {
    let limits = Limits::default();
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(InMemoryClaims::with_clock(&limits, Arc::<ManualClock>::clone(&clock)));
    let request = claim_check(store.as_ref()).await;
    let service = Setup { store: Some(store), ..Setup::default() }.start().await;
    clock.advance(limits.claim_ttl - Duration::from_secs(1));
    assert_eq!(service.admitted(&request).await["entries"], 4);
    clock.advance(Duration::from_secs(2));
    service.refused(&request, &[401]).await;
}

#[tokio::test]
async fn claim_check_in_a_store_that_is_down_or_slow_is_not_an_empty_passport() {
    for store in [BadStore::Down, BadStore::Slow] {
        let service = with_store(store).await;
        let request = claim_check(&InMemoryClaims::new(&Limits::default())).await;
        service.refused(&request, &[503]).await;
    }
}

#[tokio::test]
async fn claim_store_that_returns_rubbish_is_refused() {
    for rubbish in [&b""[..], b"\xff\xfe", b"[1,2]", b"{}", b"[\"a.b.c\"]"] {
        let service = with_store(BadStore::Rubbish(Bytes::from_static(rubbish))).await;
        let request = claim_check(&InMemoryClaims::new(&Limits::default())).await;
        service.refused(&request, &[401]).await;
    }
}

#[tokio::test]
async fn inline_passport_never_asks_the_store() {
    let service = with_store(BadStore::Down).await;
    let chain = keys::chain(2).await;
    let entries: Vec<String> = chain.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
    let request = raw::call().baggage(kest_tests::forge::inline(&entries, &kest_tests::forge::tip(&entries)));
    assert_eq!(service.admitted(&request).await["entries"], 3);
}

async fn with_store(store: BadStore) -> Service {
    let mut limits = Limits::default();
    limits.claim_wait = Duration::from_millis(50);
    Setup { limits, store: Some(Arc::new(store)), ..Setup::default() }.start().await
}

/// A request whose passport of three entries lies in `store`.
async fn claim_check(store: &dyn ClaimStore) -> RawRequest {
    let chain = keys::chain(3).await;
    let claim = ClaimId::generate(&OsRandom).unwrap();
    store.put(&claim, chain.passport().to_json().into(), Limits::default().claim_ttl).await.unwrap();
    raw::call().baggage(format!("kest.claim_check={claim},kest.chain_tip={}", chain.passport().tips()))
}
