//! A million identifiers, brought by 64 writers over two replicas, and a kill in the middle: none is accepted twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use kest_core::ReplayStore;
use kest_core::replay::{Novelty, ReplayId, ReplayStoreError};
use kest_redis::{Redis, RedisReplays, ReplaySettings};
use kest_servers::redis::{Memory, RedisServer};
use kest_testkit::TestClock;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::rig::{MINUTE, PAST_THE_FENCE, start};

const WRITERS: usize = 64;

/// How often each identifier was accepted, and how many answers there were of each kind.
#[derive(Debug)]
struct Tally {
    accepted: Vec<AtomicU8>,
    seen: AtomicUsize,
    forgotten: AtomicUsize,
    unavailable: AtomicUsize,
    asked: AtomicUsize,
    half: Notify,
}

impl Tally {
    fn of(identifiers: usize) -> Arc<Self> {
        let accepted = (0..identifiers).map(|_each| AtomicU8::new(0)).collect();
        let (seen, forgotten) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (unavailable, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { accepted, seen, forgotten, unavailable, asked, half: Notify::new() })
    }

    fn accepted(&self, times: u8) -> usize {
        self.accepted.iter().filter(|each| each.load(Ordering::Relaxed) == times).count()
    }

    fn count(&self, each: usize, answer: &Result<Novelty, ReplayStoreError>) {
        match answer {
            Ok(Novelty::New) => {
                self.accepted[each].fetch_add(1, Ordering::Relaxed);
            }
            Ok(Novelty::Seen) => _ = self.seen.fetch_add(1, Ordering::Relaxed),
            Err(ReplayStoreError::Forgotten) => _ = self.forgotten.fetch_add(1, Ordering::Relaxed),
            Err(ReplayStoreError::Unavailable(_)) => {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
            }
            Err(other) => panic!("{other:?}"),
        }
        // Twice as many as identifiers are asked for in all.
        if self.asked.fetch_add(1, Ordering::Relaxed) == self.accepted.len() {
            self.half.notify_one();
        }
    }
}

fn identifier(each: usize) -> ReplayId {
    ReplayId::of([b"nonce".as_slice(), &each.to_be_bytes()])
}

/// Two replicas of 32 writers each, in pairs: both of a pair bring the same identifiers at the same time, each at its
/// replica. What was not answered is brought again.
fn write(replicas: &[(Redis, RedisReplays)], tally: &Arc<Tally>, expires_at: SystemTime) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (redis, replays) = replicas[writer % 2].clone();
        let tally = Arc::clone(tally);
        writers.spawn(async move {
            let own: Vec<usize> = (writer / 2..tally.accepted.len()).step_by(WRITERS / 2).collect();
            for chunk in own.chunks(AT_ONCE) {
                let mut left: Vec<usize> = chunk.to_vec();
                if writer % 2 == 1 {
                    left.reverse();
                }
                while !left.is_empty() {
                    left = bring(&replays, &tally, left, expires_at).await;
                    if !left.is_empty() {
                        redis.ready().await;
                        tokio::task::yield_now().await;
                    }
                }
            }
        });
    }
    writers
}

/// Brings `some` at the same time, and gives those that were not answered.
async fn bring(
    replays: &RedisReplays,
    tally: &Tally,
    some: Vec<usize>,
    expires_at: SystemTime,
) -> Vec<usize> {
    let mut asking: Vec<_> = some.iter().map(|each| replays.insert(identifier(*each), expires_at)).collect();
    let mut unanswered = Vec::new();
    let mut answers: Vec<Option<_>> = asking.iter().map(|_each| None).collect();
    std::future::poll_fn(|context| {
        for (asking, answer) in asking.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let std::task::Poll::Ready(given) = asking.as_mut().poll(context)
            {
                *answer = Some(given);
            }
        }
        match answers.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    for (each, answer) in some.into_iter().zip(answers.into_iter().flatten()) {
        tally.count(each, &answer);
        if matches!(answer, Err(ReplayStoreError::Unavailable(_))) {
            unanswered.push(each);
        }
    }
    unanswered
}

const AT_ONCE: usize = 4;

/// Two that have all the time they need: what is answered too late was accepted, unknown to all.
async fn replicas(server: &RedisServer, clock: &Arc<TestClock>) -> [(Redis, RedisReplays); 2] {
    let mut replicas = Vec::new();
    for _each in 0..2 {
        let patient = Redis::builder(server.url()).command_timeout(MINUTE).queue_timeout(MINUTE);
        let redis = patient.clock(Arc::<TestClock>::clone(clock)).connect().await.unwrap();
        let replays = redis.replays(ReplaySettings::new());
        replays.begin().await.unwrap();
        replicas.push((redis, replays));
    }
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    replicas.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_million_identifiers_brought_twice_each_is_accepted_once() {
    const IDENTIFIERS: usize = 1_000_000;
    let (server, clock) = (RedisServer::start().await, start());
    let replicas = replicas(&server, &clock).await;
    let tally = Tally::of(IDENTIFIERS);
    let writers = write(&replicas, &tally, clock.after(Duration::from_secs(65)));
    writers.join_all().await;
    assert_eq!(tally.accepted(1), IDENTIFIERS);
    let refused = tally.unavailable.load(Ordering::Relaxed);
    assert_eq!(tally.asked.load(Ordering::Relaxed), 2 * IDENTIFIERS + refused);
    assert_eq!(tally.seen.load(Ordering::Relaxed), IDENTIFIERS);
    assert_eq!(tally.forgotten.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_thousand_identifiers_none_is_accepted_twice_across_a_kill() {
    const IDENTIFIERS: usize = 100_000;
    let (mut server, clock) = (RedisServer::start().await, start());
    let replicas = replicas(&server, &clock).await;
    let tally = Tally::of(IDENTIFIERS);
    let before = write(&replicas, &tally, clock.after(Duration::from_secs(65)));
    tally.half.notified().await;
    server.restart(Memory::Lost).await;
    before.join_all().await;
    assert_eq!((2..=u8::MAX).map(|times| tally.accepted(times)).sum::<usize>(), 0);
    assert!(tally.accepted(1) > IDENTIFIERS / 4, "the kill came too early to show anything");
    assert!(tally.forgotten.load(Ordering::Relaxed) > IDENTIFIERS / 4, "the kill came too late");
    // All over again, for each of them: those that were accepted before stay refused, and so do the rest.
    let accepted = tally.accepted(1);
    write(&replicas, &tally, clock.after(Duration::from_secs(65))).join_all().await;
    assert_eq!(tally.accepted(1), accepted);
    // Made anew after the fence, each is accepted once.
    clock.advance(Duration::from_secs(PAST_THE_FENCE));
    let anew = Tally::of(1000);
    write(&replicas, &anew, clock.after(Duration::from_secs(65))).join_all().await;
    assert_eq!(anew.accepted(1), 1000);
}
