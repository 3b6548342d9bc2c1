//! Servers that are not taken into use, and logins that show nothing.

use kest_redis::{ConnectError, Redis};
use kest_servers::redis::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::rig::{connected, timed, until};

async fn error(server: &RedisServer) -> ConnectError {
    Redis::builder(server.url()).connect().await.unwrap_err()
}

#[tokio::test]
async fn server_that_may_evict_live_claims_is_refused_unless_that_is_accepted() {
    for policy in ["allkeys-lru", "volatile-ttl", "volatile-lru", "allkeys-random"] {
        let server = RedisServer::settings().option("maxmemory-policy", policy).start().await;
        assert!(matches!(error(&server).await, ConnectError::MayEvict(found) if found == policy));
        assert!(Redis::builder(server.url()).dangerous_allow_eviction().connect().await.is_ok());
    }
}

#[tokio::test]
async fn server_that_begins_to_evict_is_given_up_with_its_next_connection() {
    let server = RedisServer::start().await;
    let redis = connected(&server).await;
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let away = until(|| async {
        server.ask(&["PING"]).await;
        let health = redis.health();
        health.servers()[0].away().map(ToString::to_string).filter(|why| why.contains("evict"))
    })
    .await;
    assert_eq!(away, "server may evict keys that are alive, by policy allkeys-lru");
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    redis.ready().await;
    assert!(redis.health().is_ready());
}

#[tokio::test]
async fn login_without_config_is_taken_by_info_and_without_both_is_not() {
    let settings = RedisServer::settings();
    let server = settings.clone().user("orders", "secret", "~* &* +@all -config").start().await;
    assert!(Redis::builder(server.url()).connect().await.is_ok());
    server.ask(&["PING"]).await;
    let evicting = settings.clone().option("maxmemory-policy", "allkeys-lru");
    let evicting = evicting.user("orders", "secret", "~* &* +@all -config").start().await;
    assert!(matches!(error(&evicting).await, ConnectError::MayEvict(_)));
    let silent = settings.user("orders", "secret", "~* &* +@all -config -info").start().await;
    assert!(matches!(error(&silent).await, ConnectError::EvictionUnknown));
    assert!(Redis::builder(silent.url()).dangerous_allow_eviction().connect().await.is_ok());
}

#[tokio::test]
async fn wrong_password_is_refused_and_shown_nowhere() {
    let server = RedisServer::settings().password("right").start().await;
    let address = format!("redis://127.0.0.1:{}", server.port());
    assert!(matches!(Redis::builder(&address).connect().await.unwrap_err(), ConnectError::Unauthorized));
    let wrong = Redis::builder(&address).password("hunter2");
    assert!(!format!("{wrong:?}").contains("hunter2"));
    let error = wrong.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Unauthorized));
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    let redis = Redis::builder(&address).password("right").connect().await.unwrap();
    for shown in [format!("{redis:?}"), format!("{:?}", redis.passports()), format!("{:?}", redis.health())] {
        assert!(!shown.contains("right"), "{shown}");
    }
}

#[tokio::test]
async fn read_only_replica_is_refused() {
    let primary = RedisServer::start().await;
    let replica = RedisServer::start().await;
    replica.ask(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    assert!(matches!(error(&replica).await, ConnectError::ReadOnly));
    replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    assert!(Redis::builder(replica.url()).connect().await.is_ok());
}

/// A server of one connection, which answers everything with `answers` by turns.
async fn pretended(answers: &'static [&'static [u8]]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _from) = listener.accept().await.unwrap();
        for answer in answers {
            let _asked = stream.read(&mut [0_u8; 4096]).await.unwrap();
            stream.write_all(answer).await.unwrap();
        }
        let _until_it_hangs_up = stream.read(&mut [0_u8; 4096]).await;
    });
    address
}

const OLD: &[u8] = b"*6\r\n$7\r\nversion\r\n$5\r\n6.2.6\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";
const READY: &[u8] = b"*6\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";

#[tokio::test]
async fn server_whose_scripts_outlive_a_restart_is_refused() {
    let error = Redis::builder(pretended(&[OLD]).await).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::TooOld(version) if version == "6.2.6"));
}

#[tokio::test]
async fn server_that_loads_or_answers_rubbish_is_refused() {
    let loading: &[&[u8]] = &[READY, b"-LOADING Redis is loading the dataset in memory\r\n"];
    let error = Redis::builder(pretended(loading).await).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused(code) if code == "LOADING"));
    let rubbish: [&'static [&'static [u8]]; 3] = [&[b"+OK\r\n"], &[b"*0\r\n"], &[b"$-1\r\n"]];
    for answers in rubbish {
        let error = Redis::builder(pretended(answers).await).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::UnexpectedReply), "{answers:?} {error:?}");
    }
    let error = Redis::builder(pretended(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]).await).connect().await;
    assert!(matches!(error.unwrap_err(), ConnectError::Unreachable(_)));
}

#[tokio::test]
async fn server_that_takes_connections_and_says_nothing_is_given_up_in_time() {
    let server = RedisServer::start().await;
    server.pause().await;
    let builder = Redis::builder(server.url()).connect_timeout(std::time::Duration::from_millis(200));
    let (error, took) = timed(builder.connect()).await;
    assert!(matches!(error.unwrap_err(), ConnectError::TimedOut));
    assert!(took.as_millis() < 400, "{took:?}");
}

#[tokio::test]
async fn server_that_is_down_refuses_the_start_and_not_the_lazy_one() {
    let mut server = RedisServer::start().await;
    server.kill().await;
    assert!(matches!(error(&server).await, ConnectError::Unreachable(_)));
    let redis = Redis::builder(server.url()).connect_lazily().unwrap();
    assert!(!redis.health().is_ready());
    server.restart(kest_servers::redis::Memory::Kept).await;
    redis.ready().await;
    assert!(redis.health().is_ready());
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_refused_before_anybody_is_asked() {
    for address in ["cache.example", "http://cache.example", "redis://cache.example/x"] {
        assert!(matches!(Redis::builder(address).connect_lazily().unwrap_err(), ConnectError::Address(_)));
    }
    if cfg!(not(feature = "tls")) {
        let error = Redis::builder("rediss://cache.example").connect_lazily().unwrap_err();
        assert!(matches!(error, ConnectError::Feature("tls")));
    }
    if cfg!(not(feature = "cluster")) {
        let several = Redis::builder("redis://cache.example").node("redis://other.example");
        assert!(matches!(several.connect_lazily().unwrap_err(), ConnectError::Feature("cluster")));
    }
}
