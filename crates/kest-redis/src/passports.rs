//! Passports on Redis: kept once, read within a bound, ended once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimCheck, PassportStore, PassportStoreError};
use kest_core::Share;
use redis::{Value, cmd};
use tokio::time::timeout;

use crate::ledger::{Charged, Ledger};
use crate::{CommandError, Redis, telemetry};

/// Claim checks of any replica of any service, under `kest.claim.<uuid>`.
///
/// Made by [`Redis::passports`]. A live claim is never replaced, and never evicted by a server that passed its checks.
#[derive(Debug, Clone)]
pub struct RedisPassports {
    redis: Redis,
    ledger: Arc<Ledger>,
}

impl RedisPassports {
    pub(crate) fn new(redis: Redis) -> Self {
        Self { redis, ledger: Arc::new(Ledger::new()) }
    }

    /// Charges `share` for `bytes`, or refuses.
    async fn charge(&self, share: Share, bytes: usize, life: Duration) -> Result<(), PassportStoreError> {
        match self.ledger.charge(&self.redis, share, bytes, life).await {
            Ok(Charged::Yes) => Ok(()),
            Ok(Charged::ShareUsedUp) => {
                telemetry::claim("share_full");
                Err(PassportStoreError::share_full())
            }
            Err(error) => Err(unkept(error)),
        }
    }

    /// What is longer could not be read.
    fn check(&self, passport: &Bytes) -> Result<(), PassportStoreError> {
        if passport.len() > self.value_bytes() {
            telemetry::claim("too_large");
            return Err(PassportStoreError::full());
        }
        Ok(())
    }

    fn value_bytes(&self) -> usize {
        self.redis.settings().value_bytes
    }
}

#[async_trait]
impl PassportStore for RedisPassports {
    /// A value that is longer than [`crate::RedisBuilder::value_bytes`] has no room here.
    async fn put(
        &self,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        self.check(&passport)?;
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
                Err(PassportStoreError::unavailable(CommandError::Taken))
            }
            Ok(_other) => Err(PassportStoreError::unavailable(CommandError::UnexpectedReply)),
            Err(error) => Err(unkept(error)),
        }
    }

    async fn put_for(
        &self,
        share: Share,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        self.check(&passport)?;
        let putting = async {
            self.charge(share, passport.len(), time_to_live).await?;
            self.put(claim, passport, time_to_live).await
        };
        let put = timeout(self.redis.settings().call_wait(), putting).await;
        put.unwrap_or_else(|_elapsed| Err(PassportStoreError::unavailable(CommandError::TimedOut)))
    }

    /// An empty value counts as no claim: no passport is that short.
    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
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
                Err(PassportStoreError::unusable(CommandError::TooLarge(most)))
            }
            Ok(Value::BulkString(value)) => {
                telemetry::claim("hit");
                Ok(Some(value.into()))
            }
            Ok(_other) => Err(PassportStoreError::unavailable(CommandError::UnexpectedReply)),
            Err(error) if error.code() == Some("WRONGTYPE") => {
                telemetry::claim("wrong_type");
                Err(PassportStoreError::unusable(error))
            }
            Err(error) => Err(PassportStoreError::unavailable(error)),
        }
    }

    async fn remove(&self, claim: &ClaimCheck) -> Result<bool, PassportStoreError> {
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
            Ok(_other) => Err(PassportStoreError::unavailable(CommandError::UnexpectedReply)),
            Err(error) => Err(PassportStoreError::unavailable(error)),
        }
    }
}

/// A server without room says so itself.
fn unkept(error: CommandError) -> PassportStoreError {
    if error.code() == Some("OOM") {
        telemetry::claim("full");
        return PassportStoreError::full();
    }
    PassportStoreError::unavailable(error)
}

/// At least one: Redis knows no life of zero.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
