//! Attacks by writers of the shared store, by those who saw a header, or belong to another tenant.

use std::sync::Arc;
use std::time::Duration;

use kest_baggage::PassportStores;
use kest_core::Limits;
use kest_testkit::TestClock;
use kest_tests::keys;
use kest_tests::logs::Logs;
use kest_tests::stores::sealing;

use super::shared::SharedRedis;
use super::{packed, service, with};

#[tokio::test]
async fn values_swapped_between_two_claims_are_refused() {
    let shared = SharedRedis::new().await;
    let claims = shared.claims(sealing("2026-01", "shop"));
    let service = service(&claims).await;
    // The same lineage twice: only the claims differ.
    let chain = keys::chain(3).await;
    let ((line_a, a), (line_b, b)) = (packed(&chain, &claims).await, packed(&chain, &claims).await);
    assert_eq!(service.admitted(&with(&line_a)).await["entries"], 4);
    let (value_a, value_b) = (shared.value(&a).await, shared.value(&b).await);
    shared.plant(&a, &value_b).await;
    shared.plant(&b, &value_a).await;
    let (logs, _kept) = Logs::keep();
    service.refused(&with(&line_a), &[401]).await;
    service.refused(&with(&line_b), &[401]).await;
    let text = logs.text();
    let refusals: Vec<&str> = text.lines().filter(|line| line.contains("request refused")).collect();
    assert_eq!(refusals.len(), 2);
    assert!(refusals.iter().all(|line| line.contains("cause=\"claim_check_swapped\"")));
    assert!(!logs.text().contains(&a.to_string()), "no ticket in a log");
}

#[tokio::test]
async fn claim_of_one_tenant_is_refused_by_the_other_under_the_same_store_and_key() {
    let shared = SharedRedis::new().await;
    let (shop, bank) = (shared.claims(sealing("2026-01", "shop")), shared.claims(sealing("2026-01", "bank")));
    let (line, _claim) = packed(&keys::chain(3).await, &shop).await;
    service(&bank).await.refused(&with(&line), &[401]).await;
    assert_eq!(service(&shop).await.admitted(&with(&line)).await["entries"], 4);
}

#[tokio::test]
async fn claim_under_the_tips_of_another_lineage_is_refused_sealed_and_plain() {
    let shared = SharedRedis::new().await;
    let (mine, other) = (keys::chain(2).await, keys::chain(3).await);
    let plain = PassportStores::plain(shared.store());
    for claims in [shared.claims(sealing("2026-01", "shop")), plain] {
        let service = service(&claims).await;
        let (line, _claim) = packed(&mine, &claims).await;
        let (tips, foreign) = (mine.passport().tips().to_string(), other.passport().tips().to_string());
        let (logs, _kept) = Logs::keep();
        service.refused(&with(&line.replace(&tips, &foreign)), &[401]).await;
        assert!(logs.text().contains("cause=\"claim_check_of_another_lineage\""));
    }
}

#[tokio::test]
async fn plain_value_planted_under_a_sealed_claim_is_refused() {
    let shared = SharedRedis::new().await;
    let claims = shared.claims(sealing("2026-01", "shop"));
    let service = service(&claims).await;
    let chain = keys::chain(3).await;
    let (line, claim) = packed(&chain, &claims).await;
    shared.plant(&claim, &chain.passport().to_json()).await;
    service.refused(&with(&line), &[401]).await;
}

#[tokio::test]
async fn changed_value_is_refused_wherever_it_was_changed() {
    let shared = SharedRedis::new().await;
    let claims = shared.claims(sealing("2026-01", "shop"));
    let service = service(&claims).await;
    let (line, claim) = packed(&keys::chain(3).await, &claims).await;
    let value = shared.value(&claim).await;
    for place in [0, 40, value.len() / 2, value.len() - 1] {
        let mut changed = value.clone();
        let other = if changed.as_bytes()[place] == b'A' { "B" } else { "A" };
        changed.replace_range(place..=place, other);
        shared.plant(&claim, &changed).await;
        service.refused(&with(&line), &[401]).await;
    }
    for length in [0, 1, value.len() / 2, value.len() - 1] {
        shared.plant(&claim, value.get(..length).unwrap()).await;
        service.refused(&with(&line), &[401]).await;
    }
    shared.plant(&claim, &value).await;
    assert_eq!(service.admitted(&with(&line)).await["entries"], 4);
}

#[tokio::test]
async fn claim_under_a_retired_key_is_refused() {
    let shared = SharedRedis::new().await;
    let (line, _claim) = packed(&keys::chain(3).await, &shared.claims(sealing("2025-12", "shop"))).await;
    let service = service(&shared.claims(sealing("2026-01", "shop"))).await;
    service.refused(&with(&line), &[401]).await;
}

#[tokio::test]
async fn value_that_is_put_back_after_its_time_is_refused() {
    let (shared, clock) = (SharedRedis::new().await, Arc::new(TestClock::default()));
    let claims = shared.claims(sealing("2026-01", "shop")).clock(Arc::<TestClock>::clone(&clock));
    let service = service(&claims).await;
    let (line, claim) = packed(&keys::chain(3).await, &claims).await;
    let value = shared.value(&claim).await;
    clock.advance(Limits::default().claim_check_ttl - Duration::from_secs(1));
    assert_eq!(service.admitted(&with(&line)).await["entries"], 4);
    clock.advance(Duration::from_secs(1));
    shared.plant(&claim, &value).await;
    service.refused(&with(&line), &[401]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replayed_single_use_claim_is_admitted_once_also_by_many_at_once() {
    let shared = SharedRedis::new().await;
    let claims = shared.claims(sealing("2026-01", "shop").single_use());
    let other = PassportStores::sealed(shared.replica().await, sealing("2026-01", "shop").single_use());
    let replicas = [service(&claims).await, service(&other).await];
    let (line, _claim) = packed(&keys::chain(3).await, &claims).await;
    let replays = (0..16).map(|replay| {
        let (request, address) = (with(&line), replicas[replay % 2].address);
        tokio::spawn(async move { request.send(address).await.status })
    });
    let replays: Vec<_> = replays.collect();
    let mut statuses = Vec::new();
    for replay in replays {
        statuses.push(replay.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[401; 15][..]));
    assert_eq!(replicas[0].runs() + replicas[1].runs(), 1);
    replicas[0].refused(&with(&line), &[401]).await;
}
