//! The store: shards, one atomic step for each identifier, and the fences.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kest_core::Share;
use kest_core::replay::{Novelty, ReplayId, ReplayStore, ReplayStoreError};
use tokio::time::timeout;

use super::script::{Answer, Insert, Question, Times, Verdict};
use super::settings::{Fence, ReplaySettings};
use crate::ledger::Window;
use crate::settings::{Most, hex};
use crate::{CommandError, Redis, telemetry};

/// Identifiers that were used, shared by all replicas, under `kest.replay.{NN}.<digest>`.
///
/// Made by [`Redis::replays`]. When Redis has lost its memory, in whole or in part, identifiers that may have been in
/// it are refused ([`ReplayStoreError::Forgotten`]) until they have expired.
#[derive(Clone)]
pub struct RedisReplays(Arc<Inner>);

struct Inner {
    redis: Redis,
    settings: ReplaySettings,
    insert: Insert,
    fencing: AtomicBool,
}

impl RedisReplays {
    pub(crate) fn new(redis: Redis, settings: ReplaySettings) -> Self {
        Self(Arc::new(Inner { redis, settings, insert: Insert::new(), fencing: AtomicBool::new(false) }))
    }

    /// Lets the memory begin now where it has not begun yet, rather than with the first identifier: to be called when a
    /// service starts, so that the first callers are not the ones who find out.
    ///
    /// # Errors
    ///
    /// [`ReplayStoreError`] when the store does not answer; it begins with the first identifier then.
    pub async fn begin(&self) -> Result<(), ReplayStoreError> {
        for shard in 0..SHARDS {
            let answer = self.0.ask(shard, None, SystemTime::UNIX_EPOCH).await.map_err(refused)?;
            if answer.fenced {
                telemetry::fenced();
            }
        }
        Ok(())
    }

    /// One shard has found that the memory began anew: it did so for all of them, and now is the best time to say so.
    fn begin_elsewhere(&self) {
        telemetry::fenced();
        tracing::warn!("replay store has begun anew; identifiers from before are refused");
        if self.0.fencing.swap(true, Ordering::Relaxed) {
            return;
        }
        let replays = self.clone();
        // No request waits for it: a shard that it does not reach finds out by itself.
        tokio::spawn(async move {
            let _unreached = replays.begin().await;
            replays.0.fencing.store(false, Ordering::Relaxed);
        });
    }
}

#[async_trait]
impl ReplayStore for RedisReplays {
    async fn insert(&self, id: ReplayId, expires_at: SystemTime) -> Result<Novelty, ReplayStoreError> {
        self.bring(None, id, expires_at).await
    }

    async fn insert_for(
        &self,
        share: Share,
        id: ReplayId,
        expires_at: SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        self.bring(Some(share), id, expires_at).await
    }

    fn longest_life(&self) -> Option<Duration> {
        Some(self.0.settings.longest_life)
    }
}

impl RedisReplays {
    async fn bring(
        &self,
        share: Option<Share>,
        id: ReplayId,
        expires_at: SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        let left = expires_at.duration_since(self.0.redis.clock().now());
        let outcome = match left {
            // Cannot be told from one that was seen and has expired here.
            Err(_expired) => return Ok(counted("expired", Novelty::Seen)),
            Ok(left) if left > self.0.settings.longest_life => Err(ReplayStoreError::TooLong),
            Ok(_left) => self.decide(share, id, expires_at).await,
        };
        match &outcome {
            Ok(Novelty::New) => telemetry::replay("new"),
            Ok(Novelty::Seen) => telemetry::replay("seen"),
            Err(ReplayStoreError::Forgotten) => telemetry::replay("forgotten"),
            Err(ReplayStoreError::TooLong) => telemetry::replay("too_long"),
            Err(ReplayStoreError::Full) => telemetry::replay("full"),
            Err(ReplayStoreError::ShareFull) => telemetry::replay("share_full"),
            Err(_unavailable) => {}
        }
        outcome
    }

    async fn decide(
        &self,
        share: Option<Share>,
        id: ReplayId,
        expires_at: SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        let digest = id.as_bytes();
        let shard = digest.first().map_or(0, |first| first / PER_SHARD);
        let key = format!("{}.{}", prefix(shard), hex(digest));
        let answer = self.0.ask(shard, Some((&key, share)), expires_at).await.map_err(refused)?;
        if answer.fenced {
            self.begin_elsewhere();
        }
        match answer.verdict {
            Verdict::New => Ok(Novelty::New),
            Verdict::Seen => Ok(Novelty::Seen),
            Verdict::Forgotten => Err(ReplayStoreError::Forgotten),
            Verdict::Crowded => Err(ReplayStoreError::ShareFull),
            Verdict::Ready => Err(refused(CommandError::UnexpectedReply)),
        }
    }
}

impl Inner {
    /// One step on the server; two messages when the server does not know the script yet, within the time of one.
    async fn ask(
        &self,
        shard: u8,
        id: Option<(&str, Option<Share>)>,
        expires_at: SystemTime,
    ) -> Result<Answer, CommandError> {
        let fence = format!("{}.fence", prefix(shard));
        let times = Times {
            // Read before the command is sent: it may be carried out much later, and must not count as later.
            now: self.redis.clock().unix_millis(),
            skew: millis(self.settings.skew),
            life: (self.settings.fence == Fence::Kept).then(|| millis(self.settings.longest_life)),
            expiry: millis(expires_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
        };
        let life = self.settings.longest_life.saturating_add(self.settings.skew);
        let window = Window::at(times.now, life);
        let account = id
            .and_then(|(_id, share)| share)
            .map(|share| window.accounts(&format!("{}.share.{}", prefix(shard), hex(share.as_bytes()))));
        let question = Question {
            fence: &fence,
            id: id.map(|(id, _share)| id),
            memory: &format!("{}.memory", prefix(shard)),
            account: account.as_ref(),
            times,
            eviction: self.redis.settings().eviction,
            most: match self.settings.share_ids {
                Most::Fixed(most) => Most::Fixed(most.div_ceil(u64::from(SHARDS))),
                Most::OfRoom => Most::OfRoom,
            },
            servers: self.redis.servers(),
            window,
        };
        let asking = async {
            match self.redis.run("insert", &fence, &self.insert.by_digest(question)).await {
                // Nothing was done; this is no second attempt.
                Err(error) if error.code() == Some("NOSCRIPT") => {
                    self.redis.run("insert", &fence, &Insert::by_text(question)).await
                }
                answer => answer,
            }
        };
        let answer = timeout(self.redis.settings().call_wait(), asking).await;
        answer.unwrap_or(Err(CommandError::TimedOut)).and_then(Answer::read)
    }
}

impl fmt::Debug for RedisReplays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("RedisReplays");
        shown.field("redis", &self.0.redis).field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

fn counted(outcome: &'static str, novelty: Novelty) -> Novelty {
    telemetry::replay(outcome);
    novelty
}

fn refused(error: CommandError) -> ReplayStoreError {
    match error.code() {
        Some("OOM") => ReplayStoreError::Full,
        _ => ReplayStoreError::Unavailable(error.into()),
    }
}

/// What the keys of a shard begin with; by the braces they all lie in one slot of a cluster.
fn prefix(shard: u8) -> String {
    format!("kest.replay.{{{shard:02}}}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const SHARDS: u8 = 64;
const PER_SHARD: u8 = 4;
