//! The least that a login needs, for each shape of address, and how it is told when it has less.

use kest_baggage::PassportStore;
use kest_core::replay::Novelty;
use kest_core::{ReplayStore, Share};
use kest_redis::{ConnectError, Redis, ReplaySettings};
use kest_servers::redis::RedisServer;
use kest_testkit::TestClock;
use std::time::Duration;

use crate::rig::{MINUTE, PAST_THE_FENCE, claim, id, passport, patient, start};

const GUIDE: &str = include_str!("../../../../docs/guides/redis.md");

/// The rights of the guide's login, and what it says that this shape of address needs besides.
pub(crate) fn rights(shape: &str) -> String {
    let (_, least) = GUIDE.split_once("user orders on >secret ").unwrap();
    let (least, _) = least.split_once("```").unwrap();
    let row = GUIDE.lines().find(|line| line.starts_with("| ") && line.contains(shape)).unwrap();
    let more =
        row.split('`').filter(|word| word.starts_with('+')).collect::<Vec<_>>().join(" ").replace("\\|", "|");
    format!("{} {more}", least.split_whitespace().collect::<Vec<_>>().join(" "))
}

const NOT_ALLOWED: &str = "server refused the command: NOPERM";

/// Does all that both stores ever do.
async fn use_all(redis: &Redis, clock: &TestClock) {
    let (claims, replays) = (redis.passports(), redis.replays(ReplaySettings::new()));
    let alice = Share::of_user("https://id", "alice");
    let (it, other) = (claim(), claim());
    claims.put(&it, passport(), MINUTE).await.unwrap();
    claims.put_for(alice, &other, passport(), MINUTE).await.unwrap();
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
    assert!(claims.remove(&it).await.unwrap());
    replays.begin().await.unwrap();
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    for name in ["a", "b"] {
        let expiry = clock.after(Duration::from_secs(65));
        assert_eq!(replays.insert_for(alice, id(name), expiry).await.unwrap(), Novelty::New);
        assert_eq!(replays.insert_for(alice, id(name), expiry).await.unwrap(), Novelty::Seen);
    }
}

#[tokio::test]
async fn documented_login_is_enough_for_an_address_without_a_database() {
    let server =
        RedisServer::settings().user("orders", "secret", &rights("a password or none")).start().await;
    let clock = start();
    let redis =
        patient(server.url()).clock(std::sync::Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    use_all(&redis, &clock).await;
}

#[tokio::test]
async fn database_takes_select_and_a_login_without_it_is_told_so() {
    let with = RedisServer::settings().user("orders", "secret", &rights("with a database")).start().await;
    let clock = start();
    let address = format!("{}/3", with.url().trim_end_matches('/'));
    let redis = patient(address).clock(std::sync::Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    use_all(&redis, &clock).await;
    assert_eq!(with.ask(&["DBSIZE"]).await, "0", "nothing lies in database 0");

    let without =
        RedisServer::settings().user("orders", "secret", &rights("a password or none")).start().await;
    let address = format!("{}/3", without.url().trim_end_matches('/'));
    let error = patient(address).connect().await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused(code) if code == "NOPERM"), "{error:?}");
}

#[tokio::test]
async fn command_that_a_login_may_not_send_keeps_the_code_of_its_refusal() {
    let rules = rights("a password or none").replace("+getrange ", "").replace("+info ", "");
    let server = RedisServer::settings().user("orders", "secret", &rules).start().await;
    let redis = patient(server.url()).connect().await.unwrap();
    let error = redis.passports().get(&claim()).await.unwrap_err();
    assert_eq!(crate::rig::cause(&error).to_string(), NOT_ALLOWED);
    // Within a script too, where the server says it in other words.
    let alice = Share::of_user("https://id", "alice");
    let error = redis.passports().put_for(alice, &claim(), passport(), MINUTE).await.unwrap_err();
    assert_eq!(crate::rig::cause(&error).to_string(), NOT_ALLOWED);
    let error = redis.replays(ReplaySettings::new()).begin().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), NOT_ALLOWED);
}

#[cfg(feature = "cluster")]
#[tokio::test]
async fn documented_login_is_enough_for_a_cluster() {
    let settings = RedisServer::settings().user("orders", "secret", &rights("several, of a cluster"));
    let cluster = kest_servers::redis::RedisCluster::start(3, settings).await;
    let clock = start();
    let urls = cluster.urls();
    let builder = patient(&urls[0]).node(&urls[1]).node(&urls[2]);
    let redis = builder.clock(std::sync::Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    use_all(&redis, &clock).await;
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn documented_login_is_enough_over_tls() {
    let server =
        RedisServer::settings().tls().user("orders", "secret", &rights("a password or none")).start().await;
    let clock = start();
    let builder = patient(server.url()).root_certificate(server.authority());
    let redis = builder.clock(std::sync::Arc::<TestClock>::clone(&clock)).connect().await.unwrap();
    use_all(&redis, &clock).await;
}
