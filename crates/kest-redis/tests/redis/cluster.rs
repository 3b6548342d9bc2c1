//! Three primaries that share the keys, and what becomes of the rest when one is gone.

use std::sync::Arc;
use std::time::Duration;

use kest_baggage::{ClaimCheck, PassportStore};
use kest_core::ReplayStore;
use kest_core::replay::{Novelty, ReplayStoreError};
use kest_redis::{ConnectError, Redis, RedisBuilder, ReplaySettings};
use kest_servers::redis::{Memory, RedisCluster, RedisServer, RedisSettings};
use kest_testkit::TestClock;

use crate::login::rights;
use crate::rig::{MINUTE, PAST_THE_FENCE, claim, id, passport, start, timed, until};

fn builder(cluster: &RedisCluster) -> RedisBuilder {
    let urls = cluster.urls();
    Redis::builder(&urls[0]).node(&urls[1])
}

/// The rest goes on when one is lost.
fn partial() -> RedisSettings {
    RedisServer::settings().option("cluster-require-full-coverage", "no")
}

#[tokio::test]
async fn claims_lie_on_all_primaries_and_are_found_by_any_replica() {
    let cluster = RedisCluster::start(3, RedisServer::settings()).await;
    let (writer, reader) =
        (builder(&cluster).connect().await.unwrap(), builder(&cluster).connect_lazily().unwrap());
    reader.ready().await;
    assert_eq!(writer.health().servers().len(), 3);
    for _each in 0..64 {
        let it = claim();
        writer.passports().put(&it, passport(), MINUTE).await.unwrap();
        assert_eq!(reader.passports().get(&it).await.unwrap(), Some(passport()));
        assert!(reader.passports().remove(&it).await.unwrap());
    }
}

#[tokio::test]
async fn lost_primary_takes_its_own_claims_away_and_nobody_elses_time() {
    let mut cluster = RedisCluster::start(3, partial()).await;
    let redis = builder(&cluster).connect().await.unwrap();
    let claims = redis.passports();
    let lost = claim();
    let mut others: Vec<ClaimCheck> = Vec::new();
    let port = cluster.holder(&lost.store_key()).await.port();
    while others.len() < 8 {
        let it = claim();
        if cluster.holder(&it.store_key()).await.port() != port {
            others.push(it);
        }
    }
    for it in others.iter().chain([&lost]) {
        claims.put(it, passport(), 5 * MINUTE).await.unwrap();
    }
    cluster.holder(&lost.store_key()).await.kill().await;
    for _round in 0..20 {
        let (answer, took) = timed(claims.get(&lost)).await;
        assert!(answer.unwrap_err().may_retry());
        assert!(took < Duration::from_millis(500), "{took:?}");
        for it in &others {
            assert_eq!(claims.get(it).await.unwrap(), Some(passport()));
        }
    }
    let servers = cluster.servers();
    servers.iter_mut().find(|server| server.port() == port).unwrap().restart(Memory::Lost).await;
    // Whether it is a part of the cluster again is not ours to tell; the others go on in any case.
    for it in &others {
        assert_eq!(claims.get(it).await.unwrap(), Some(passport()));
    }
}

#[tokio::test]
async fn every_primary_must_pass_the_checks() {
    let mut cluster = RedisCluster::start(3, RedisServer::settings()).await;
    cluster.servers()[2].ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    assert!(matches!(builder(&cluster).connect().await.unwrap_err(), ConnectError::MayEvict(_)));
    let alone = Redis::builder(cluster.servers()[0].url());
    assert!(matches!(alone.connect().await.unwrap_err(), ConnectError::Cluster));
    let (one, other) = (RedisServer::start().await, RedisServer::start().await);
    let apart = Redis::builder(one.url()).node(other.url());
    assert!(matches!(apart.connect().await.unwrap_err(), ConnectError::NoCluster));
}

