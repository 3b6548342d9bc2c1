//! A proof is good for one request, and for none where it cannot be told whether it was used.

use std::sync::Arc;
use std::time::Duration;

use kest_core::replay::InMemoryReplays;
use kest_core::{Limits, ReplayStore};
use kest_redis::{Redis, RedisReplays, ReplaySettings};
use kest_servers::redis::{Memory, RedisServer};
use kest_testkit::{FailingReplays, ReplayFault, TestClock};
use kest_tests::service::Setup;
use serde_json::json;
use tokio::task::JoinSet;

use super::api::{Api, BAD_PROOF, USE_NONCE, call, settings};
use super::holder::Holder;

#[tokio::test]
async fn replayed_proof_is_refused_and_nothing_runs_twice() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    let request = call(&token, &owner.proof(&token));
    api.service.admitted(&request).await;
    for seconds in [0, 30, 30] {
        api.clock.advance(Duration::from_secs(seconds));
        api.refused(&request, BAD_PROOF).await;
    }
    // The same identifier in other words is the same proof.
    let again = owner.proof_with(&token, &json!({"iat": super::holder::NOW + 60, "more": "words"}));
    api.refused(&call(&token, &again), BAD_PROOF).await;
    assert_eq!((api.service.runs(), api.service.signatures()), (1, 1));
}

#[tokio::test]
async fn of_32_who_send_one_stolen_proof_at_once_one_is_admitted() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    let request = call(&token, &owner.proof(&token));
    let mut sent = JoinSet::new();
    for _ in 0..32 {
        let (request, address) = (request.clone(), api.service.address);
        sent.spawn(async move { request.send(address).await.status });
    }
    let mut answers = sent.join_all().await;
    answers.sort_unstable();
    let (first, refused) = answers.split_first().unwrap();
    assert_eq!((*first, refused), (200, [401; 31].as_slice()));
    assert_eq!((api.service.runs(), api.service.signatures()), (1, 1));
}

#[tokio::test]
async fn proof_that_one_replica_took_is_refused_by_another_with_the_same_store() {
    let clock = Arc::new(TestClock::default());
    let store: Arc<dyn ReplayStore> = Arc::new(InMemoryReplays::with_clock(&Limits::default(), clock));
    let of = || Api::with(settings().origins(["https://test"]).replays(Arc::clone(&store)), Setup::default());
    let (one, other, owner) = (of().await, of().await, Holder::new(1));
    let token = one.token_for(&owner);
    one.service.admitted(&call(&token, &owner.proof(&token))).await;
    // Each replica has an issuer of its own here, so the other one is sent the same identifier with a token that it
    // believes.
    let token = other.token_for(&owner);
    other.refused(&call(&token, &owner.proof(&token)), BAD_PROOF).await;
    other.service.admitted(&call(&token, &owner.proof_with(&token, &json!({"jti": "proof-2"})))).await;
}

#[tokio::test]
async fn replayed_proof_is_refused_by_every_replica_also_after_redis_was_killed_and_lost_its_memory() {
    let mut server = RedisServer::start().await;
    let clock = Arc::new(TestClock::default());
    let (first, one) = replica(&server, &clock).await;
    let (second, other) = replica(&server, &clock).await;
    let wait = |time| [&clock, &one.clock, &other.clock].into_iter().for_each(|clock| clock.advance(time));
    let owner = Holder::new(1);
    let proved = |api: &Api, id: &str, since: Duration| {
        let token = api.token_for(&owner);
        let made = json!({"jti": id, "iat": super::holder::NOW + since.as_secs()});
        call(&token, &owner.proof_with(&token, &made))
    };
    wait(FENCE);
    one.service.admitted(&proved(&one, "proof-1", FENCE)).await;
    other.refused(&proved(&other, "proof-1", FENCE), BAD_PROOF).await;

    server.restart(Memory::Lost).await;
    first.0.ready().await;
    second.0.ready().await;
    for api in [&one, &other] {
        api.refused(&proved(api, "proof-1", FENCE), BAD_PROOF).await;
    }
    // All of the memory is told that it began anew, before time goes on.
    first.1.begin().await.unwrap();
    wait(FENCE);
    one.refused(&proved(&one, "proof-1", FENCE), BAD_PROOF).await;
    other.service.admitted(&proved(&other, "proof-2", 2 * FENCE)).await;
    one.refused(&proved(&one, "proof-2", 2 * FENCE), BAD_PROOF).await;
    assert_eq!((one.service.signatures(), other.service.signatures()), (1, 1));
}

/// After so long, proofs that are made now are accepted by a memory that has just begun.
const FENCE: Duration = Duration::from_secs(16);

/// A service that shares used proofs with others through `server`.
async fn replica(server: &RedisServer, clock: &Arc<TestClock>) -> ((Redis, RedisReplays), Api) {
    let builder = Redis::builder(server.url()).clock(Arc::<TestClock>::clone(clock));
    let redis = builder.connect().await.unwrap();
    let replays = redis.replays(ReplaySettings::new());
    replays.begin().await.unwrap();
    let settings = settings().origins(["https://test"]).replays(Arc::new(replays.clone()));
    ((redis, replays), Api::with(settings, Setup::default()).await)
}

#[tokio::test]
async fn while_the_replay_store_is_down_nobody_is_admitted() {
    for fault in [ReplayFault::Away, ReplayFault::Full, ReplayFault::TooLong, ReplayFault::Slow] {
        let (api, owner) = (with(fault).await, Holder::new(1));
        let token = api.token_for(&owner);
        let response = api.service.refused(&call(&token, &owner.proof(&token)), &[503]).await;
        assert_eq!(response.header("www-authenticate"), None, "{fault:?}: another proof would not help");
        // A proof that does not hold is the caller's fault all the same.
        api.refused(&call(&token, &Holder::new(2).proof(&token)), BAD_PROOF).await;
    }
}

#[tokio::test]
async fn proof_from_before_the_store_lost_its_memory_is_refused_as_a_stale_one() {
    let (api, owner) = (with(ReplayFault::Forgotten).await, Holder::new(1));
    let token = api.token_for(&owner);
    let response = api.refused(&call(&token, &owner.proof(&token)), BAD_PROOF).await;
    assert_eq!(response.header("dpop-nonce"), None);
}

#[tokio::test]
async fn proof_from_before_the_store_lost_its_memory_is_asked_for_again_where_nonces_are_in_use() {
    let faulty = Arc::new(FailingReplays::new(ReplayFault::Forgotten));
    let settings = settings().require_nonce().replays(Arc::<FailingReplays>::clone(&faulty));
    let (api, owner) = (Api::with(settings, Setup::default()).await, Holder::new(1));
    let token = api.token_for(&owner);
    let first = api.refused(&call(&token, &owner.proof(&token)), USE_NONCE).await;
    let with =
        |nonce: &str, id: &str| call(&token, &owner.proof_with(&token, &json!({"nonce": nonce, "jti": id})));
    let nonce = first.header("dpop-nonce").unwrap();
    let forgotten = api.refused(&with(nonce, "proof-2"), USE_NONCE).await;
    faulty.fail_with(ReplayFault::Losing);
    api.service.admitted(&with(forgotten.header("dpop-nonce").unwrap(), "proof-3")).await;
    assert_eq!(api.service.signatures(), 1);
}

/// A service with a store like that, which does not wait for long.
async fn with(fault: ReplayFault) -> Api {
    let mut limits = Limits::default();
    limits.arrival_wait = Duration::from_millis(500);
    let settings = settings().replays(Arc::new(FailingReplays::new(fault)));
    Api::with(settings, Setup { limits, ..Setup::default() }).await
}
