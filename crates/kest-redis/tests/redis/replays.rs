//! Identifiers on a server that is well: each one new once, for as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use kest_baggage::PassportStore;
use kest_core::ReplayStore;
use kest_core::replay::{Novelty, ReplayStoreError};
use kest_redis::{Redis, ReplaySettings};
use kest_servers::redis::RedisServer;
use kest_testkit::TestClock;

use crate::rig::{MINUTE, begun, claim, id, passport, start, until};

#[tokio::test]
async fn of_many_who_bring_one_identifier_to_two_replicas_one_is_first() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_one, one) = begun(&server, &clock).await;
    let (_other, other) = begun(&server, &clock).await;
    let expiry = clock.after(Duration::from_secs(65));
    let mut bringers = tokio::task::JoinSet::new();
    for each in 0..64 {
        let replays = if each % 2 == 0 { one.clone() } else { other.clone() };
        bringers.spawn(async move { replays.insert(id("a"), expiry).await.unwrap() });
    }
    let answers = bringers.join_all().await;
    assert_eq!(answers.into_iter().filter(|answer| *answer == Novelty::New).count(), 1);
}

#[tokio::test]
async fn identifier_is_remembered_for_its_life_and_the_skew_and_no_longer() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_redis, replays) = begun(&server, &clock).await;
    let expiry = clock.after(Duration::from_secs(65));
    assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::New);
    let key = server.ask(&["--scan", "--pattern", "kest.replay.{*}.????????*"]).await;
    let key = key.lines().find(|key| !key.ends_with("fence")).unwrap().to_owned();
    let left: u64 = server.ask(&["PTTL", &key]).await.parse().unwrap();
    assert!((68_000..=70_000).contains(&left), "{left}");
    for _second in 0..65 {
        assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::Seen);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::Seen);
    clock.advance(Duration::from_secs(1));
    server.ask(&["DEL", &key]).await;
    assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::Seen, "expired counts as seen");
}

#[tokio::test]
async fn identifier_that_lives_longer_than_is_remembered_is_refused() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_redis, replays) = begun(&server, &clock).await;
    let refused = replays.insert(id("a"), clock.after(Duration::from_secs(76))).await;
    assert!(matches!(refused, Err(ReplayStoreError::TooLong)));
    assert_eq!(replays.insert(id("a"), clock.after(Duration::from_secs(75))).await.unwrap(), Novelty::New);
}

#[tokio::test]
async fn full_server_refuses_identifiers_and_forgets_none() {
    let server = RedisServer::settings().option("maxmemory", "3mb").start().await;
    let clock = start();
    let (_redis, replays) = begun(&server, &clock).await;
    let expiry = clock.after(Duration::from_secs(65));
    let mut accepted = 0;
    let error = loop {
        match replays.insert(id(&accepted.to_string()), expiry).await {
            Ok(novelty) => assert_eq!(novelty, Novelty::New),
            Err(error) => break error,
        }
        accepted += 1;
        assert!(accepted < 100_000, "more than fits");
    };
    assert!(matches!(error, ReplayStoreError::Full), "{error:?}");
    for each in (0..accepted).step_by(97) {
        let again = replays.insert(id(&each.to_string()), expiry).await;
        assert!(matches!(again, Ok(Novelty::Seen) | Err(ReplayStoreError::Full)), "{again:?}");
    }
}

#[tokio::test]
async fn something_else_under_the_name_of_a_fence_or_an_identifier_makes_nothing_new() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_redis, replays) = begun(&server, &clock).await;
    let expiry = clock.after(Duration::from_secs(65));
    assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::New);
    for shard in 0..64 {
        server.ask(&["SET", &format!("kest.replay.{{{shard:02}}}.fence"), "rubbish"]).await;
    }
    assert_eq!(replays.insert(id("a"), expiry).await.unwrap(), Novelty::Seen);
    assert!(matches!(replays.insert(id("b"), expiry).await, Err(ReplayStoreError::Forgotten)));
    for shard in 0..64 {
        let fence = format!("kest.replay.{{{shard:02}}}.fence");
        server.ask(&["DEL", &fence]).await;
        server.ask(&["RPUSH", &fence, "rubbish"]).await;
    }
    assert!(matches!(replays.insert(id("a"), expiry).await, Err(ReplayStoreError::Unavailable(_))));
}

#[tokio::test]
async fn empty_memory_begins_with_the_first_identifier_for_all_shards_at_once() {
    let (server, clock) = (RedisServer::start().await, start());
    let redis = Redis::builder(server.url()).clock(Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    let replays = redis.replays(ReplaySettings::new());
    assert!(matches!(
        replays.insert(id("a"), clock.after(Duration::from_secs(65))).await,
        Err(ReplayStoreError::Forgotten)
    ));
    until(|| async { (server.ask(&["DBSIZE"]).await == "64").then_some(()) }).await;
    clock.advance(Duration::from_secs(15));
    assert!(matches!(
        replays.insert(id("b"), clock.after(Duration::from_secs(65))).await,
        Err(ReplayStoreError::Forgotten)
    ));
    clock.advance(Duration::from_secs(1));
    assert_eq!(replays.insert(id("b"), clock.after(Duration::from_secs(65))).await.unwrap(), Novelty::New);
}

#[tokio::test]
async fn empty_memory_is_believed_only_where_that_was_asked_for() {
    let (server, clock) = (RedisServer::start().await, start());
    let redis = Redis::builder(server.url()).clock(Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    let replays = redis.replays(ReplaySettings::new().dangerous_without_fence());
    assert_eq!(replays.insert(id("a"), clock.after(Duration::from_secs(1))).await.unwrap(), Novelty::New);
    assert_eq!(replays.insert(id("a"), clock.after(Duration::from_secs(1))).await.unwrap(), Novelty::Seen);
}

#[tokio::test]
async fn paused_server_accepts_nothing_and_keeps_nobody() {
    let (server, clock) = (RedisServer::start().await, start());
    let (_redis, replays) = begun(&server, &clock).await;
    server.pause().await;
    let (answer, took) =
        crate::rig::timed(replays.insert(id("a"), clock.after(Duration::from_secs(65)))).await;
    assert!(matches!(answer, Err(ReplayStoreError::Unavailable(_))));
    assert!(took < Duration::from_millis(500), "{took:?}");
    server.resume().await;
    let answer =
        until(|| async { replays.insert(id("a"), clock.after(Duration::from_secs(65))).await.ok() }).await;
    assert_eq!(answer, Novelty::Seen, "it was carried out after its caller was refused");
}

#[tokio::test]
async fn login_with_the_rights_of_the_guide_and_no_more_is_enough() {
    const RIGHTS: &str = "~kest.* +ping +info +set +get +getrange +del +exists +eval +evalsha";
    for more in ["", " +config|get +cluster|slots"] {
        let server =
            RedisServer::settings().user("orders", "secret", &format!("{RIGHTS}{more}")).start().await;
        let clock = start();
        let (redis, replays) = begun(&server, &clock).await;
        assert_eq!(
            replays.insert(id("a"), clock.after(Duration::from_secs(65))).await.unwrap(),
            Novelty::New
        );
        let (claims, it) = (redis.passports(), claim());
        claims.put(&it, passport(), MINUTE).await.unwrap();
        assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
        assert!(claims.remove(&it).await.unwrap());
    }
}
