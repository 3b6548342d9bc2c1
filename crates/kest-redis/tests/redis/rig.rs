//! What the tests have in common: a clock by hand, names of claims and identifiers, and patience with an end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kest_baggage::{ClaimCheck, PassportStoreError};
use kest_core::OsRandom;
use kest_core::replay::ReplayId;
use kest_redis::{CommandError, Redis, RedisBuilder, RedisReplays, ReplaySettings};
use kest_servers::redis::RedisServer;
use kest_testkit::TestClock;

/// A clock that stands still until it is moved.
pub(crate) fn start() -> Arc<TestClock> {
    Arc::new(TestClock::at(1_790_000_000))
}

pub(crate) async fn connected(server: &RedisServer) -> Redis {
    Redis::builder(server.url()).connect().await.unwrap()
}

/// Settings that wait for a busy machine: for tests in which nothing is to be late.
pub(crate) fn patient(address: impl Into<String>) -> RedisBuilder {
    let wait = Duration::from_secs(20);
    Redis::builder(address).connect_timeout(wait).command_timeout(wait)
}

/// A memory that has begun, and whose beginning is long enough ago for identifiers that are made now.
pub(crate) async fn begun(server: &RedisServer, clock: &Arc<TestClock>) -> (Redis, RedisReplays) {
    let redis = Redis::builder(server.url()).clock(Arc::<TestClock>::clone(clock)).connect().await.unwrap();
    let replays = redis.replays(ReplaySettings::new());
    replays.begin().await.unwrap();
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    (redis, replays)
}

/// After so many seconds, an identifier that lives 65 s is after the fence.
pub(crate) const PAST_THE_FENCE: u64 = 16;

pub(crate) fn claim() -> ClaimCheck {
    ClaimCheck::generate(&OsRandom).unwrap()
}

pub(crate) fn id(name: &str) -> ReplayId {
    ReplayId::of([b"test".as_slice(), name.as_bytes()])
}

pub(crate) fn passport() -> Bytes {
    Bytes::from_static(b"[\"entry\"]")
}

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Why the server did not do what a passport store was asked for.
#[track_caller]
pub(crate) fn cause(error: &PassportStoreError) -> &CommandError {
    let source = std::error::Error::source(error).unwrap_or_else(|| panic!("{error} has no cause"));
    source.downcast_ref().unwrap_or_else(|| panic!("{source} is no error of a command"))
}

/// What `asking` gives, and how long it took.
pub(crate) async fn timed<Answer>(asking: impl Future<Output = Answer>) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = asking.await;
    (answer, began.elapsed())
}

/// Asks until the answer is `Some`, for half a minute at most. Every question waits for an answer from outside, so that
/// this is no loop without an end to its hurry.
pub(crate) async fn until<Answer, Asking>(mut ask: impl FnMut() -> Asking) -> Answer
where
    Asking: Future<Output = Option<Answer>>,
{
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap()
}

/// Until the server answers again.
pub(crate) async fn back(redis: &Redis) {
    let claims = redis.passports();
    let (known, claims) = (claim(), &claims);
    until(|| async move {
        redis.ready().await;
        kest_baggage::PassportStore::get(claims, &known).await.ok()
    })
    .await;
}
