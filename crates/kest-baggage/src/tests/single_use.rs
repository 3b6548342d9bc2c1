//! Attacks on claims that may be redeemed once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use kest_core::Limits;
use kest_testkit::TestClock;

use crate::rig::{Counting, kest, line, lineage, passport};
use crate::seals::{Deployment, kind, redeemed, sealing, sent};
use crate::{ClaimCheck, PassportStore, PassportStoreError, PassportStores, Tier, Tiers, packed_once};

#[tokio::test]
async fn replayed_claim_is_refused_the_second_time() {
    let shop = Deployment::new();
    let writer = shop.claims(sealing("k1", "shop").single_use());
    // What counts is the seal, not how the reader is configured.
    let reader = shop.claims(sealing("k1", "shop"));
    let (line, _claim) = sent(&passport(2).await, &writer).await;
    assert!(redeemed(&line, &reader).await.is_ok());
    assert_eq!(kind(&line, &reader).await, "claim_check_gone");
    assert!(shop.store.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_replay_a_claim_at_once_one_goes_on() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop").single_use());
    let (line, _claim) = sent(&passport(2).await, &claims).await;
    let replays: Vec<_> = (0..32)
        .map(|_| {
            let (line, claims) = (line.clone(), claims.clone());
            tokio::spawn(async move { redeemed(&line, &claims).await.is_ok() })
        })
        .collect();
    let mut went_on = 0;
    for replay in replays {
        went_on += usize::from(replay.await.unwrap());
    }
    assert_eq!(went_on, 1);
}

#[tokio::test]
async fn claim_that_two_have_read_is_ended_by_one_of_them() {
    /// Gives what it has for ever: as two readers see it who ask at the same moment.
    #[derive(Debug, Default)]
    struct Twice(Counting, std::sync::Mutex<Option<Bytes>>);

    #[async_trait::async_trait]
    impl PassportStore for Twice {
        async fn put(
            &self,
            claim: &ClaimCheck,
            passport: Bytes,
            time_to_live: std::time::Duration,
        ) -> Result<(), PassportStoreError> {
            *self.1.lock().unwrap() = Some(passport.clone());
            self.0.put(claim, passport, time_to_live).await
        }

        async fn get(&self, _: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
            Ok(self.1.lock().unwrap().clone())
        }

        async fn remove(&self, claim: &ClaimCheck) -> Result<bool, PassportStoreError> {
            self.0.remove(claim).await
        }
    }

    let claims = PassportStores::sealed(Arc::new(Twice::default()), sealing("k1", "shop").single_use());
    let (line, _claim) = sent(&passport(2).await, &claims).await;
    assert!(redeemed(&line, &claims).await.is_ok());
    assert_eq!(kind(&line, &claims).await, "claim_check_gone");
}

#[tokio::test]
async fn stranger_with_a_stolen_ticket_and_wrong_tips_or_name_does_not_end_the_claim() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop").single_use());
    let (mine, other) = (passport(2).await, passport(3).await);
    let (line, _claim) = sent(&mine, &claims).await;
    let guessed = line.replace(&mine.tips().to_string(), &other.tips().to_string());
    assert_eq!(kind(&guessed, &claims).await, "claim_check_of_another_lineage");
    assert_eq!(kind(&line, &shop.claims(sealing("k1", "bank"))).await, "claim_check_of_another_audience");
    assert!(redeemed(&line, &claims).await.is_ok(), "it is still there for whom it is for");
}

#[tokio::test]
async fn store_that_cannot_end_a_single_use_claim_lets_nobody_through() {
    #[derive(Debug)]
    struct ReadOnly(Deployment);

    #[async_trait::async_trait]
    impl PassportStore for ReadOnly {
        async fn put(
            &self,
            _: &ClaimCheck,
            _: Bytes,
            _: std::time::Duration,
        ) -> Result<(), PassportStoreError> {
            Err(PassportStoreError::unavailable("read only"))
        }

        async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
            self.0.store.get(claim).await
        }

        async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
            Err(PassportStoreError::unavailable("read only"))
        }
    }

    let shop = Deployment::new();
    let (line, _claim) = sent(&passport(2).await, &shop.claims(sealing("k1", "shop").single_use())).await;
    let replica = PassportStores::sealed(Arc::new(ReadOnly(shop.clone())), sealing("k1", "shop"))
        .clock(Arc::<TestClock>::clone(&shop.hands));
    assert_eq!(kind(&line, &replica).await, "passport_store_unavailable");
}

#[tokio::test]
async fn calls_of_one_operation_do_not_share_a_single_use_claim() {
    for (single_use, puts) in [(true, 8), (false, 1)] {
        let store = Arc::new(Counting::default());
        let sealing = sealing("k1", "shop");
        let sealing = if single_use { sealing.single_use() } else { sealing };
        let tiers =
            Tiers::auto().threshold(0).store(PassportStores::sealed(Arc::<Counting>::clone(&store), sealing));
        let admission = lineage(&kest(), 2).await;
        let mut lines = std::collections::BTreeSet::new();
        for _ in 0..4 {
            let call = || packed_once(&admission, &tiers);
            let (one, two) = tokio::join!(call(), call());
            lines.extend([line(&one.unwrap()), line(&two.unwrap())]);
        }
        assert_eq!((lines.len(), store.puts.load(Ordering::SeqCst)), (puts, puts));
    }
}

#[tokio::test]
async fn passport_that_fits_inline_or_compressed_never_touches_a_store() {
    let store = Arc::new(Counting::default());
    let claims = PassportStores::sealed(Arc::<Counting>::clone(&store), sealing("k1", "shop").single_use());
    for (entries, tiers, tier) in [
        (2, Tiers::auto(), Tier::Inline),
        (5, Tiers::auto(), Tier::Compressed),
        (2, Tiers::compressed_always(), Tier::Compressed),
    ] {
        let admission = lineage(&kest(), entries).await;
        let header = packed_once(&admission, &tiers.store(claims.clone())).await.unwrap();
        assert_eq!(header.tier(), Some(tier));
        assert!(redeemed(&line(&header), &claims).await.is_ok());
    }
    assert_eq!((store.puts.load(Ordering::SeqCst), store.gets.load(Ordering::SeqCst)), (0, 0));
    let long = lineage(&kest(), 60).await;
    let header = packed_once(&long, &Tiers::auto().store(claims.clone())).await.unwrap();
    assert!(
        header.tier() == Some(Tier::ClaimCheck) && header.bytes() < Limits::default().outgoing_header_bytes
    );
    assert!(redeemed(&line(&header), &claims).await.is_ok());
    assert_eq!(
        (store.puts.load(Ordering::SeqCst), store.gets.load(Ordering::SeqCst)),
        (1, 1),
        "it does count"
    );
}
