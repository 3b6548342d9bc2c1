//! The key cache under floods, hangs, panics, cancellation and a clock that misbehaves.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kest_core::{Clock, Limits};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::*;

/// Publishes one key, if its gate is open and nothing is wrong with it.
#[derive(Debug)]
struct Source {
    key_id: Mutex<&'static str>,
    gate: Semaphore,
    down: AtomicBool,
    panics: AtomicBool,
    calls: AtomicU64,
}

impl Source {
    fn publishing(key_id: &'static str) -> Arc<Self> {
        Arc::new(Self {
            key_id: Mutex::new(key_id),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            down: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            calls: AtomicU64::new(0),
        })
    }

    /// A source that lets nothing pass before its gate gets permits.
    fn hanging(key_id: &'static str) -> Arc<Self> {
        let source = Self::publishing(key_id);
        source.gate.forget_permits(Semaphore::MAX_PERMITS);
        source
    }
}

#[async_trait]
impl FetchKeys for Source {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        assert!(!self.panics.load(Ordering::SeqCst), "a source that panics");
        if self.down.load(Ordering::SeqCst) {
            return Err(FetchError::Status(500));
        }
        let key_id = *self.key_id.lock().unwrap();
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let json = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{key_id}","x":"{x}"}}]}}"#);
        KeySet::from_json(json.as_bytes(), &Limits::default()).map_err(FetchError::NotAKeySet)
    }
}

#[derive(Debug)]
struct HandClock(Mutex<SystemTime>);

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))))
    }

    fn forward(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    fn back(&self, seconds: u64) {
        *self.0.lock().unwrap() -= Duration::from_secs(seconds);
    }
}

impl Clock for HandClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// Wall-clock time in step with the runtime's own, which a test may pause.
#[derive(Debug)]
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0.elapsed()
    }
}

/// Refreshed every 300 s, dropped after 3600 s, 10 s between fetches.
fn cache(source: &Arc<Source>, clock: Arc<dyn Clock>) -> KeyCache {
    let schedule = Schedule::new(Duration::from_secs(300), Duration::from_secs(3600), &Limits::default());
    KeyCache::new(Arc::<Source>::clone(source), clock, schedule)
}

async fn ask(cache: &KeyCache, key_id: &str) -> &'static str {
    match cache.key(key_id).await {
        Ok(_) => "found",
        Err(LookupError::Unknown) => "unknown",
        Err(LookupError::Unavailable(KeysUnavailable::Fetch(_))) => "fetch failed",
        Err(LookupError::Unavailable(KeysUnavailable::Waited(_))) => "waited",
        Err(LookupError::Unavailable(KeysUnavailable::NoRuntime)) => "no runtime",
    }
}

