//! What operators see: outcomes by name, and no key among them.

use std::collections::BTreeMap;
use std::time::Duration;

use kest_baggage::PassportStore;
use kest_core::ReplayStore;
use kest_redis::telemetry::describe_metrics;
use kest_servers::redis::{Memory, RedisServer};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::rig::{MINUTE, back, begun, claim, id, passport, start};

/// Counters and gauges by name and labels; histograms by the number of their values.
fn counted(meter: &Snapshotter) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for (key, _unit, _text, value) in meter.snapshot().into_vec() {
        let key = key.key();
        let labels: String =
            key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Gauge(_level) => continue,
            DebugValue::Histogram(values) => values.len().try_into().unwrap(),
        };
        counted.insert(format!("{}{labels}", key.name()), value);
    }
    counted
}

#[tokio::test]
async fn every_outcome_is_counted_by_its_name() {
    let recorder = DebuggingRecorder::new();
    let meter = recorder.snapshotter();
    let _listening = metrics::set_default_local_recorder(Box::leak(Box::new(recorder)));
    describe_metrics();
    let (mut server, clock) = (RedisServer::start().await, start());
    let (redis, replays) = begun(&server, &clock).await;
    let claims = redis.passports();
    let it = claim();
    claims.put(&it, passport(), 5 * MINUTE).await.unwrap();
    claims.put(&it, passport(), 5 * MINUTE).await.unwrap_err();
    claims.get(&it).await.unwrap();
    claims.get(&claim()).await.unwrap();
    claims.remove(&it).await.unwrap();
    claims.remove(&it).await.unwrap();
    replays.insert(id("a"), clock.after(Duration::from_secs(65))).await.unwrap();
    replays.insert(id("a"), clock.after(Duration::from_secs(65))).await.unwrap();
    replays.insert(id("a"), clock.after(Duration::from_secs(100))).await.unwrap_err();
    let before = counted(&meter);
    for (name, count) in [
        ("kest_redis_passports_total outcome=kept", 1),
        ("kest_redis_passports_total outcome=taken", 1),
        ("kest_redis_passports_total outcome=hit", 1),
        ("kest_redis_passports_total outcome=miss", 1),
        ("kest_redis_passports_total outcome=removed", 1),
        ("kest_redis_passports_total outcome=absent", 1),
        ("kest_redis_replays_total outcome=new", 1),
        ("kest_redis_replays_total outcome=seen", 1),
        ("kest_redis_replays_total outcome=too_long", 1),
        ("kest_redis_fences_total", 64),
        ("kest_redis_connections_total outcome=made", 1),
        ("kest_redis_commands_total command=get outcome=answered", 2),
        ("kest_redis_command_seconds command=get", 2),
    ] {
        assert_eq!(before.get(name), Some(&count), "{name} in {before:#?}");
    }
    assert!(!before.keys().any(|name| name.contains(&it.to_string())), "{before:#?}");
    server.restart(Memory::Lost).await;
    back(&redis).await;
    replays.insert(id("a"), clock.after(Duration::from_secs(65))).await.unwrap_err();
    let after = counted(&meter);
    assert_eq!(after.get("kest_redis_connections_total outcome=lost"), Some(&1), "{after:#?}");
    assert_eq!(after.get("kest_redis_replays_total outcome=forgotten"), Some(&1), "{after:#?}");
}
