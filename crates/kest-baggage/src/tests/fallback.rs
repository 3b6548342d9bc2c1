//! Proofs that a second store helps when the first does not, and that nothing is lost or doubled between them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kest_core::{Limits, Passport};
use kest_testkit::TestClock;

use super::*;
use crate::rig::{Counting, Moody, claims, line, packed, packed_for, passport};
use crate::seals::{Deployment, kind, redeemed, sealing, sent};
use crate::{ClaimCheck, InMemoryPassports, PackError, PassportStores, Tiers};

fn two(first: impl PassportStore + 'static, second: Arc<dyn PassportStore>) -> PassportStores {
    PassportStores::from(Arc::new(first)).fallback(Fallback::Second(second))
}

async fn refusal(passport: &Passport, claims: PassportStores) -> PackError {
    let tiers = Tiers::auto().threshold(0).store(claims);
    packed_for(passport, &kest_core::Identity::default(), &tiers).await.unwrap_err()
}

/// A store without any room.
fn full() -> InMemoryPassports {
    let mut limits = Limits::default();
    limits.passport_store_bytes = 0;
    InMemoryPassports::new(&limits)
}

#[tokio::test(start_paused = true)]
async fn second_store_takes_and_gives_what_the_first_does_not() {
    let passport = passport(2).await;
    for first in [Moody::Down, Moody::Silent] {
        let second = claims();
        let both = two(first, Arc::<InMemoryPassports>::clone(&second));
        let (line, _claim) = sent(&passport, &both).await;
        assert_eq!(second.len(), 1);
        assert_eq!(redeemed(&line, &both).await.unwrap().to_json(), passport.to_json());
    }
    let second = claims();
    let both = two(full(), Arc::<InMemoryPassports>::clone(&second));
    let (line, _claim) = sent(&passport, &both).await;
    assert!(redeemed(&line, &both).await.is_ok() && second.len() == 1, "what the first knows nothing about");
}

#[tokio::test]
async fn second_store_is_not_touched_while_the_first_does_its_work() {
    let passport = passport(2).await;
    let first = claims();
    let both = PassportStores::from(Arc::<InMemoryPassports>::clone(&first))
        .fallback(Fallback::Second(Arc::new(Moody::Down)));
    let (line, _claim) = sent(&passport, &both).await;
    assert!(redeemed(&line, &both).await.is_ok());
    assert_eq!(first.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn claim_that_may_lie_in_a_store_that_is_away_is_not_gone() {
    let stranger = line(&packed(&passport(2).await, &Tiers::auto().threshold(0).store(claims())).await);
    for (first, second, expected) in [
        (Moody::Down, None, "passport_store_unavailable"),
        (Moody::Silent, None, "passport_store_slow"),
        (Moody::Down, Some(Moody::Silent), "passport_store_slow"),
    ] {
        let second: Arc<dyn PassportStore> = match second {
            Some(moody) => Arc::new(moody),
            None => claims(),
        };
        assert_eq!(kind(&stranger, &two(first, second)).await, expected);
    }
    let empty = InMemoryPassports::new(&Limits::default());
    assert_eq!(kind(&stranger, &two(empty.clone(), claims())).await, "claim_check_gone");
    assert_eq!(kind(&stranger, &two(empty, Arc::new(Moody::Down))).await, "passport_store_unavailable");
}

#[tokio::test(start_paused = true)]
async fn each_question_waits_no_longer_than_its_limit() {
    let wait = Limits::default().passport_store_wait;
    let silent = || two(Moody::Silent, Arc::new(Moody::Silent));
    let began = tokio::time::Instant::now();
    let error = refusal(&passport(2).await, silent()).await;
    assert!(matches!(error, PackError::PassportStoreSlow) && error.may_retry());
    assert!((wait * 2..wait * 3).contains(&began.elapsed()));
    let stranger = line(&packed(&passport(2).await, &Tiers::auto().threshold(0).store(claims())).await);
    let began = tokio::time::Instant::now();
    assert_eq!(kind(&stranger, &silent()).await, "passport_store_slow");
    assert!((wait * 2..wait * 3).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn refusal_says_that_a_retry_may_help_when_one_of_the_stores_may_come_back() {
    let passport = passport(2).await;
    for (claims, may_retry) in [
        (PassportStores::from(Arc::new(full())), false),
        (PassportStores::from(Arc::new(Moody::Down)), true),
        (two(full(), Arc::new(full())), false),
        (two(Moody::Down, Arc::new(full())), true),
        (two(full(), Arc::new(Moody::Down)), true),
        (two(full(), Arc::new(Moody::Silent)), true),
    ] {
        let shown = format!("{claims:?}");
        assert_eq!(refusal(&passport, claims).await.may_retry(), may_retry, "{shown}");
    }
    assert!(!PackError::TooLarge(1).may_retry());
}

/// A store that keeps what it is given and does not say so in time.
#[derive(Debug, Default)]
struct Mute(Counting);

#[async_trait::async_trait]
impl PassportStore for Mute {
    async fn put(
        &self,
        claim: &ClaimCheck,
        passport: bytes::Bytes,
        time_to_live: std::time::Duration,
    ) -> Result<(), crate::PassportStoreError> {
        self.0.put(claim, passport, time_to_live).await?;
        std::future::pending().await
    }

    async fn get(&self, claim: &ClaimCheck) -> Result<Option<bytes::Bytes>, crate::PassportStoreError> {
        self.0.get(claim).await
    }

    async fn remove(&self, claim: &ClaimCheck) -> Result<bool, crate::PassportStoreError> {
        self.0.remove(claim).await
    }
}

#[tokio::test(start_paused = true)]
async fn single_use_claim_that_a_slow_store_kept_as_well_is_not_redeemed_twice() {
    let (mute, shop) = (Arc::new(Mute::default()), Deployment::new());
    let both = PassportStores::sealed(Arc::<Mute>::clone(&mute), sealing("k1", "shop").single_use())
        .fallback(Fallback::Second(Arc::<InMemoryPassports>::clone(&shop.store)))
        .clock(Arc::<TestClock>::clone(&shop.hands));
    let (line, claim) = sent(&passport(2).await, &both).await;
    assert_eq!((mute.0.puts.load(Ordering::SeqCst), shop.store.len()), (1, 1), "both keep a claim");
    assert_ne!(mute.0.kept.lock().unwrap()[0].0, claim, "under an id of its own");
    assert!(redeemed(&line, &both).await.is_ok());
    assert_eq!(kind(&line, &both).await, "claim_check_gone");
}
