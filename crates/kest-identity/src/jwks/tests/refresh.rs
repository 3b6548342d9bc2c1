//! When keys are fetched again: ahead of need, and whatever unknown key ids are doing.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_testkit::{FixedRandom, RuntimeClock, TestClock};
use tokio::time::Instant;

use super::rig::{Source, ask, at_once, cache, schedule};
use crate::jwks::KeyCache;

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_while_no_request_comes() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    cache.start().await.unwrap();
    cache.after_fetches(4).await;
    assert_eq!(begun.elapsed().as_secs(), 900);
}

#[tokio::test(start_paused = true)]
async fn jitter_brings_a_refresh_forward_by_a_tenth_at_most() {
    let source = Source::publishing("a");
    let schedule = schedule(&Limits::default()).with_random(Arc::new(FixedRandom::of(0xff)));
    let cache = KeyCache::new(
        Arc::<Source>::clone(&source),
        "https://issuer".into(),
        Arc::new(RuntimeClock::new(0, Instant::now())),
        schedule,
    );
    let begun = Instant::now();
    cache.start().await.unwrap();
    cache.after_fetches(3).await;
    assert_eq!(begun.elapsed().as_secs(), 540);
}

#[tokio::test(start_paused = true)]
async fn refresh_that_is_due_departs_although_junk_has_used_the_cool_down() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    cache.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(299_500)).await;
    source.go_down();
    assert_eq!(ask(&cache, "junk").await, "fetch failed");
    source.come_up();
    cache.after_fetches(3).await;
    assert_eq!(begun.elapsed().as_millis(), 300_000);
}

#[tokio::test(start_paused = true)]
async fn junk_that_fails_does_not_slow_refreshes_down() {
    let (source, begun) = (Source::publishing("a"), Instant::now());
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    cache.start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    source.go_down();
    for number in 0..20 {
        assert_eq!(ask(&cache, &number.to_string()).await, "fetch failed");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(cache.fetches(), 21);
    cache.after_fetches(23).await;
    assert_eq!(begun.elapsed().as_secs(), 301, "the first retry comes as early as ever");
}

#[tokio::test]
async fn rotation_is_picked_up_behind_a_served_request() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    source.publish(&["b"]);
    clock.advance(Duration::from_secs(300));
    assert_eq!(at_once(ask(&cache, "a")), Some("found"));
    cache.after_fetches(2).await;
    assert_eq!(ask(&cache, "b").await, "found");
    assert_eq!(ask(&cache, "a").await, "unknown");
    assert_eq!(cache.fetches(), 2);
}

#[tokio::test]
async fn looking_without_waiting_refreshes_too() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert!(cache.find("a").is_none());
    assert_eq!(cache.fetches(), 0, "what is not there is not fetched for it");
    assert_eq!(ask(&cache, "a").await, "found");
    source.publish(&["b"]);
    clock.advance(Duration::from_secs(300));
    assert!(cache.find("a").is_some());
    cache.after_fetches(2).await;
    assert!(cache.find("a").is_none() && cache.find("b").is_some());
}

#[tokio::test]
async fn keys_age_from_the_moment_they_were_asked_for() {
    let (source, clock) = (Source::hanging("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    assert_eq!(at_once(ask(&cache, "a")), None);
    clock.advance(Duration::from_secs(300));
    source.gate.add_permits(9);
    cache.after_fetches(1).await;
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
}

#[tokio::test(start_paused = true)]
async fn withdrawn_key_stops_within_the_refresh_period_and_one_fetch() {
    let latency = Duration::from_secs(1);
    let source = Source::answering_after(latency, "a");
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    cache.start().await.unwrap();
    source.publish(&["b"]);
    let withdrawn = Instant::now();
    while cache.find("a").is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(withdrawn.elapsed() <= Duration::from_secs(300) + latency, "{:?}", withdrawn.elapsed());
}
