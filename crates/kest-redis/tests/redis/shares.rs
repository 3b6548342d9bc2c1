//! One caller uses up what all replicas share: it is refused, and the others go on.

use kest_baggage::PassportStore;
use kest_core::replay::{Novelty, ReplayStoreError};
use kest_core::{ReplayStore, Share};
use kest_redis::ReplaySettings;
use kest_servers::redis::RedisServer;
use kest_testkit::TestClock;
use std::time::Duration;

use crate::rig::{MINUTE, PAST_THE_FENCE, claim, id, passport, patient, start, until};

fn caller(name: &str) -> Share {
    Share::of_user("https://id", name)
}

/// Attack: one caller brings as many identifiers as it can, to two replicas by turns.
#[tokio::test]
async fn flood_of_identifiers_by_one_caller_is_refused_and_others_go_on() {
    let server = RedisServer::start().await;
    let clock = start();
    let replica = || patient(server.url()).clock(std::sync::Arc::<TestClock>::clone(&clock)).connect();
    let settings = ReplaySettings::new().share_ids(640);
    let replicas = [replica().await.unwrap().replays(settings), replica().await.unwrap().replays(settings)];
    replicas[0].begin().await.unwrap();
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    let (mut new, mut refused) = (0, 0);
    for number in 0..1500 {
        let replays = &replicas[number % 2];
        match replays
            .insert_for(caller("flood"), id(&number.to_string()), clock.after(Duration::from_secs(65)))
            .await
        {
            Ok(Novelty::New) => new += 1,
            Err(ReplayStoreError::ShareFull) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    // Ten in each of 64 shards, into which 1500 fall by chance.
    assert!((630..=640).contains(&new), "{new}");
    assert_eq!(new + refused, 1500);
    for good in 0..50 {
        for name in ["1", "2"] {
            let (good, id) = (caller(&good.to_string()), id(&format!("{good} {name}")));
            assert_eq!(
                replicas[1].insert_for(good, id, clock.after(Duration::from_secs(65))).await.unwrap(),
                Novelty::New
            );
        }
    }
    let used = replicas[1].insert_for(caller("flood"), id("0"), clock.after(Duration::from_secs(65))).await;
    assert_eq!(used.unwrap(), Novelty::Seen, "what was used stays used");
    clock.advance(Duration::from_secs(160));
    let later =
        replicas[0].insert_for(caller("flood"), id("later"), clock.after(Duration::from_secs(65))).await;
    assert_eq!(later.unwrap(), Novelty::New, "its share is its own again");
}

/// Attack: one caller has long lineages kept until the server is full.
#[tokio::test]
async fn flood_of_claims_by_one_caller_is_refused_and_others_go_on() {
    let server = RedisServer::start().await;
    let clock = start();
    let builder = patient(server.url()).clock(std::sync::Arc::<TestClock>::clone(&clock)).share_bytes(90);
    let claims = builder.connect().await.unwrap().passports();
    assert_eq!(passport().len(), 9);
    let mut kept = 0;
    for _ in 0..100 {
        match claims.put_for(caller("flood"), &claim(), passport(), MINUTE).await {
            Ok(()) => kept += 1,
            Err(error) => assert!(error.is_share_full() && !error.may_retry(), "{error}"),
        }
    }
    assert_eq!(kept, 10);
    for good in 0..20 {
        let it = claim();
        claims.put_for(caller(&good.to_string()), &it, passport(), MINUTE).await.unwrap();
        assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
    }
    clock.advance(Duration::from_secs(120));
    claims.put_for(caller("flood"), &claim(), passport(), MINUTE).await.unwrap();
}

/// A number out of what the server says of itself.
async fn info(server: &RedisServer, section: &str, name: &str) -> u64 {
    let told = server.ask(&["INFO", section]).await;
    let found = told.lines().find_map(|line| line.trim().strip_prefix(name));
    found.unwrap_or_else(|| panic!("{name} in {told}")).parse().unwrap()
}

/// Lets the server have so many bytes besides what it takes already.
async fn give_room(server: &RedisServer, bytes: u64) {
    let all = info(server, "memory", "used_memory:").await + bytes;
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", &all.to_string()]).await, "OK");
}

/// Attack: one caller fills a server of which no one said how much of it is whose.
#[tokio::test]
async fn caller_alone_gets_about_a_quarter_of_the_server_and_others_go_on() {
    let server = RedisServer::start().await;
    let clock = start();
    let redis =
        patient(server.url()).clock(std::sync::Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    let (claims, replays) = (redis.passports(), redis.replays(ReplaySettings::new()));
    replays.begin().await.unwrap();
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    give_room(&server, 16_000_000).await;
    let long = bytes::Bytes::from(vec![b'x'; 100_000]);
    let mut kept = 0;
    for _ in 0..200 {
        match claims.put_for(caller("flood"), &claim(), long.clone(), MINUTE).await {
            Ok(()) => kept += 1,
            Err(error) => assert!(error.is_share_full(), "{error}"),
        }
    }
    assert!((30..=42).contains(&kept), "{kept}");
    for good in 0..20 {
        claims.put_for(caller(&good.to_string()), &claim(), long.clone(), MINUTE).await.unwrap();
    }

    give_room(&server, 2_000_000).await;
    let (mut new, mut refused) = (0, 0);
    for number in 0..4000 {
        match replays
            .insert_for(caller("flood"), id(&number.to_string()), clock.after(Duration::from_secs(65)))
            .await
        {
            Ok(Novelty::New) => new += 1,
            Err(ReplayStoreError::ShareFull) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((1500..=2800).contains(&new) && refused > 0, "{new}");
    for good in 0..200 {
        let good = (caller(&good.to_string()), id(&format!("{good}")), clock.after(Duration::from_secs(65)));
        replays.insert_for(good.0, good.1, good.2).await.unwrap();
    }
}

/// A heavy caller, and nothing that says how much it may hold: what it needs of its account costs next to no message.
#[tokio::test]
async fn caller_within_its_share_is_charged_with_few_messages() {
    let server = RedisServer::start().await;
    let claims = patient(server.url()).connect().await.unwrap().passports();
    let long = bytes::Bytes::from(vec![b'x'; 10_000]);
    for _ in 0..1000 {
        claims.put_for(caller("heavy"), &claim(), long.clone(), MINUTE).await.unwrap();
    }
    let told = server.ask(&["INFO", "commandstats"]).await;
    let calls = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse::<u64>().unwrap())
    };
    // One that finds no script, one that brings it; and one more where the minute ended in between.
    assert!(calls("evalsha") + calls("eval") <= 3, "{told}");
}

/// Each replica is granted something in advance, but never so much that a caller is refused for what it did not put.
#[tokio::test]
async fn caller_of_many_replicas_may_use_its_share_at_all_of_them() {
    let server = RedisServer::start().await;
    let redis = patient(server.url()).share_bytes(64_000).connect().await.unwrap();
    for _replica in 0..300 {
        let claims = redis.passports();
        claims.put_for(caller("roaming"), &claim(), passport(), 60 * MINUTE).await.unwrap();
    }
}

#[tokio::test]
async fn server_that_is_told_to_evict_accepts_no_identifier_from_then_on() {
    let server = RedisServer::start().await;
    let clock = start();
    let (redis, replays) = crate::rig::begun(&server, &clock).await;
    assert_eq!(replays.insert(id("a"), clock.after(Duration::from_secs(65))).await.unwrap(), Novelty::New);
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let answer = replays.insert(id("b"), clock.after(Duration::from_secs(65))).await;
    assert!(matches!(answer, Err(ReplayStoreError::Unavailable(_))), "{answer:?}");
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    until(|| async { replays.insert(id("c"), clock.after(Duration::from_secs(65))).await.ok() }).await;
    drop(redis);
}

#[tokio::test]
async fn server_that_is_told_to_evict_is_given_up_while_its_connection_lasts() {
    let server = RedisServer::start().await;
    let builder = patient(server.url()).check_every(Duration::from_millis(20));
    let redis = builder.connect().await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]).await;
    let away = until(|| async {
        server.ask(&["PING"]).await;
        let health = redis.health();
        health.servers()[0].away().map(ToString::to_string)
    });
    assert_eq!(away.await, "server may evict keys that are alive, by policy volatile-ttl");
    assert!(redis.passports().put(&claim(), passport(), MINUTE).await.is_err());
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    redis.ready().await;
    redis.passports().put(&claim(), passport(), MINUTE).await.unwrap();
}
