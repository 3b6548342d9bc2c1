//! What operators are told about keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kest_testkit::TestClock;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::rig::{Source, ask, at_once, cache, jwk};
use crate::jwks::{KeySetUnavailable, KeysAtStart, NotReady, Readiness, SkippedKey, telemetry};

#[tokio::test]
async fn health_tells_what_is_in_use_and_what_is_wrong() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    let never = cache.health();
    assert_eq!((never.age, never.key_ids.len()), (None, 0));
    assert_eq!(never.readiness(), Readiness::NotReady(NotReady::NeverFetched));

    source.publish_json(format!("{},{},null", jwk("b"), jwk("a")));
    cache.start().await.unwrap();
    clock.advance(Duration::from_secs(100));
    let good = cache.health();
    assert_eq!(good.key_ids, ["a", "b"]);
    assert_eq!(good.skipped, [(SkippedKey::Malformed, 1)]);
    assert_eq!(good.age, Some(Duration::from_secs(100)));
    assert_eq!(good.next_refresh, Duration::from_secs(200));
    assert_eq!((good.stale_for, good.serves_for), (Duration::ZERO, Duration::from_secs(3500)));
    assert_eq!((good.consecutive_failures, good.last_error), (0, None));
    assert_eq!(good.readiness(), Readiness::Ready);
}

#[tokio::test]
async fn health_tells_of_an_outage_and_is_ready_as_long_as_keys_serve() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    cache.start().await.unwrap();
    source.go_down();
    clock.advance(Duration::from_secs(400));
    assert!(cache.find("a").is_some());
    cache.after_fetches(2).await;
    let stale = cache.health();
    assert_eq!((stale.stale_for, stale.serves_for), (Duration::from_secs(100), Duration::from_secs(3200)));
    assert_eq!((stale.consecutive_failures, stale.last_error), (1, Some("status")));
    assert_eq!(stale.next_refresh, Duration::from_secs(1));
    assert_eq!(stale.readiness(), Readiness::Ready);

    clock.advance(Duration::from_secs(3200));
    let dropped = cache.health();
    assert_eq!((dropped.key_ids.len(), dropped.serves_for), (0, Duration::ZERO));
    assert_eq!(dropped.readiness(), Readiness::NotReady(NotReady::TooOld));

    source.come_up();
    assert_eq!(ask(&cache, "a").await, "found");
    let healed = cache.health();
    assert_eq!((healed.consecutive_failures, healed.last_error), (0, None));
    assert_eq!(healed.readiness(), Readiness::Ready);
}

#[tokio::test]
async fn issuer_without_a_usable_key_is_not_ready() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    cache.start().await.unwrap();
    source.publish_json(r#"{"kty":"AKP","kid":"pq"}"#.to_owned());
    clock.advance(Duration::from_secs(300));
    assert!(cache.find("a").is_some());
    cache.after_fetches(2).await;
    assert!(cache.find("a").is_none(), "replaced by one that cannot be read is withdrawn all the same");
    assert_eq!(cache.health().skipped, [(SkippedKey::Unsupported, 1)]);
    assert_eq!(cache.health().readiness(), Readiness::NotReady(NotReady::NoUsableKey));
}

#[tokio::test]
async fn start_without_keys_is_for_the_configuration_to_judge() {
    let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    source.go_down();
    let cache = cache(&source, Arc::<TestClock>::clone(&clock));
    let failed = cache.start_with(KeysAtStart::Fail).await;
    assert!(matches!(failed, Err(KeySetUnavailable::Fetch(_))), "{failed:?}");
    cache.start_with(KeysAtStart::Serve503).await.unwrap();
    assert_eq!(at_once(ask(&cache, "a")), Some("fetch failed"));
    source.come_up();
    clock.advance(Duration::from_secs(1));
    cache.start_with(KeysAtStart::Fail).await.unwrap();
    let fetches = cache.fetches();
    cache.start().await.unwrap();
    assert_eq!(cache.fetches(), fetches, "fresh keys are not fetched again");
}

#[test]
fn start_without_a_runtime_fails_in_every_case() {
    let cache = cache(&Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
    for at_start in [KeysAtStart::Fail, KeysAtStart::Serve503] {
        let failed = at_once(cache.start_with(at_start)).unwrap();
        assert!(matches!(failed, Err(KeySetUnavailable::NoRuntime)), "{failed:?}");
    }
}

#[test]
fn metrics_count_fetches_skipped_keys_and_unknown_ids() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
            source.publish_json(format!("{},null,{{}},{}", jwk("a"), r#"{"kty":"oct","kid":"s","k":"AQ"}"#));
            let cache = cache(&source, Arc::<TestClock>::clone(&clock));
            cache.start().await.unwrap();
            assert_eq!(ask(&cache, "x").await, "unknown");
            clock.advance(Duration::from_secs(300));
            source.go_down();
            assert_eq!(ask(&cache, "a").await, "found");
            cache.after_fetches(2).await;
            tokio::task::yield_now().await;
        });
    });
    let told: BTreeMap<String, f64> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let (_, key) = key.into_parts();
            let mut name = key.name().to_owned();
            for label in key.labels().filter(|label| label.key() != "issuer") {
                name += &format!(" {}", label.value());
            }
            assert!(key.labels().any(|label| (label.key(), label.value()) == ("issuer", "https://issuer")));
            let value = match value {
                DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => panic!("{name}"),
            };
            (name, value)
        })
        .collect();
    for (name, expected) in [
        (format!("{} fetched", telemetry::JWKS_FETCHES), 1.0),
        (format!("{} status", telemetry::JWKS_FETCHES), 1.0),
        (telemetry::JWKS_KEYS.to_owned(), 1.0),
        (format!("{} malformed", telemetry::JWKS_SKIPPED_KEYS), 2.0),
        (format!("{} symmetric", telemetry::JWKS_SKIPPED_KEYS), 1.0),
        (format!("{} remembered", telemetry::JWKS_UNKNOWN_KEY_IDS), 1.0),
        (telemetry::JWKS_AGE.to_owned(), 300.0),
    ] {
        assert_eq!(told.get(&name), Some(&expected), "{name} of {told:?}");
    }
}
