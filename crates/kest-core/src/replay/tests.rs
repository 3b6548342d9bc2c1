//! Proofs that the memory of used identifiers never forgets one before its time.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::clock::TestClock;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A memory of so many identifiers, at 1000 s.
fn memory_of(most: usize) -> (InMemoryReplays, Arc<TestClock>) {
    let limits = Limits { replay_ids: most, ..Limits::default() };
    let clock = Arc::new(TestClock::at(at(1000)));
    (InMemoryReplays::with_clock(&limits, Arc::<TestClock>::clone(&clock)), clock)
}

/// Brings the identifier `name`, which expires at `seconds`.
fn bring(store: &InMemoryReplays, name: &str, seconds: u64) -> Result<Novelty, ReplayStoreError> {
    let inserted = store.insert(ReplayId::of([name.as_bytes()]), at(seconds));
    match pin!(inserted).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory waits for nothing"),
    }
}

/// Attack: one caller brings so many identifiers that none of anybody else has room.
#[test]
fn a_flood_by_one_caller_leaves_room_for_others() {
    let (store, clock) = memory_of(4000);
    let bring = |share: &str, name: &str, seconds: u64| {
        let id = ReplayId::of([share.as_bytes(), name.as_bytes()]);
        let inserted = store.insert_for(Share::of_key(share), id, at(seconds));
        match pin!(inserted).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("the memory waits for nothing"),
        }
    };
    let flood = |from: u32, seconds: u64| {
        let brought = (from..from + 10_000).map(|name| bring("flood", &name.to_string(), seconds));
        brought.fold((0, 0), |(new, refused), answer| match answer {
            Ok(Novelty::New) => (new + 1, refused),
            Err(ReplayStoreError::ShareFull) => (new, refused + 1),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(flood(0, 1060), (1000, 9000));
    for good in 0..100 {
        for name in ["1", "2", "3"] {
            assert!(matches!(bring(&format!("good {good}"), name, 1060), Ok(Novelty::New)), "{good} {name}");
        }
    }
    assert!(matches!(bring("flood", "0", 1060), Ok(Novelty::Seen)), "what was used stays used");
    assert_eq!(store.len(), 1300);
    clock.set(at(1061));
    assert_eq!(flood(20_000, 1120), (1000, 9000), "what has expired gave its room back");
}

#[test]
fn an_identifier_is_new_once_until_it_expires() {
    let (store, clock) = memory_of(2);
    assert!(matches!(bring(&store, "a", 1060), Ok(Novelty::New)));
    for now in [1000, 1030, 1060] {
        clock.set(at(now));
        assert!(matches!(bring(&store, "a", 1060), Ok(Novelty::Seen)), "{now}");
    }
    assert!(matches!(bring(&store, "b", 1070), Ok(Novelty::New)));
    assert_eq!(store.len(), 2);
}

#[test]
fn a_full_memory_refuses_and_forgets_nobody() {
    let (store, clock) = memory_of(2);
    assert!(store.is_empty());
    assert!(matches!(bring(&store, "a", 1060), Ok(Novelty::New)));
    assert!(matches!(bring(&store, "b", 1050), Ok(Novelty::New)));
    for name in ["c", "d", "e"] {
        assert!(matches!(bring(&store, name, 1060), Err(ReplayStoreError::Full)), "{name}");
    }
    for (name, expiry) in [("a", 1060), ("b", 1050)] {
        assert!(matches!(bring(&store, name, expiry), Ok(Novelty::Seen)), "{name}");
    }
    clock.set(at(1050));
    assert!(matches!(bring(&store, "c", 1110), Err(ReplayStoreError::Full)));
    clock.set(at(1051));
    assert!(matches!(bring(&store, "c", 1110), Ok(Novelty::New)));
    assert!(matches!(bring(&store, "a", 1060), Ok(Novelty::Seen)));
}

#[test]
fn an_expired_identifier_counts_as_seen() {
    let (store, clock) = memory_of(2);
    assert!(matches!(bring(&store, "a", 999), Ok(Novelty::Seen)));
    assert!(matches!(bring(&store, "a", 1000), Ok(Novelty::New)));
    clock.set(at(1001));
    assert!(matches!(bring(&store, "a", 1000), Ok(Novelty::Seen)));
}

#[test]
fn setting_the_clock_back_makes_nothing_new_again() {
    let (store, clock) = memory_of(2);
    assert!(matches!(bring(&store, "a", 1060), Ok(Novelty::New)));
    clock.set(at(1061));
    assert!(matches!(bring(&store, "b", 1120), Ok(Novelty::New)));
    clock.set(at(1030));
    assert!(matches!(bring(&store, "a", 1060), Ok(Novelty::Seen)));
    assert!(matches!(bring(&store, "c", 1090), Ok(Novelty::New)));
}

#[test]
fn the_end_of_a_flood_is_swept_in_portions() {
    let (store, clock) = memory_of(1000);
    for each in 0..1000 {
        assert!(matches!(bring(&store, &each.to_string(), 1010), Ok(Novelty::New)));
    }
    clock.set(at(1011));
    for (round, left) in [(0, 937), (1, 874), (2, 811)] {
        assert!(matches!(bring(&store, &format!("later {round}"), 1071), Ok(Novelty::New)));
        assert_eq!(store.len(), left);
    }
}

#[test]
fn of_many_who_bring_one_identifier_at_once_one_is_first() {
    let (store, _clock) = memory_of(100);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| bring(&store, "a", 1060).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| **answer == Novelty::New).count(), 1);
    assert_eq!(store.len(), 1);
}

#[test]
fn parts_of_an_identifier_are_kept_apart() {
    let of = |parts: &[&'static str]| ReplayId::of(parts.iter().map(|part| part.as_bytes()));
    let all = [of(&["ab", "c"]), of(&["a", "bc"]), of(&["abc"]), of(&["", "abc"]), of(&[])];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}
