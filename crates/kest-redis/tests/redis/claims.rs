//! Passports on a server that is well: kept for their time, never replaced, ended once, read within a bound.

use std::time::Duration;

use bytes::Bytes;
use kest_baggage::PassportStore;
use kest_redis::{CommandError, Redis};
use kest_servers::redis::RedisServer;

use crate::rig::{MINUTE, back, cause, claim, connected, passport, until};

#[tokio::test]
async fn claim_is_redeemed_by_another_replica_until_its_time_is_over() {
    let server = RedisServer::start().await;
    let (writer, reader) = (connected(&server).await.passports(), connected(&server).await.passports());
    let (long, short) = (claim(), claim());
    writer.put(&long, passport(), 5 * MINUTE).await.unwrap();
    writer.put(&short, passport(), Duration::from_millis(30)).await.unwrap();
    assert_eq!(reader.get(&long).await.unwrap(), Some(passport()));
    let left: u64 = server.ask(&["PTTL", &long.store_key()]).await.parse().unwrap();
    assert!((290_000..=300_000).contains(&left), "{left}");
    until(|| async { reader.get(&short).await.unwrap().is_none().then_some(()) }).await;
    assert_eq!(reader.get(&long).await.unwrap(), Some(passport()));
    assert_eq!(reader.get(&claim()).await.unwrap(), None);
}

#[tokio::test]
async fn live_claim_is_never_replaced() {
    let server = RedisServer::start().await;
    let claims = connected(&server).await.passports();
    let it = claim();
    claims.put(&it, passport(), MINUTE).await.unwrap();
    let error = claims.put(&it, Bytes::from_static(b"other"), MINUTE).await.unwrap_err();
    assert!(matches!(cause(&error), CommandError::Taken));
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
}

#[tokio::test]
async fn of_many_who_end_one_claim_one_is_told_that_it_did() {
    let server = RedisServer::start().await;
    let claims = connected(&server).await.passports();
    let it = claim();
    claims.put(&it, passport(), MINUTE).await.unwrap();
    let mut enders = tokio::task::JoinSet::new();
    for _each in 0..32 {
        let claims = claims.clone();
        enders.spawn(async move { claims.remove(&it).await.unwrap() });
    }
    assert_eq!(enders.join_all().await.into_iter().filter(|ended| *ended).count(), 1);
    assert_eq!(claims.get(&it).await.unwrap(), None);
}

#[tokio::test]
async fn full_server_refuses_as_full_and_keeps_what_it_has() {
    let server = RedisServer::settings().option("maxmemory", "8mb").start().await;
    let claims = connected(&server).await.passports();
    let it = claim();
    claims.put(&it, passport(), MINUTE).await.unwrap();
    let large = Bytes::from(vec![b'x'; 1024 * 1024]);
    let mut kept = 0;
    let error = loop {
        match claims.put(&claim(), large.clone(), MINUTE).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 10, "more than fits");
    };
    assert!(!error.may_retry());
    assert_eq!(error.to_string(), "passport store is full");
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
}

#[tokio::test]
async fn value_over_the_bound_is_neither_written_nor_read() {
    let server = RedisServer::start().await;
    let redis = Redis::builder(server.url()).value_bytes(1000).connect().await.unwrap();
    let claims = redis.passports();
    let (fits, over) = (claim(), claim());
    claims.put(&fits, Bytes::from(vec![b'x'; 1000]), MINUTE).await.unwrap();
    assert_eq!(claims.get(&fits).await.unwrap().map(|value| value.len()), Some(1000));
    let error = claims.put(&over, Bytes::from(vec![b'x'; 1001]), MINUTE).await.unwrap_err();
    assert!(!error.may_retry());
    assert_eq!(server.ask(&["EXISTS", &over.store_key()]).await, "0");
    server.ask(&["SETRANGE", &over.store_key(), "20000000", "x"]).await;
    let before: u64 = sent(&server).await;
    let error = claims.get(&over).await.unwrap_err();
    assert!(matches!(cause(&error), CommandError::TooLarge(1000)));
    assert!(!error.may_retry());
    assert!(sent(&server).await - before < 100_000, "the value left the server");
}

/// Bytes that the server has sent.
async fn sent(server: &RedisServer) -> u64 {
    let said = server.ask(&["INFO", "stats"]).await;
    let line = said.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn something_else_under_the_name_of_a_claim_is_no_claim() {
    let server = RedisServer::start().await;
    let claims = connected(&server).await.passports();
    let (list, rubbish, empty) = (claim(), claim(), claim());
    server.ask(&["RPUSH", &list.store_key(), "entry"]).await;
    server.ask(&["SET", &rubbish.store_key(), "\u{1}\u{2}rubbish"]).await;
    server.ask(&["SET", &empty.store_key(), ""]).await;
    let error = claims.get(&list).await.unwrap_err();
    assert!(matches!(cause(&error), CommandError::Refused(code) if code == "WRONGTYPE"));
    assert!(!error.may_retry());
    let error = claims.put(&list, passport(), MINUTE).await.unwrap_err();
    assert!(matches!(cause(&error), CommandError::Taken));
    assert_eq!(claims.get(&rubbish).await.unwrap(), Some(Bytes::from_static(b"\x01\x02rubbish")));
    assert_eq!(claims.get(&empty).await.unwrap(), None);
}

#[tokio::test]
async fn ten_thousand_claims_at_once_each_get_their_own_passport_back() {
    let server = RedisServer::start().await;
    let redis =
        Redis::builder(server.url()).waiting(10_000).queue_timeout(10 * MINUTE).connect().await.unwrap();
    back(&redis).await;
    let mut callers = tokio::task::JoinSet::new();
    for each in 0..10_000 {
        let claims = redis.passports();
        callers.spawn(async move {
            let (it, own) = (claim(), Bytes::from(format!("passport {each}")));
            claims.put(&it, own.clone(), MINUTE).await.unwrap();
            claims.get(&it).await.unwrap() == Some(own)
        });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.into_iter().filter(|right| *right).count(), 10_000);
    assert_eq!((redis.health().in_flight(), redis.health().waiting()), (0, 0));
}
