//! Claims on Redis: kept once, read within a bound, ended once.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimId, ClaimStore, ClaimStoreError};
use redis::{Value, cmd};

use crate::{CommandError, Redis, telemetry};

/// Claims of any replica of any service, under `kest.claim.<uuid>`.
///
/// Made by [`Redis::claims`]. A live claim is never replaced, and never evicted by a server that passed its checks.
#[derive(Debug, Clone)]
pub struct RedisClaims {
    redis: Redis,
}

impl RedisClaims {
    pub(crate) fn new(redis: Redis) -> Self {
        Self { redis }
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

/// At least one: Redis knows no life of zero.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