#[tokio::test]
async fn a_flood_of_first_requests_causes_one_fetch() {
    let source = Source::hanging("a");
    let cache = Arc::new(cache(&source, HandClock::new()));
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
    let (source, clock) = (Source::publishing("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    for round in 1..=3 {
        for number in 0..50 {
            assert_eq!(ask(&cache, &format!("x{number}")).await, "unknown");
        }
        assert_eq!(cache.fetches(), round);
        clock.forward(10);
    }
}

#[tokio::test]
async fn an_outage_causes_one_fetch_per_cool_down() {
    let (source, clock) = (Source::publishing("a"), HandClock::new());
    source.down.store(true, Ordering::SeqCst);
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    for _ in 0..50 {
        assert_eq!(ask(&cache, "a").await, "fetch failed");
    }
    assert_eq!(cache.fetches(), 1);
    source.down.store(false, Ordering::SeqCst);
    clock.forward(10);
    assert_eq!(ask(&cache, "a").await, "found");
}

#[tokio::test]
async fn a_cancelled_request_leaves_the_fetch_to_the_others() {
    let source = Source::hanging("a");
    let cache = cache(&source, HandClock::new());
    tokio::select! {
        biased;
        _ = cache.key("a") => panic!("the gate is closed"),
        () = async {} => {}
    }
    source.gate.add_permits(1);
    assert_eq!(ask(&cache, "a").await, "found");
    assert_eq!(cache.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_source_holds_a_request_no_longer_than_its_share() {
    let source = Source::hanging("a");
    let cache = cache(&source, HandClock::new());
    let begun = Instant::now();
    assert_eq!(ask(&cache, "a").await, "waited");
    assert_eq!(begun.elapsed().as_secs(), Limits::default().key_wait.as_secs());
    cache.after_fetches(1).await;
    assert_eq!(begun.elapsed().as_secs(), Limits::default().key_fetch_wait.as_secs());
    assert_eq!(ask(&cache, "a").await, "fetch failed");
}

#[tokio::test]
async fn a_panicking_source_blocks_nobody() {
    let (source, clock) = (Source::publishing("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    source.panics.store(true, Ordering::SeqCst);
    assert_eq!(ask(&cache, "a").await, "fetch failed");
    source.panics.store(false, Ordering::SeqCst);
    clock.forward(10);
    assert_eq!(ask(&cache, "a").await, "found");
}

#[tokio::test]
async fn known_keys_outlive_failing_refreshes_until_they_are_stale() {
    let (source, clock) = (Source::publishing("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    source.down.store(true, Ordering::SeqCst);
    clock.forward(3599);
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
    assert_eq!(ask(&cache, "b").await, "fetch failed");
    clock.forward(1);
    assert_eq!(ask(&cache, "a").await, "fetch failed");
}

#[tokio::test]
async fn rotation_is_picked_up_behind_a_served_request() {
    let (source, clock) = (Source::publishing("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    *source.key_id.lock().unwrap() = "b";
    clock.forward(300);
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
    assert_eq!(ask(&cache, "b").await, "found");
    assert_eq!(ask(&cache, "a").await, "unknown");
    assert_eq!(cache.fetches(), 2);
}

#[tokio::test]
async fn clock_set_back_keeps_keys_and_refreshes_them() {
    let (source, clock) = (Source::publishing("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    assert_eq!(ask(&cache, "a").await, "found");
    clock.back(500_000);
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
    clock.forward(299);
    assert_eq!(ask(&cache, "a").await, "found");
    assert_eq!(cache.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_while_no_request_comes() {
    let source = Source::publishing("a");
    let begun = Instant::now();
    let cache = cache(&source, Arc::new(RuntimeClock(begun)));
    cache.start().await.unwrap();
    cache.after_fetches(4).await;
    assert_eq!(begun.elapsed().as_secs(), 900);
    source.down.store(true, Ordering::SeqCst);
    cache.after_fetches(6).await;
    assert_eq!(begun.elapsed().as_secs(), 1210, "a failed refresh is tried again after the cool-down");
}

#[tokio::test]
async fn dropping_the_cache_stops_its_tasks() {
    let source = Source::hanging("a");
    let cache = cache(&source, HandClock::new());
    tokio::select! {
        biased;
        _ = cache.key("a") => panic!("the gate is closed"),
        () = async {} => {}
    }
    assert!(Arc::strong_count(&source) > 1);
    drop(cache);
    let stopped = async {
        while Arc::strong_count(&source) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap();
}

#[tokio::test]
async fn keys_age_from_the_moment_they_were_asked_for() {
    let (source, clock) = (Source::hanging("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    tokio::select! {
        biased;
        _ = cache.key("a") => panic!("the gate is closed"),
        () = async {} => {}
    }
    clock.forward(300);
    source.gate.add_permits(9);
    cache.after_fetches(1).await;
    assert_eq!(ask(&cache, "a").await, "found");
    cache.after_fetches(2).await;
}

#[test]
fn the_cache_survives_the_runtime_that_it_began_in() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let (source, clock) = (Source::hanging("a"), HandClock::new());
    let cache = cache(&source, Arc::<HandClock>::clone(&clock));
    let first = runtime();
    first.block_on(async {
        tokio::select! {
            biased;
            _ = cache.key("a") => panic!("the gate is closed"),
            () = async {} => {}
        }
    });
    drop(first);
    source.gate.add_permits(9);
    clock.forward(10);
    runtime().block_on(async {
        assert_eq!(ask(&cache, "a").await, "found");
        clock.forward(300);
        // No request comes: only a keeper in the second runtime can bring this about.
        tokio::time::timeout(Duration::from_secs(1000), cache.after_fetches(3)).await.unwrap();
    });
}

#[test]
fn without_a_runtime_nothing_can_be_fetched() {
    let cache = cache(&Source::publishing("a"), HandClock::new());
    let mut asked = std::pin::pin!(ask(&cache, "a"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(asked.as_mut().poll(&mut context), std::task::Poll::Ready("no runtime"));
}
