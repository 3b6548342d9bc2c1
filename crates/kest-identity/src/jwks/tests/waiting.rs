//! Who waits for a key that is not at hand, for how long, and who is answered at once.

use std::sync::Arc;
use std::time::Duration;

use kest_core::{Limits, Share};
use kest_testkit::{RuntimeClock, TestClock};
use tokio::time::Instant;

use super::rig::{Source, ask, ask_for, at_once, cache, cache_within};

fn room_for(waiters: usize) -> Limits {
    let mut limits = Limits::default();
    limits.key_waiters = waiters;
    limits
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_departed_before_the_request_arrived_proves_nothing() {
    let (source, begun) = (Source::hanging("a"), Instant::now());
    let cache = Arc::new(cache(&source, Arc::new(RuntimeClock::new(0, Instant::now()))));
    assert_eq!(at_once(ask(&cache, "a")), None);
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_millis(200)).await;
    source.publish(&["a", "b"]);
    source.gate.add_permits(9);
    // The first fetch has seen the old keys and lands now; the second one has to wait for the cool-down.
    assert_eq!(ask(&cache, "b").await, "found");
    assert_eq!((begun.elapsed().as_millis(), cache.fetches()), (1000, 2));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_refused_after_the_next_fetch_and_not_before() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    assert_eq!(ask(&cache, "a").await, "found");
    tokio::time::advance(Duration::from_millis(300)).await;
    assert_eq!(ask(&cache, "x").await, "unknown");
    assert_eq!((begun.elapsed().as_millis(), cache.fetches()), (1000, 2));
}

#[tokio::test(start_paused = true)]
async fn one_request_too_many_is_refused_at_once_and_moves_nothing() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = Arc::new(cache_within(&source, Arc::new(RuntimeClock::new(0, Instant::now())), &room_for(1)));
    assert_eq!(ask(&cache, "a").await, "found");
    tokio::time::advance(Duration::from_millis(300)).await;
    let waiting = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { ask(&cache, "x").await }
    });
    tokio::task::yield_now().await;
    for number in 0..10_000 {
        assert_eq!(at_once(ask(&cache, &format!("y{number}"))), Some("unknown"));
    }
    assert_eq!(at_once(ask(&cache, "a")), Some("found"));
    assert_eq!(cache.fetches(), 1);
    assert_eq!(waiting.await.unwrap(), "unknown");
    assert_eq!((begun.elapsed().as_millis(), cache.fetches()), (1000, 2));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(ask(&cache, "z").await, "unknown", "the place was given back");
}

/// Attack: one peer sends random key ids until every place in which a new key is waited for would be its own.
#[tokio::test(start_paused = true)]
async fn flood_of_unknown_keys_by_one_peer_leaves_places_for_others() {
    let source = Source::publishing("a");
    let cache = Arc::new(cache_within(&source, Arc::new(RuntimeClock::new(0, Instant::now())), &room_for(8)));
    assert_eq!(ask(&cache, "a").await, "found");
    tokio::time::advance(Duration::from_millis(300)).await;
    let flooder = Share::of_key("flooder");
    let wait = |peer: Share, key_id: String| {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move { ask_for(peer, &cache, &key_id).await })
    };
    let junk: Vec<_> = (0..100).map(|number| wait(flooder, format!("junk-{number}"))).collect();
    tokio::task::yield_now().await;
    source.publish(&["a", "b"]);
    let good: Vec<_> = (0..4).map(|peer| wait(Share::of_key(&peer.to_string()), "b".to_owned())).collect();
    for waiting in good {
        assert_eq!(waiting.await.unwrap(), "found");
    }
    let mut answers = Vec::new();
    for waiting in junk {
        answers.push(waiting.await.unwrap());
    }
    let count = |answer| answers.iter().filter(|given| **given == answer).count();
    assert_eq!((count("unknown"), count("share used up")), (4, 96));
}

#[tokio::test]
async fn one_request_too_many_before_any_key_is_a_fault_of_ours() {
    let source = Source::hanging("a");
    let cache = cache_within(&source, Arc::new(TestClock::at(1_000_000)), &room_for(1));
    let mut waiting = std::pin::pin!(ask(&cache, "a"));
    assert_eq!(at_once(waiting.as_mut()), None);
    assert_eq!(at_once(ask(&cache, "a")), Some("crowded"));
    source.gate.add_permits(1);
    assert_eq!(waiting.await, "found");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_gives_its_place_back() {
    let source = Source::hanging("a");
    let cache = cache_within(&source, Arc::new(RuntimeClock::new(0, Instant::now())), &room_for(1));
    for _ in 0..100 {
        assert_eq!(at_once(ask(&cache, "a")), None);
    }
    assert_eq!(cache.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_id_that_was_unknown_a_moment_ago_is_refused_at_once() {
    let source = Source::publishing("a");
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    assert_eq!(ask(&cache, "x").await, "unknown");
    tokio::time::advance(Duration::from_millis(999)).await;
    assert_eq!(at_once(ask(&cache, "x")), Some("unknown"));
    assert_eq!(at_once(ask(&cache, "y")), None, "another one has to wait");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(at_once(ask(&cache, "x")), None, "the issuer may be asked again");
    assert_eq!(cache.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_id_that_an_earlier_fetch_did_not_bring_waits_for_the_next_one() {
    let source = Source::publishing("a");
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    assert_eq!(ask(&cache, "x").await, "unknown");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(ask(&cache, "y").await, "unknown");
    tokio::time::advance(Duration::from_millis(500)).await;
    source.publish(&["a", "x"]);
    assert_eq!(ask(&cache, "x").await, "found", "what the first fetch said holds no longer");
    assert_eq!(cache.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn hammering_the_next_key_id_does_not_hide_it() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    let published = Duration::from_millis(1500);
    loop {
        if begun.elapsed() >= published {
            source.publish(&["a", "x"]);
        }
        if ask(&cache, "x").await == "found" {
            break;
        }
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() - published <= Duration::from_secs(1), "{:?}", begun.elapsed());
}
