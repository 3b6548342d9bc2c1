//! Ten thousand random key ids a second, and a key that is really rotated among them.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_testkit::RuntimeClock;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::rig::{Source, ask, at_once, cache};
use crate::jwks::KeyCache;

/// What came of a flood.
struct Flooded {
    accepted_after: Duration,
    fetches: u64,
    most_waiting: usize,
}

const PUBLISHED: u64 = 2345;

/// For so many seconds ten junk ids a millisecond, the known key with each of them, and the new key every 5 ms from its
/// publication on.
async fn flood(source: Arc<Source>, seconds: u64) -> Flooded {
    let cache = Arc::new(cache(&source, Arc::new(RuntimeClock::new(0, Instant::now()))));
    assert_eq!(ask(&cache, "a").await, "found");
    let begun = Instant::now();
    let (mut junk, mut genuine) = (Vec::new(), Vec::new());
    let mut most_waiting = 0;
    for millisecond in 0..seconds * 1000 {
        for number in 0..10 {
            junk.push(spawn(&cache, format!("junk-{millisecond}-{number}")));
        }
        assert_eq!(at_once(ask(&cache, "a")), Some("found"), "a known key never waits");
        if millisecond == PUBLISHED {
            source.publish(&["a", "b"]);
        }
        if millisecond >= PUBLISHED && millisecond % 5 == 0 {
            genuine.push(spawn(&cache, "b".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        junk.retain(|task| !task.is_finished());
        most_waiting = most_waiting.max(junk.len());
    }
    let fetches = cache.fetches();
    for task in junk {
        assert_ne!(task.await.unwrap().0, "found");
    }
    let mut accepted = Vec::new();
    for task in genuine {
        let (answer, at) = task.await.unwrap();
        accepted.extend((answer == "found").then_some(at));
    }
    let published = begun + Duration::from_millis(PUBLISHED);
    Flooded { accepted_after: *accepted.iter().min().unwrap() - published, fetches, most_waiting }
}

/// Asks for a key, and says when the answer came.
fn spawn(cache: &Arc<KeyCache>, key_id: String) -> JoinHandle<(&'static str, Instant)> {
    let cache = Arc::clone(cache);
    tokio::spawn(async move { (ask(&cache, &key_id).await, Instant::now()) })
}

#[tokio::test(start_paused = true)]
async fn rotated_key_is_accepted_within_two_seconds_in_a_flood_of_random_key_ids() {
    let flooded = flood(Source::answering_after(Duration::from_millis(200), "a"), 5).await;
    assert!(flooded.accepted_after <= Duration::from_secs(2), "{:?}", flooded.accepted_after);
    // One to begin with, and one for each cool-down. No refresh falls into these seconds.
    assert!(flooded.fetches <= 1 + 5, "{}", flooded.fetches);
    assert!(flooded.most_waiting <= Limits::default().key_waiters, "{}", flooded.most_waiting);
}

#[tokio::test(start_paused = true)]
async fn flood_costs_a_slow_issuer_two_fetches_at_most() {
    let latency = Duration::from_millis(1800);
    let flooded = flood(Source::answering_after(latency, "a"), 7).await;
    assert!(flooded.accepted_after <= 2 * latency, "{:?}", flooded.accepted_after);
    assert!(flooded.fetches <= 1 + 7, "{}", flooded.fetches);
}

#[tokio::test(start_paused = true)]
async fn flood_makes_nobody_wait_longer_than_silence_does() {
    let source = Source::answering_after(Duration::from_millis(200), "a");
    let cache = cache(&source, Arc::new(RuntimeClock::new(0, Instant::now())));
    assert_eq!(ask(&cache, "a").await, "found");
    source.publish(&["a", "b"]);
    let begun = Instant::now();
    assert_eq!(ask(&cache, "b").await, "found", "one request is enough");
    let alone = begun.elapsed();
    let flooded = flood(Source::answering_after(Duration::from_millis(200), "a"), 5).await;
    // In a flood the last start may have been just before the publication: a whole cool-down more than here.
    let cool_down = Limits::default().key_fetch_cool_down;
    assert!(flooded.accepted_after <= alone + cool_down, "{alone:?} {:?}", flooded.accepted_after);
}
