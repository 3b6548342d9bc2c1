//! An issuer that is away: what goes on working, for how long, and how often it is asked.

use std::sync::Arc;
use std::time::Duration;

use kest_testkit::{RuntimeClock, TestClock};
use tokio::time::Instant;

use super::rig::{Source, ask, at_once, cache};

#[tokio::test]
async fn an_outage_causes_one_fetch_per_cool_down() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    source.go_down();
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    for _ in 0..50 {
        assert_eq!(ask(&cache, "a").await, "fetch failed");
    }
    assert_eq!(cache.fetches(), 1);
    source.come_up();
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&cache, "a").await, "found");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_next_failure() {
    let source = Source::publishing("a");
    source.go_down();
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    assert_eq!(ask(&cache, "a").await, "fetch failed");
    tokio::time::advance(Duration::from_millis(800)).await;
    for _ in 0..1000 {
        assert_eq!(at_once(ask(&cache, "a")), Some("fetch failed"));
    }
}

#[tokio::test]
async fn known_keys_outlive_failing_refreshes_until_they_are_stale() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    source.go_down();
    clock.advance(Duration::from_secs(3599));
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
    assert_eq!(ask(&cache, "b").await, "fetch failed");
    clock.advance(Duration::from_secs(1));
    assert!(cache.find("a").is_none());
    assert_eq!(ask(&cache, "a").await, "fetch failed");
}

#[tokio::test(start_paused = true)]
async fn failing_refreshes_slow_down_and_the_first_good_one_ends_it() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    cache.start().await.unwrap();
    source.go_down();
    let mut times = Vec::new();
    for count in 2..=9 {
        cache.after_fetches(count).await;
        times.push(begun.elapsed().as_secs());
    }
    assert_eq!(times, [300, 301, 303, 307, 315, 331, 361, 391]);
    source.come_up();
    cache.after_fetches(11).await;
    assert_eq!(begun.elapsed().as_secs(), 421 + 300);
}

#[tokio::test(start_paused = true)]
async fn requests_for_known_keys_cause_no_fetches_of_their_own_in_an_outage() {
    let source = Source::publishing("a");
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    cache.start().await.unwrap();
    source.go_down();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(332) {
        assert_eq!(at_once(ask(&cache, "a")), Some("found"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(cache.fetches(), 7, "one at the start, then after 300, 301, 303, 307, 315 and 331 s");
}

#[tokio::test]
async fn clock_set_back_keeps_keys_and_refreshes_them() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    clock.turn_back(Duration::from_secs(500_000));
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
    clock.advance(Duration::from_secs(299));
    assert_eq!(ask(&cache, "a").await, "found");
    assert_eq!(cache.fetches(), 2);
}

#[tokio::test]
async fn clock_set_back_makes_no_key_immortal() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    source.go_down();
    clock.turn_back(Duration::from_secs(500_000));
    assert_eq!(ask(&cache, "a").await, "found");
    clock.advance(Duration::from_secs(3599));
    assert_eq!(ask(&cache, "a").await, "found");
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&cache, "a").await, "fetch failed");
}

#[tokio::test]
async fn zero_requests_wait_on_a_hanging_source_once_warm() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    source.hang();
    for _ in 0..4 {
        clock.advance(Duration::from_secs(300));
        for _ in 0..1000 {
            assert_eq!(at_once(ask(&cache, "a")), Some("found"));
        }
    }
    assert_eq!(cache.fetches(), 2, "one fetch is under way and no other starts");
}
