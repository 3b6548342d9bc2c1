//! Attacks with a used identifier on a memory that was lost, in whole or in part: it is never new again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest_core::ReplayStore;
use kest_core::replay::{Novelty, ReplayStoreError};
use kest_redis::{Redis, RedisReplays, ReplaySettings};
use kest_servers::redis::{Memory, RedisServer};
use kest_testkit::TestClock;

use crate::rig::{PAST_THE_FENCE, back, begun, id, start, until};

/// Uses identifiers of every length of life, at several moments, and gives them with their expiries.
async fn used(replays: &RedisReplays, clock: &TestClock) -> Vec<(String, SystemTime)> {
    clock.advance(Duration::from_secs(75));
    let mut used = Vec::new();
    for moment in 0..10 {
        for life in [1, 5, 20, 60, 65, 70, 74, 75] {
            let (name, expiry) = (format!("{moment} {life}"), clock.after(Duration::from_secs(life)));
            assert_eq!(replays.insert(id(&name), expiry).await.unwrap(), Novelty::New, "{name}");
            used.push((name, expiry));
        }
        clock.advance(Duration::from_secs(1));
    }
    used
}

/// Brings each of them again, every second until the last one has expired, and gives how many were told apart by what.
async fn check_never_new(
    replays: &RedisReplays,
    clock: &TestClock,
    used: &[(String, SystemTime)],
) -> (u32, u32) {
    let (mut seen, mut forgotten) = (0, 0);
    for second in 0..90 {
        for (name, expiry) in used {
            match replays.insert(id(name), *expiry).await {
                Ok(Novelty::Seen) => seen += 1,
                Err(ReplayStoreError::Forgotten) => forgotten += 1,
                other => panic!("{name}, {second} s after: {other:?}"),
            }
        }
        clock.advance(Duration::from_secs(1));
    }
    (seen, forgotten)
}

#[tokio::test]
async fn used_identifier_is_not_new_after_a_kill_and_an_empty_start() {
    let (mut server, clock) = (RedisServer::start().await, start());
    let (redis, replays) = begun(&server, &clock).await;
    let used = used(&replays, &clock).await;
    server.restart(Memory::Lost).await;
    back(&redis).await;
    let (_seen, forgotten) = check_never_new(&replays, &clock, &used).await;
    assert!(forgotten > 0);
    assert_eq!(
        replays.insert(id("made now"), clock.after(Duration::from_secs(65))).await.unwrap(),
        Novelty::New
    );
}

#[tokio::test]
async fn used_identifier_is_not_new_after_a_start_from_an_old_snapshot_with_its_old_fence() {
    let (mut server, clock) = (RedisServer::start().await, start());
    let (redis, replays) = begun(&server, &clock).await;
    assert_eq!(server.ask(&["SAVE"]).await, "OK");
    let used = used(&replays, &clock).await;
    server.restart(Memory::Kept).await;
    assert_eq!(server.ask(&["DBSIZE"]).await, "64", "the old fences are there, and nothing else");
    back(&redis).await;
    let (_seen, forgotten) = check_never_new(&replays, &clock, &used).await;
    assert!(forgotten > 0);
}

#[tokio::test]
async fn used_identifier_is_not_new_after_everything_is_flushed() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_redis, replays) = begun(&server, &clock).await;
    let used = used(&replays, &clock).await;
    server.ask(&["FLUSHALL"]).await;
    let (_seen, forgotten) = check_never_new(&replays, &clock, &used).await;
    assert!(forgotten > 0);
}

#[tokio::test]
async fn forgotten_scripts_forget_no_identifier() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_redis, replays) = begun(&server, &clock).await;
    let used = used(&replays, &clock).await;
    server.ask(&["SCRIPT", "FLUSH"]).await;
    let (_seen, forgotten) = check_never_new(&replays, &clock, &used).await;
    assert_eq!(forgotten, 0, "nothing was lost");
}

/// Two servers, the second of which follows the first.
async fn pair() -> (RedisServer, RedisServer) {
    let (first, second) = (RedisServer::start().await, RedisServer::start().await);
    follow(&second, &first).await;
    (first, second)
}

