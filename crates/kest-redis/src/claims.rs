//! Claims on Redis: kept once, read within a bound, ended once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimId, ClaimStore, ClaimStoreError};
use kest_core::Share;
use redis::{Cmd, Script, Value, cmd};
use tokio::time::timeout;

use crate::replays::hex;
use crate::{CommandError, Redis, telemetry};

/// Claims of any replica of any service, under `kest.claim.<uuid>`.
///
/// Made by [`Redis::claims`]. A live claim is never replaced, and never evicted by a server that passed its checks.
#[derive(Clone)]
pub struct RedisClaims {
    redis: Redis,
    count: Arc<Script>,
}

impl RedisClaims {
    pub(crate) fn new(redis: Redis) -> Self {
        Self { redis, count: Arc::new(Script::new(COUNT)) }
    }

    /// Counts `bytes` on the account of `share`, for all replicas together, or refuses.
    ///
    /// Counted before they are put: what is not put after all counts until the window ends, and never the other way.
    async fn count(&self, share: Share, bytes: usize, time_to_live: Duration) -> Result<(), ClaimStoreError> {
        let window = millis(time_to_live);
        let number = self.redis.clock().unix_millis().checked_div(window).unwrap_or_default();
        let key = format!("kest.share.{}.{number}", hex(share.as_bytes()));
        let question = |mut command: Cmd, script: &str| {
            command.arg(script).arg(1).arg(&key);
            command.arg(bytes).arg(self.redis.settings().share_bytes).arg(window);
            command
        };
        let by_digest = question(cmd("EVALSHA"), self.count.get_hash());
        match self.redis.run("count", &key, &by_digest).await {
            // Nothing was done; this is no second attempt.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                counted(self.redis.run("count", &key, &question(cmd("EVAL"), COUNT)).await)
            }
            answer => counted(answer),
        }
    }

    fn value_bytes(&self) -> usize {
        self.redis.settings().value_bytes
    }
}

#[async_trait]
impl ClaimStore for RedisClaims {
    /// A value that is longer than [`crate::RedisBuilder::value_bytes`] has no room here: nobody would read it.
    async fn put(
        &self,
        claim: &ClaimId,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), ClaimStoreError> {
        if passport.len() > self.value_bytes() {
            telemetry::claim("too_large");
            return Err(ClaimStoreError::full());
        }
        let key = claim.store_key();
        let mut command = cmd("SET");
        command.arg(&key).arg(&*passport).arg("NX").arg("PX").arg(millis(time_to_live));
        match self.redis.run("put", &key, &command).await {
            Ok(Value::Okay) => {
                telemetry::claim("kept");
                Ok(())
            }
            Ok(Value::Nil) => {
                telemetry::claim("taken");
                Err(ClaimStoreError::unavailable(CommandError::Taken))
            }
            Ok(_other) => Err(ClaimStoreError::unavailable(CommandError::Rubbish)),
            Err(error) if error.code() == Some("OOM") => {
                telemetry::claim("full");
                Err(ClaimStoreError::full())
            }
            Err(error) => Err(ClaimStoreError::unavailable(error)),
        }
    }

    async fn put_for(
        &self,
        share: Share,
        claim: &ClaimId,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), ClaimStoreError> {
        let putting = async {
            self.count(share, passport.len(), time_to_live).await?;
            self.put(claim, passport, time_to_live).await
        };
        let put = timeout(self.redis.settings().call_wait(), putting).await;
        put.unwrap_or_else(|_elapsed| Err(ClaimStoreError::unavailable(CommandError::TimedOut)))
    }

    /// An empty value counts as no claim: no passport is that short.
    async fn get(&self, claim: &ClaimId) -> Result<Option<Bytes>, ClaimStoreError> {
        let (key, most) = (claim.store_key(), self.value_bytes());
        // The last byte is one more than allowed: of a value that is too long, no more than this leaves the server.
        let mut command = cmd("GETRANGE");
        command.arg(&key).arg(0).arg(most);
        match self.redis.run("get", &key, &command).await {
            Ok(Value::BulkString(value)) if value.is_empty() => {
                telemetry::claim("miss");
                Ok(None)
            }
            Ok(Value::BulkString(value)) if value.len() > most => {
                telemetry::claim("too_large");
                Err(ClaimStoreError::unusable(CommandError::TooLarge(most)))
            }
            Ok(Value::BulkString(value)) => {
                telemetry::claim("hit");
                Ok(Some(value.into()))
            }
            Ok(_other) => Err(ClaimStoreError::unavailable(CommandError::Rubbish)),
            Err(error) if error.code() == Some("WRONGTYPE") => {
                telemetry::claim("wrong_type");
                Err(ClaimStoreError::unusable(error))
            }
            Err(error) => Err(ClaimStoreError::unavailable(error)),
        }
    }

    async fn remove(&self, claim: &ClaimId) -> Result<bool, ClaimStoreError> {
        let key = claim.store_key();
        let mut command = cmd("DEL");
        command.arg(&key);
        match self.redis.run("remove", &key, &command).await {
            Ok(Value::Int(1)) => {
                telemetry::claim("removed");
                Ok(true)
            }
            Ok(Value::Int(0)) => {
                telemetry::claim("absent");
                Ok(false)
            }
            Ok(_other) => Err(ClaimStoreError::unavailable(CommandError::Rubbish)),
            Err(error) => Err(ClaimStoreError::unavailable(error)),
        }
    }
}

impl fmt::Debug for RedisClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisClaims").field("redis", &self.redis).finish_non_exhaustive()
    }
}

fn counted(answer: Result<Value, CommandError>) -> Result<(), ClaimStoreError> {
    match answer {
        Ok(Value::Int(1)) => Ok(()),
        Ok(Value::Int(0)) => {
            telemetry::claim("share_full");
            Err(ClaimStoreError::share_full())
        }
        Ok(_other) => Err(ClaimStoreError::unavailable(CommandError::Rubbish)),
        Err(error) if error.code() == Some("OOM") => {
            telemetry::claim("full");
            Err(ClaimStoreError::full())
        }
        Err(error) => Err(ClaimStoreError::unavailable(error)),
    }
}

/// At least one: Redis knows no life of zero.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Counts bytes on an account, unless they would be too many.
const COUNT: &str = include_str!("count.lua");
