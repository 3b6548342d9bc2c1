//! Every way in which a real store fails, through the real layers and the real client: what the caller is told, and when.

use std::time::Duration;

use kest_baggage::{PassportStores, Tiers, run_admitted};
use kest_redis::Redis;
use kest_reqwest::{CarryError, CarryPassport, Destination, WithoutLineage};
use kest_servers::redis::{Memory, RedisServer};
use kest_tests::keys;
use kest_tests::service::{Service, Setup};
use kest_tests::stores::sealing;
use reqwest_middleware::ClientWithMiddleware;

use super::{packed, with};
use crate::outbound::Recorder;

/// What came of a request that needs the store.
#[derive(Debug, PartialEq, Eq)]
enum Outbound {
    Sent,
    NotSent { may_retry: bool },
}

/// A service that redeems claims, a client that writes them, and a header whose claim lay there before anything failed.
struct Shop {
    server: RedisServer,
    redis: Redis,
    service: Service,
    next: Recorder,
    client: ClientWithMiddleware,
    line: String,
    key: String,
}

impl Shop {
    async fn open() -> Self {
        let server = RedisServer::start().await;
        let redis = Redis::builder(server.url()).connect().await.unwrap();
        let claims =
            PassportStores::sealed(std::sync::Arc::new(redis.passports()), sealing("2026-01", "shop"));
        let next = Recorder::start().await;
        let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
            .without_lineage(WithoutLineage::Refuse)
            .tiers(Tiers::auto().store(claims.clone()))
            .client(reqwest::Client::builder())
            .unwrap();
        let (line, claim) = packed(&keys::chain(3).await, &claims).await;
        let service = super::service(&claims).await;
        Self { server, redis, service, next, client, line, key: claim.store_key() }
    }

    /// Inbound within its time: this status, and neither handler nor signature where it is a refusal.
    async fn check_inbound(&self, status: u16) {
        let request = with(&self.line);
        let answer = async {
            if status == 200 {
                assert_eq!(self.service.admitted(&request).await["entries"], 4);
            } else {
                self.service.refused(&request, &[status]).await;
            }
        };
        tokio::time::timeout(STORE_WAIT + SLACK, answer).await.unwrap();
    }

    /// Outbound within its time; what was not sent left nothing on the wire, and what was sent has its claim.
    async fn check_outbound(&self, expected: Outbound) {
        let before = self.next.requests().len();
        let url = self.next.url("/");
        let lineage = keys::chain(60).await;
        let sending = run_admitted(lineage, async |_| self.client.get(url).send().await);
        let outbound = match tokio::time::timeout(STORE_WAIT + SLACK, sending).await.unwrap() {
            Ok(_response) => Outbound::Sent,
            Err(reqwest_middleware::Error::Middleware(cause)) => {
                Outbound::NotSent { may_retry: cause.downcast_ref::<CarryError>().unwrap().may_retry() }
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(outbound, expected);
        let sent = self.next.requests().split_off(before);
        assert_eq!(sent.len(), usize::from(expected == Outbound::Sent));
        for headers in sent {
            let line = headers["baggage"].to_str().unwrap();
            assert!(line.starts_with("kest.claim_check=") && line.len() < 400, "{line}");
        }
    }

    async fn check(&self, status: u16, outbound: Outbound) {
        self.check_inbound(status).await;
        self.check_outbound(outbound).await;
    }

    /// What fits into the header is not told of any of it.
    async fn check_inline(&self) {
        let setup = Setup { store: Some(std::sync::Arc::new(self.redis.passports())), ..Setup::default() };
        let service = setup.start().await;
        let entries: Vec<String> =
            keys::chain(2).await.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
        let line = kest_tests::forge::inline(&entries, &kest_tests::forge::tip(&entries));
        assert_eq!(service.admitted(&with(&line)).await["entries"], 3);
    }
}

const RETRY: Outbound = Outbound::NotSent { may_retry: true };
const NO_RETRY: Outbound = Outbound::NotSent { may_retry: false };

/// `Limits::passport_store_wait`, and what may come on top of it.
const STORE_WAIT: Duration = Duration::from_millis(500);
const SLACK: Duration = Duration::from_millis(100);

#[tokio::test]
async fn store_that_works_carries_both_ways() {
    Shop::open().await.check(200, Outbound::Sent).await;
}

#[tokio::test]
async fn store_that_is_down_answers_503_and_sends_nothing() {
    let mut shop = Shop::open().await;
    shop.server.kill().await;
    shop.check(503, RETRY).await;
    shop.check_inline().await;
}

#[tokio::test]
async fn store_that_stands_still_answers_503_in_time_and_sends_nothing() {
    let shop = Shop::open().await;
    shop.server.pause().await;
    for _ in 0..3 {
        shop.check(503, RETRY).await;
    }
    shop.check_inline().await;
    shop.server.resume().await;
    shop.redis.ready().await;
    shop.check(200, Outbound::Sent).await;
}

#[tokio::test]
async fn claim_that_was_lost_in_a_restart_answers_401_and_new_ones_are_kept() {
    let mut shop = Shop::open().await;
    shop.server.restart(Memory::Lost).await;
    shop.redis.ready().await;
    shop.check(401, Outbound::Sent).await;
}

#[tokio::test]
async fn store_that_became_read_only_answers_503_and_sends_nothing() {
    let shop = Shop::open().await;
    shop.server.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    // The first command that it refuses tells; what it may have kept from before is not relied upon after that.
    shop.check_outbound(RETRY).await;
    shop.check(503, RETRY).await;
    shop.server.ask(&["REPLICAOF", "NO", "ONE"]).await;
    shop.redis.ready().await;
    shop.check(200, Outbound::Sent).await;
}

#[tokio::test]
async fn store_that_is_full_still_gives_and_sends_nothing_that_it_could_not_keep() {
    let shop = Shop::open().await;
    assert_eq!(shop.server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await, "OK");
    shop.check(200, NO_RETRY).await;
    assert_eq!(shop.server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await, "OK");
    shop.check(200, Outbound::Sent).await;
}

#[tokio::test]
async fn store_that_holds_rubbish_answers_401() {
    let shop = Shop::open().await;
    for rubbish in ["{}", "not.a.sealed.passport.value", "[]"] {
        assert_eq!(shop.server.ask(&["SET", &shop.key, rubbish]).await, "OK");
        shop.check(401, Outbound::Sent).await;
    }
}

#[tokio::test]
async fn store_whose_primary_failed_over_answers_503_and_then_what_was_replicated() {
    let mut shop = Shop::open().await;
    let port = shop.server.port();
    let mut replica = RedisServer::start().await;
    replica.ask(&["REPLICAOF", "127.0.0.1", &port.to_string()]).await;
    // Answered when the replica has everything.
    while shop.server.ask(&["WAIT", "1", "10000"]).await != "1" {}
    let has = replica.ask(&["EXISTS", &shop.key]).await;
    assert_eq!(has, "1");
    shop.server.kill().await;
    shop.check(503, RETRY).await;
    replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    let promoted = Redis::builder(replica.url()).connect().await.unwrap();
    let claims =
        PassportStores::sealed(std::sync::Arc::new(promoted.passports()), sealing("2026-01", "shop"));
    shop.service = super::service(&claims).await;
    shop.check_inbound(200).await;
    replica.kill().await;
}