#[tokio::test]
async fn keys_that_moved_are_found_at_their_new_place() {
    let least = RedisServer::settings().user("orders", "secret", &rights("several, of a cluster"));
    let mut cluster = RedisCluster::start(3, least).await;
    let redis = builder(&cluster).connect().await.unwrap();
    let claims = redis.passports();
    let it = claim();
    claims.put(&it, passport(), 5 * MINUTE).await.unwrap();
    let slot = cluster.servers()[0].ask(&["CLUSTER", "KEYSLOT", &it.store_key()]).await;
    let from = cluster.holder(&it.store_key()).await.port();
    let nodes = cluster.servers();
    let from = nodes.iter().position(|node| node.port() == from).unwrap();
    let to = (from + 1) % 3;
    let to_id = nodes[to].ask(&["CLUSTER", "MYID"]).await;
    let from_id = nodes[from].ask(&["CLUSTER", "MYID"]).await;
    nodes[to].ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    nodes[from].ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
    let port = nodes[to].port().to_string();
    let moved = nodes[from].ask(&["MIGRATE", "127.0.0.1", &port, &it.store_key(), "0", "5000"]).await;
    assert_eq!(moved, "OK");
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()), "ASK is followed once");
    for node in [to, from, 3 - from - to] {
        nodes[node].ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    }
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()), "MOVED is followed once");
    assert!(claims.remove(&it).await.unwrap());
}

#[tokio::test]
async fn identifier_is_new_once_in_the_whole_cluster_and_never_again_after_a_primary_lost_its_memory() {
    let mut cluster = RedisCluster::start(3, partial()).await;
    let clock = start();
    let connected = || builder(&cluster).clock(Arc::<TestClock>::clone(&clock)).connect();
    let (one, other) = (connected().await.unwrap(), connected().await.unwrap());
    let (one, other) = (one.replays(ReplaySettings::new()), other.replays(ReplaySettings::new()));
    one.begin().await.unwrap();
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    let expiry = clock.after(Duration::from_secs(65));
    for each in 0..200 {
        assert_eq!(one.insert(id(&each.to_string()), expiry).await.unwrap(), Novelty::New);
        assert_eq!(other.insert(id(&each.to_string()), expiry).await.unwrap(), Novelty::Seen);
    }
    cluster.servers()[0].ask(&["FLUSHALL"]).await;
    let mut forgotten = 0;
    for each in 0..200 {
        match other.insert(id(&each.to_string()), expiry).await {
            Ok(Novelty::Seen) => {}
            Err(ReplayStoreError::Forgotten) => forgotten += 1,
            answer => panic!("{answer:?}"),
        }
    }
    assert!((20..=120).contains(&forgotten), "{forgotten}");
}

#[tokio::test]
async fn promoted_replica_serves_the_claims_and_forgets_no_identifier() {
    let mut cluster = RedisCluster::start_with_replicas(3, partial()).await;
    let clock = start();
    let redis = builder(&cluster).clock(Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    let (claims, replays) = (redis.passports(), redis.replays(ReplaySettings::new()));
    replays.begin().await.unwrap();
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    let (it, expiry) = (claim(), clock.after(Duration::from_secs(65)));
    claims.put(&it, passport(), 5 * MINUTE).await.unwrap();
    for each in 0..100 {
        assert_eq!(replays.insert(id(&each.to_string()), expiry).await.unwrap(), Novelty::New);
    }
    let primary = cluster.holder(&it.store_key()).await;
    assert_eq!(primary.ask(&["WAIT", "1", "5000"]).await, "1");
    primary.kill().await;
    let found = until(|| async { claims.get(&it).await.ok() }).await;
    assert_eq!(found, Some(passport()));
    let mut forgotten = 0;
    for each in 0..100 {
        let name = each.to_string();
        let answer = until(|| async {
            match replays.insert(id(&name), expiry).await {
                Err(ReplayStoreError::Unavailable(_)) => None,
                answer => Some(answer),
            }
        });
        match answer.await {
            Ok(Novelty::Seen) => {}
            Err(ReplayStoreError::Forgotten) => forgotten += 1,
            answer => panic!("{name}: {answer:?}"),
        }
    }
    assert_eq!(forgotten, 0, "what was replicated is seen, and not forgotten");
    for each in 100..200 {
        match replays.insert(id(&each.to_string()), expiry).await {
            Ok(Novelty::New) => {}
            Err(ReplayStoreError::Forgotten) => forgotten += 1,
            answer => panic!("{each}: {answer:?}"),
        }
    }
    assert!((10..=60).contains(&forgotten), "a third could have been used before: {forgotten}");
}
