//! A server that dies, stands still, loses everything, or is demoted under load: refused in time, and never confused.

use std::time::Duration;

use bytes::Bytes;
use kest_baggage::PassportStore;
use kest_redis::{CommandError, Redis};
use kest_servers::redis::{Memory, RedisServer};
use tokio::task::JoinSet;

use crate::rig::{MINUTE, back, cause, claim, connected, passport, timed, until};

#[tokio::test]
async fn killed_server_refuses_at_once_and_is_found_again_with_what_it_saved() {
    let mut server = RedisServer::start().await;
    let redis = connected(&server).await;
    let claims = redis.passports();
    let it = claim();
    claims.put(&it, passport(), 5 * MINUTE).await.unwrap();
    assert_eq!(server.ask(&["SAVE"]).await, "OK");
    server.kill().await;
    let (answer, took) = timed(claims.get(&it)).await;
    assert!(answer.unwrap_err().may_retry());
    assert!(took < Duration::from_millis(300), "{took:?}");
    // Until the loss is noticed, which no call waits for.
    until(|| async { (!redis.health().is_ready()).then_some(()) }).await;
    let (answer, took) = timed(claims.get(&it)).await;
    assert!(matches!(cause(&answer.unwrap_err()), CommandError::Away(_)));
    assert!(took < Duration::from_millis(50), "{took:?}");
    server.restart(Memory::Kept).await;
    back(&redis).await;
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
    server.restart(Memory::Lost).await;
    back(&redis).await;
    assert_eq!(claims.get(&it).await.unwrap(), None);
}

#[tokio::test]
async fn paused_server_keeps_nobody_beyond_the_deadline() {
    let server = RedisServer::start().await;
    let redis = Redis::builder(server.url()).in_flight(16).connect().await.unwrap();
    let (claims, it) = (redis.passports(), claim());
    claims.put(&it, passport(), 5 * MINUTE).await.unwrap();
    server.pause().await;
    let mut callers = JoinSet::new();
    for _each in 0..200 {
        let claims = claims.clone();
        callers.spawn(async move { timed(claims.get(&it)).await });
    }
    for (answer, took) in callers.join_all().await {
        assert!(answer.unwrap_err().may_retry());
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
    assert_eq!((redis.health().in_flight(), redis.health().waiting()), (0, 0));
    until(|| async {
        let _refused = claims.get(&it).await.unwrap_err();
        (!redis.health().is_ready()).then_some(())
    })
    .await;
    let (answer, took) = timed(claims.get(&it)).await;
    assert!(matches!(cause(&answer.unwrap_err()), CommandError::Away(_)));
    assert!(took < Duration::from_millis(50), "{took:?}");
    server.resume().await;
    back(&redis).await;
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
}

#[tokio::test]
async fn pause_that_is_shorter_than_the_patience_loses_no_connection_and_mixes_no_answers() {
    let server = RedisServer::start().await;
    let redis =
        Redis::builder(server.url()).command_timeout(Duration::from_millis(50)).connect_timeout(10 * MINUTE);
    let redis = redis.connect().await.unwrap();
    let claims = redis.passports();
    let (one, other) = (claim(), claim());
    claims.put(&one, Bytes::from_static(b"one"), 5 * MINUTE).await.unwrap();
    claims.put(&other, Bytes::from_static(b"other"), 5 * MINUTE).await.unwrap();
    server.pause().await;
    for _each in 0..20 {
        assert!(matches!(cause(&claims.get(&one).await.unwrap_err()), CommandError::TimedOut));
    }
    assert!(redis.health().is_ready());
    server.resume().await;
    // The answers to the twenty come first, and belong to no request.
    let answer = until(|| async { claims.get(&other).await.ok() }).await;
    assert_eq!(answer, Some(Bytes::from_static(b"other")));
    assert_eq!(claims.get(&one).await.unwrap(), Some(Bytes::from_static(b"one")));
    let said = server.ask(&["INFO", "stats"]).await;
    let connections = said.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    assert_eq!(connections.unwrap().trim(), "2", "one of ours, and one of this question");
}

#[tokio::test]
async fn caller_who_hangs_up_gives_the_turn_back_and_leaves_no_answer_to_others() {
    let server = RedisServer::start().await;
    let redis = Redis::builder(server.url()).in_flight(4).waiting(4).connect().await.unwrap();
    let claims = redis.passports();
    let large = Bytes::from(vec![b'x'; 1024 * 1024]);
    let (one, other) = (claim(), claim());
    claims.put(&one, large, 5 * MINUTE).await.unwrap();
    claims.put(&other, passport(), 5 * MINUTE).await.unwrap();
    for round in 0..100 {
        let mut callers = JoinSet::new();
        for _each in 0..8 {
            let claims = claims.clone();
            callers.spawn(async move { claims.get(&one).await.map(|_large| ()) });
        }
        // They hang up wherever they are: in the queue, before sending, and with an answer on its way.
        for _turn in 0..round % 16 {
            tokio::task::yield_now().await;
        }
        callers.shutdown().await;
        assert_eq!((redis.health().in_flight(), redis.health().waiting()), (0, 0));
        assert_eq!(claims.get(&other).await.unwrap(), Some(passport()), "round {round}");
    }
}

#[tokio::test]
async fn demoted_server_refuses_until_it_is_promoted_again() {
    let (server, other) = (RedisServer::start().await, RedisServer::start().await);
    let redis = connected(&server).await;
    let claims = redis.passports();
    server.ask(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).await;
    let error = claims.put(&claim(), passport(), MINUTE).await.unwrap_err();
    assert!(error.may_retry());
    assert!(matches!(cause(&error), CommandError::Refused(code) if code == "READONLY"));
    let away = until(|| async {
        server.ask(&["PING"]).await;
        redis.health().servers()[0].away().map(ToString::to_string).filter(|why| why.contains("replica"))
    })
    .await;
    assert_eq!(away, "server is a read-only replica");
    server.ask(&["REPLICAOF", "NO", "ONE"]).await;
    redis.ready().await;
    claims.put(&claim(), passport(), MINUTE).await.unwrap();
}

#[tokio::test]
async fn failed_over_server_serves_what_was_replicated() {
    let mut primary = RedisServer::start().await;
    let replica = RedisServer::start().await;
    let it = claim();
    connected(&primary).await.passports().put(&it, passport(), 5 * MINUTE).await.unwrap();
    replica.ask(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    until(|| async { (replica.ask(&["EXISTS", &it.store_key()]).await == "1").then_some(()) }).await;
    let redis = Redis::builder(replica.url()).connect_lazily().unwrap();
    primary.kill().await;
    assert!(redis.passports().get(&it).await.unwrap_err().may_retry());
    replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    redis.ready().await;
    assert_eq!(redis.passports().get(&it).await.unwrap(), Some(passport()));
}