async fn follow(replica: &RedisServer, primary: &RedisServer) {
    replica.ask(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    let linked = || async {
        let said = replica.ask(&["INFO", "replication"]).await;
        (said.contains("master_link_status:up") && !said.contains("sync_in_progress:1")).then_some(())
    };
    until(linked).await;
}

/// What the primary writes from now on does not reach the replica, which goes on being one.
async fn cut_off(replica: &RedisServer) {
    replica.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
}

async fn has_fences_of(replica: &RedisServer, primary: &RedisServer) {
    const FENCE: &str = "kest.replay.{63}.fence";
    let fence = primary.ask(&["GET", FENCE]).await;
    until(|| async { (replica.ask(&["GET", FENCE]).await == fence).then_some(()) }).await;
}

async fn replays_at(server: &RedisServer, clock: &Arc<TestClock>) -> RedisReplays {
    let redis = Redis::builder(server.url()).clock(Arc::<TestClock>::clone(clock)).connect().await.unwrap();
    redis.replays(ReplaySettings::new())
}

#[tokio::test]
async fn identifier_that_was_not_replicated_is_not_new_after_a_failover() {
    let clock = start();
    let (mut primary, replica) = pair().await;
    let (_redis, replays) = begun(&primary, &clock).await;
    has_fences_of(&replica, &primary).await;
    cut_off(&replica).await;
    let used = used(&replays, &clock).await;
    primary.kill().await;
    replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    let (_seen, forgotten) = check_never_new(&replays_at(&replica, &clock).await, &clock, &used).await;
    assert!(forgotten > 0);
}

#[tokio::test]
async fn identifier_is_not_new_on_a_primary_that_was_demoted_and_promoted_with_all_its_scripts() {
    let clock = start();
    let (first, mut second) = pair().await;
    let (old_connection, stale) = begun(&first, &clock).await;
    second.ask(&["REPLICAOF", "NO", "ONE"]).await;
    follow(&first, &second).await;
    let (_redis, replays) = begun(&second, &clock).await;
    has_fences_of(&first, &second).await;
    cut_off(&first).await;
    let used = used(&replays, &clock).await;
    second.kill().await;
    first.ask(&["REPLICAOF", "NO", "ONE"]).await;
    back(&old_connection).await;
    let (_seen, forgotten) = check_never_new(&stale, &clock, &used).await;
    assert!(forgotten > 0);
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    assert_eq!(
        stale.insert(id("made now"), clock.after(Duration::from_secs(65))).await.unwrap(),
        Novelty::New
    );
}

#[tokio::test]
async fn identifier_is_not_new_on_a_replica_that_lets_itself_be_written() {
    let clock = start();
    let writable = RedisServer::settings().option("replica-read-only", "no").start().await;
    let (_redis, replays) = begun(&writable, &clock).await;
    cut_off(&writable).await;
    let refused = replays.insert(id("a"), clock.after(Duration::from_secs(65))).await;
    assert!(matches!(refused, Err(ReplayStoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn clock_that_is_behind_sets_no_fence_back() {
    let (mut server, clock) = (RedisServer::start().await, start());
    let (redis, replays) = begun(&server, &clock).await;
    let behind = start();
    behind.advance(Duration::from_secs(PAST_THE_FENCE - 4));
    // The other replica's clock is 4 s behind, within the skew, and it is the first to find the memory gone.
    let late = replays_at(&server, &behind).await;
    clock.advance(Duration::from_secs(100));
    behind.advance(Duration::from_secs(100));
    let expiry = clock.after(Duration::from_secs(75));
    assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::New);
    server.restart(Memory::Lost).await;
    back(&redis).await;
    let late_back = until(|| async {
        match late.insert(id("a"), behind.after(Duration::from_secs(75))).await {
            Err(ReplayStoreError::Unavailable(_)) => None,
            other => Some(other),
        }
    });
    assert!(matches!(late_back.await, Err(ReplayStoreError::Forgotten)));
    assert!(matches!(replays.insert(id("a"), expiry).await, Err(ReplayStoreError::Forgotten)));
}
