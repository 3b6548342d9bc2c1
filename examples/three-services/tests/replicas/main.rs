//! Two replicas of three services and one real Redis, which is paused, killed and restarted in the middle of load.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod caller;
mod fleet;
mod load;
#[path = "../rig/mod.rs"]
mod rig;
mod round_robin;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use caller::{Caller, Outcome, Told};
use fleet::Fleet;
use kest::baggage::{Audience, PassportStores, Sealing, SealingKey};
use kest::redis::Redis;
use kest::{Limits, Tiers};
use kest_servers::redis::{Memory, RedisServer};
use load::{Load, tally};
use rig::{Folder, kest};
use tokio::time::Instant;

const REQUESTS: usize = 10_000;
const WORKERS: usize = 4;

/// The longest that anybody waits for one answer of the store (`Limits::passport_store_wait`), and what may come on top.
const STORE_WAIT: Duration = Duration::from_millis(500);
const SLACK: Duration = Duration::from_millis(100);

/// Questions to the store on the way of one request: three services and the caller put or get twice at most.
const QUESTIONS: u32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_completes_or_is_refused_while_the_store_is_paused_killed_and_restarted() {
    assert_eq!(Limits::default().passport_store_wait, STORE_WAIT);
    let mut redis = RedisServer::start().await;
    let signer = caller::signer();
    let folder = Folder::new("sealing");
    let key = folder.path("claims.jwk");
    assert!(kest(&["store", "key", "--kid", "2026-01", "--out", &key]).status.success());
    let sealed = ["--claims-key", &key, "--claims-audience", "shop"];
    let fleet = Fleet::start(&redis.url(), &caller::public(&signer), &sealed).await;
    let tiers = Tiers::auto().store(claims(&redis.url(), &key).await);
    let caller = Caller::new(signer, tiers, &fleet.origin, &fleet.bundle).await;
    let (load, mut workers) = Load::start(caller, REQUESTS, WORKERS);

    load.reach(REQUESTS * 3 / 10).await;
    check_quiet(&load.told());
    let ready = load.prepare(32).await;
    redis.pause().await;
    load.offer(ready);
    let paused = Instant::now();
    load.reach(load.count() + 48).await;
    let resumed = Instant::now();
    redis.resume().await;
    Box::pin(load.recover()).await;

    load.reach(REQUESTS * 5 / 10).await;
    let (away, lost) = (load.prepare(16).await, load.prepare(16).await);
    redis.kill().await;
    load.offer(away);
    load.reach(load.count() + 200).await;
    redis.restart(Memory::Lost).await;
    Box::pin(load.recover()).await;
    load.offer(lost);

    load.reach(REQUESTS * 8 / 10).await;
    redis.kill().await;
    redis.restart(Memory::Lost).await;
    Box::pin(load.recover()).await;

    let healthy = load.count();
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    fleet.stop();
    let told = load.told();
    assert_eq!(told.len(), REQUESTS + load.tried());
    check(&told);
    check_pause(&told, paused, resumed);
    check_quiet(&told[healthy..]);
}

/// While nothing is done to the store, requests complete; a machine that stands still for longer than the store is
/// waited for may cost one in a hundred.
fn check_quiet(told: &[Told]) {
    let tally = tally(told);
    let completed = tally.get(&Outcome::Completed).copied().unwrap_or_default();
    assert!(completed * 100 >= told.len() * 99, "{tally:?}");
}

/// The caller's own way to the claims.
async fn claims(store: &str, key: &str) -> PassportStores {
    let redis = Redis::builder(store).connect().await.unwrap();
    let key = SealingKey::from_file(Path::new(key)).unwrap();
    PassportStores::sealed(Arc::new(redis.passports()), Sealing::new(key, Audience::new("shop").unwrap()))
}

/// All requests are accounted for, each with an outcome that the guide states.
fn check(told: &[Told]) {
    let tally = tally(told);
    let of = |outcome| tally.get(&outcome).copied().unwrap_or_default();
    let stated = of(Outcome::Completed)
        + of(Outcome::NotSent)
        + [401, 503].map(|status| of(Outcome::Refused(status))).iter().sum::<usize>()
        + [None, Some(401), Some(502), Some(503)]
            .map(|status| of(Outcome::RefusedLater(status)))
            .iter()
            .sum::<usize>();
    assert_eq!(stated, told.len(), "{tally:?}");
    assert!(of(Outcome::Completed) > REQUESTS * 3 / 4, "{tally:?}");
    assert!(of(Outcome::NotSent) > 0 && of(Outcome::Refused(503)) > 0, "{tally:?}");
    assert!(of(Outcome::Refused(401)) >= 8, "claims that were lost are gone, not empty: {tally:?}");
    let longest = told.iter().map(|told| told.took).max().unwrap();
    assert!(longest <= STORE_WAIT * QUESTIONS + SLACK, "{longest:?}");
}

/// A caller that asked and was answered while the store was paused waited for it once, and not longer than stated.
fn check_pause(told: &[Told], paused: Instant, resumed: Instant) {
    let inside = |told: &&Told| told.asked >= paused && told.asked + told.took <= resumed;
    let inside: Vec<Told> = told.iter().filter(inside).copied().collect();
    let tally = tally(&inside);
    assert_eq!(tally.keys().collect::<Vec<_>>(), [&Outcome::NotSent, &Outcome::Refused(503)], "{tally:?}");
    assert!(inside.len() >= 40, "{tally:?}");
    let longest = inside.iter().map(|told| told.took).max().unwrap();
    assert!(longest <= STORE_WAIT + SLACK, "{longest:?}");
}
