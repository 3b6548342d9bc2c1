//! Proofs that one operation packs once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kest_core::Admitter;
use kest_testkit::TestClock;

use super::*;
use crate::InMemoryPassports;
use crate::rig::{Counting, admitted_for, claims, kest, line, lineage, signer};

fn claim_only(store: &Arc<Counting>) -> Tiers {
    Tiers::auto().threshold(0).store(Arc::<Counting>::clone(store))
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_packing() {
    let store = Arc::new(Counting::default());
    let (admission, tiers) = (lineage(&kest(), 2).await, claim_only(&store));
    let calls = (0..20).map(|_| {
        let (admission, tiers) = (admission.clone(), tiers.clone());
        tokio::spawn(async move { line(&packed_once(&admission, &tiers).await.unwrap()) })
    });
    let calls: Vec<_> = calls.collect();
    let mut lines = Vec::new();
    for call in calls {
        lines.push(call.await.unwrap());
    }
    lines.dedup();
    assert_eq!((lines.len(), store.puts.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn failure_is_shared_by_those_who_waited_and_not_kept() {
    let store = Arc::new(Counting::default());
    store.failures.store(1, Ordering::SeqCst);
    let (admission, tiers) = (lineage(&kest(), 2).await, claim_only(&store));
    let call = || packed_once(&admission, &tiers);
    let (one, two, three) = tokio::join!(call(), call(), call());
    assert!(one.is_err() && two.is_err() && three.is_err());
    assert_eq!(store.puts.load(Ordering::SeqCst), 1);
    assert!(call().await.is_ok() && call().await.is_ok());
    assert_eq!(store.puts.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn packing_that_was_dropped_halfway_is_done_by_the_next() {
    let store = Arc::new(Counting::default());
    let (admission, tiers) = (lineage(&kest(), 2).await, claim_only(&store));
    {
        let mut dropped = std::pin::pin!(packed_once(&admission, &tiers));
        let mut waking = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(dropped.as_mut().poll(&mut waking).is_pending());
    }
    assert!(packed_once(&admission, &tiers).await.is_ok());
    assert_eq!(store.puts.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn claim_check_is_used_again_only_while_much_of_its_time_is_left() {
    let hands = Arc::new(TestClock::default());
    let clock = Arc::<TestClock>::clone(&hands);
    let kest = Admitter::builder(Arc::new(signer())).clock(clock).build();
    let store = Arc::new(Counting::default());
    let (admission, tiers) = (lineage(&kest, 2).await, claim_only(&store));
    let puts = async || {
        packed_once(&admission, &tiers).await.unwrap();
        store.puts.load(Ordering::SeqCst)
    };
    assert_eq!(puts().await, 1);
    hands.advance(Duration::from_secs(149));
    assert_eq!(puts().await, 1);
    hands.advance(Duration::from_secs(1));
    assert_eq!(puts().await, 2);
}

#[tokio::test]
async fn each_value_of_tiers_has_its_own_header_and_four_are_kept() {
    let admission = lineage(&kest(), 2).await;
    let store = Arc::new(Counting::default());
    let inline = packed_once(&admission, &Tiers::auto()).await.unwrap();
    let compressed = packed_once(&admission, &Tiers::compressed_always()).await.unwrap();
    assert_ne!(inline.tier(), compressed.tier());
    for threshold in 0..6 {
        let tiers = claim_only(&store).threshold(threshold);
        for _ in 0..2 {
            packed_once(&admission, &tiers).await.unwrap();
        }
    }
    assert_eq!(store.puts.load(Ordering::SeqCst), 2 + 4 * 2);
}

#[tokio::test]
async fn place_taken_by_another_type_means_packing_every_time() {
    let admission = lineage(&kest(), 1).await;
    assert_eq!(admission.memo(|| 7_u8), Some(&7));
    let store: Arc<InMemoryPassports> = claims();
    let tiers = Tiers::auto().threshold(0).store(Arc::<InMemoryPassports>::clone(&store));
    for _ in 0..2 {
        packed_once(&admission, &tiers).await.unwrap();
    }
    assert_eq!(store.len(), 2);
}

#[tokio::test]
async fn identity_is_the_callers() {
    let admission = admitted_for("ann").await;
    let header = packed_once(&admission, &Tiers::auto()).await.unwrap();
    assert!(line(&header).ends_with(",kest.user=ann,kest.agent=browser,kest.task=buy"));
}
