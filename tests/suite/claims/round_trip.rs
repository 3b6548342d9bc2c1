//! Proofs that a long lineage travels sealed from the client of one service to the layers of the next.

use std::sync::Arc;

use kest_baggage::{Fallback, InMemoryPassports, PassportStore, Tiers, run_admitted};
use kest_reqwest::{CarryPassport, Destination, Sent, WithoutLineage};
use kest_testkit::FailingPassports;
use kest_tests::keys;
use kest_tests::service::Service;
use kest_tests::stores::sealing;

use super::{Shared, service};

/// Calls `service` `calls` times as one operation with a lineage of 60 entries.
async fn call(service: &Service, tiers: Tiers, calls: usize) {
    let origin = format!("http://{}", service.address);
    let client = CarryPassport::to([Destination::origin(&origin).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .tiers(tiers)
        .client(reqwest::Client::builder())
        .unwrap();
    run_admitted(keys::chain(60).await, async |_| {
        for _ in 0..calls {
            let response = client.post(format!("{origin}/call")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.extensions().get::<Sent>().unwrap().tier.as_str(), "claim_check");
            let seen: serde_json::Value = response.json().await.unwrap();
            assert_eq!(seen["entries"], 61);
        }
    })
    .await;
}

#[tokio::test]
async fn sixty_entries_arrive_sealed_and_three_calls_share_one_claim() {
    let shared = Shared::new();
    let claims = shared.claims(sealing("2026-01", "shop"));
    call(&service(&claims).await, Tiers::auto().store(claims), 3).await;
    assert_eq!(shared.0.len(), 1);
}

#[tokio::test]
async fn three_calls_with_claims_for_single_use_all_arrive_and_leave_nothing_behind() {
    let shared = Shared::new();
    let claims = shared.claims(sealing("2026-01", "shop").single_use());
    call(&service(&claims).await, Tiers::auto().store(claims), 3).await;
    assert!(shared.0.is_empty());
}

#[tokio::test]
async fn second_store_carries_the_request_while_the_first_is_down_or_full() {
    for first in [FailingPassports::away(), FailingPassports::full()] {
        let (first, second): (Arc<dyn PassportStore>, _) = (Arc::new(first), Shared::new());
        let fallback = Fallback::Second(Arc::<InMemoryPassports>::clone(&second.0));
        let claims =
            kest_baggage::PassportStores::sealed(first, sealing("2026-01", "shop")).fallback(fallback);
        call(&service(&claims).await, Tiers::auto().store(claims), 1).await;
        assert_eq!(second.0.len(), 1);
    }
}

#[tokio::test]
async fn sealed_writer_and_reader_with_the_next_key_understand_each_other() {
    let shared = Shared::new();
    let writer = shared.claims(sealing("2026-01", "shop"));
    let key = kest_baggage::SealingKey::new(
        kest_core::signature::KeyId::new("2026-01").unwrap(),
        &keys::seed("2026-01"),
    );
    let reader = shared.claims(sealing("2026-02", "shop").also_opens(key).unwrap());
    call(&service(&reader).await, Tiers::auto().store(writer), 1).await;
}
