//! Proofs that the store in memory keeps what it took.

use kest_core::OsRandom;
use kest_testkit::TestClock;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn claim() -> ClaimCheck {
    ClaimCheck::generate(&OsRandom).unwrap()
}

fn tiny() -> Limits {
    let mut limits = Limits::default();
    limits.passport_bytes = 500;
    limits
}

/// A store with room for two claims of 100 bytes.
fn small() -> (InMemoryPassports, Arc<TestClock>) {
    let mut limits = tiny();
    limits.passport_store_bytes = 800;
    let hands = Arc::new(TestClock::default());
    (InMemoryPassports::with_clock(&limits, Arc::<TestClock>::clone(&hands)), hands)
}

fn bytes(length: usize) -> Bytes {
    vec![b'x'; length].into()
}

#[tokio::test]
async fn claim_can_be_redeemed_many_times_until_its_time_is_over() {
    let (store, hands) = small();
    let id = claim();
    store.put(&id, bytes(100), MINUTE).await.unwrap();
    hands.advance(MINUTE - Duration::from_millis(1));
    for _ in 0..3 {
        assert_eq!(store.get(&id).await.unwrap(), Some(bytes(100)));
    }
    hands.advance(Duration::from_millis(1));
    assert_eq!(store.get(&id).await.unwrap(), None);
    assert!(store.is_empty());
}

#[tokio::test]
async fn unknown_claim_is_none() {
    let (store, _hands) = small();
    assert_eq!(store.get(&claim()).await.unwrap(), None);
}

#[tokio::test]
async fn full_store_refuses_and_evicts_nobody() {
    let (store, hands) = small();
    let live = [claim(), claim()];
    for id in &live {
        store.put(id, bytes(100), MINUTE).await.unwrap();
    }
    let refused = store.put(&claim(), bytes(100), MINUTE).await.unwrap_err();
    assert_eq!(refused.to_string(), "passport store is full");
    for id in &live {
        assert!(store.get(id).await.unwrap().is_some());
    }
    hands.advance(MINUTE);
    store.put(&claim(), bytes(500), MINUTE).await.unwrap();
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn claim_put_again_takes_the_place_of_the_first() {
    let (store, hands) = small();
    let id = claim();
    for length in [400, 300, 400] {
        store.put(&id, bytes(length), MINUTE).await.unwrap();
        hands.advance(MINUTE / 2);
    }
    assert_eq!(store.get(&id).await.unwrap(), Some(bytes(400)));
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn passport_over_the_limit_and_endless_time_are_refused() {
    let (store, longest) = (InMemoryPassports::new(&tiny()), longest_claim(&tiny()));
    assert!(store.put(&claim(), bytes(longest + 1), MINUTE).await.is_err());
    assert!(store.put(&claim(), bytes(1), Duration::MAX).await.is_err());
    assert!(store.is_empty());
    assert!(store.put(&claim(), bytes(longest), MINUTE).await.is_ok());
}

#[tokio::test]
async fn empty_passports_are_not_free() {
    let (store, _hands) = small();
    for _ in 0..3 {
        store.put(&claim(), bytes(0), MINUTE).await.unwrap();
    }
    assert!(store.put(&claim(), bytes(0), MINUTE).await.is_err());
}

#[tokio::test]
async fn claim_without_time_is_gone_at_once() {
    let (store, _hands) = small();
    let id = claim();
    store.put(&id, bytes(1), Duration::ZERO).await.unwrap();
    assert_eq!(store.get(&id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_put_at_once_do_not_share_the_same_room() {
    let (store, _hands) = small();
    let puts: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.put(&claim(), bytes(100), MINUTE).await.is_ok() })
        })
        .collect();
    let mut kept = 0;
    for put in puts {
        kept += usize::from(put.await.unwrap());
    }
    assert_eq!((kept, store.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_end_one_claim_one_is_told_that_it_did() {
    let (store, _hands) = small();
    let id = claim();
    store.put(&id, bytes(1), MINUTE).await.unwrap();
    let ends: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.remove(&id).await.unwrap() })
        })
        .collect();
    let mut ended = 0;
    for end in ends {
        ended += usize::from(end.await.unwrap());
    }
    assert_eq!(ended, 1);
    assert_eq!(store.get(&id).await.unwrap(), None);
}

#[tokio::test]
async fn claim_whose_time_is_over_was_not_there_to_end() {
    let (store, hands) = small();
    let id = claim();
    store.put(&id, bytes(1), MINUTE).await.unwrap();
    hands.advance(MINUTE);
    assert!(!store.remove(&id).await.unwrap());
}

/// Attack: one caller has so many long lineages kept that those of others have no room.
#[tokio::test]
async fn flood_by_one_caller_leaves_room_for_the_claims_of_others() {
    let mut limits = tiny();
    limits.passport_store_bytes = 1_000_000;
    let hands = Arc::new(TestClock::default());
    let store = InMemoryPassports::with_clock(&limits, Arc::<TestClock>::clone(&hands));
    let flooder = Share::of_user("https://id", "flooder");
    let flood = async || {
        let mut counts = (0, 0);
        for _ in 0..5000 {
            match store.put_for(flooder, &claim(), bytes(244), MINUTE).await {
                Ok(()) => counts.0 += 1,
                Err(error) => {
                    assert!(error.is_share_full() && !error.may_retry(), "{error}");
                    counts.1 += 1;
                }
            }
        }
        counts
    };
    assert_eq!(flood().await, (500, 4500), "a quarter of the room");
    let mut kept = 500;
    for good in 0..100 {
        let good = Share::of_user("https://id", &good.to_string());
        for _ in 0..5 {
            store.put_for(good, &claim(), bytes(244), MINUTE).await.unwrap();
            kept += 1;
        }
    }
    assert_eq!(store.len(), kept);
    hands.advance(MINUTE);
    assert!(flood().await.0 > 400, "what is over gives its room back");
}

#[tokio::test]
async fn claim_that_is_ended_gives_the_room_back_to_its_caller() {
    let (store, _hands) = small();
    let caller = Share::of_user("https://id", "alice");
    for _ in 0..100 {
        let id = claim();
        store.put_for(caller, &id, bytes(100), MINUTE).await.unwrap();
        assert!(store.put_for(caller, &claim(), bytes(100), MINUTE).await.unwrap_err().is_share_full());
        assert!(store.remove(&id).await.unwrap());
    }
}
