//! How many fetches there are, and that none of them depends on the request that caused it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kest_core::Limits;
use kest_testkit::TestClock;
use tokio::time::Instant;

use super::rig::{Source, ask, at_once, cache};

#[tokio::test]
async fn a_flood_of_first_requests_causes_one_fetch() {
    let source = Source::hanging("a");
    let cache = Arc::new(cache(&source, Arc::new(TestClock::at(1_000_000))));
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move { ask(&cache, "a").await })
        })
        .collect();
    source.gate.add_permits(50);
    for answer in asked {
        assert_eq!(answer.await.unwrap(), "found");
    }
    assert_eq!(cache.fetches(), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_per_cool_down() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    for round in 1..=3 {
        for number in 0..50 {
            assert_eq!(ask(&cache, &format!("x{number}")).await, "unknown");
        }
        assert_eq!(cache.fetches(), round);
        clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_cancelled_request_leaves_the_fetch_to_the_others() {
    let source = Source::hanging("a");
    let cache = cache(&source, Arc::new(TestClock::at(1_000_000)));
    assert_eq!(at_once(ask(&cache, "a")), None);
    source.gate.add_permits(1);
    assert_eq!(ask(&cache, "a").await, "found");
    assert_eq!(cache.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_source_holds_a_request_no_longer_than_its_share() {
    let source = Source::hanging("a");
    let cache = cache(&source, Arc::new(TestClock::at(1_000_000)));
    let begun = Instant::now();
    assert_eq!(ask(&cache, "a").await, "waited");
    assert_eq!(begun.elapsed().as_secs(), Limits::default().key_wait.as_secs());
    cache.after_fetches(1).await;
    assert_eq!(begun.elapsed().as_secs(), Limits::default().key_fetch_wait.as_secs());
    assert_eq!(ask(&cache, "a").await, "fetch failed");
}

#[tokio::test]
async fn a_panicking_source_blocks_nobody() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    source.panics.store(true, Ordering::SeqCst);
    assert_eq!(ask(&cache, "a").await, "fetch failed");
    source.panics.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&cache, "a").await, "found");
}

#[tokio::test]
async fn dropping_the_cache_stops_its_tasks() {
    let source = Source::hanging("a");
    let cache = cache(&source, Arc::new(TestClock::at(1_000_000)));
    assert_eq!(at_once(ask(&cache, "a")), None);
    assert!(Arc::strong_count(&source) > 1);
    drop(cache);
    let stopped = async {
        while Arc::strong_count(&source) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap();
}

#[test]
fn the_cache_survives_the_runtime_that_it_began_in() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let (source, clock) = (Source::hanging("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    let first = runtime();
    first.block_on(async { assert_eq!(at_once(ask(&cache, "a")), None) });
    drop(first);
    source.gate.add_permits(9);
    clock.advance(Duration::from_secs(1));
    runtime().block_on(async {
        assert_eq!(ask(&cache, "a").await, "found");
        clock.advance(Duration::from_secs(300));
        // No request comes: only a keeper in the second runtime can bring this about.
        tokio::time::timeout(Duration::from_secs(1000), cache.after_fetches(3)).await.unwrap();
    });
}

#[test]
fn without_a_runtime_nothing_can_be_fetched() {
    let cache = cache(&Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    assert_eq!(at_once(ask(&cache, "a")), Some("no runtime"));
}
