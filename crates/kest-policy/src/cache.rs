//! Remembers decisions for a moment, under everything that could make them different.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kest_core::{Clock, Limits};
use moka::future::Cache;
use sha2::{Digest, Sha256};

use crate::engine::{EngineError, EngineIdentity, Verdict};
use crate::input::Input;
use crate::telemetry::{CacheOutcome, cache_asked};

/// The variable that says for how many seconds decisions are remembered.
pub const CACHE_TTL_VARIABLE: &str = "KEST_POLICY_CACHE_TTL";

/// The age of a decision unless another is set.
const DEFAULT_TTL: Duration = Duration::from_secs(5);
/// Longer, and a withdrawn right would outlive everybody's patience.
const LONGEST_TTL: Duration = Duration::from_secs(3600);

/// A number of seconds from 0 to 3600, fractions allowed.
pub(crate) fn ttl_of_seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|ttl| *ttl <= LONGEST_TTL)
}

/// Reads [`CACHE_TTL_VARIABLE`] through `environment`.
pub(crate) fn ttl_from(environment: impl Fn(&str) -> Option<String>) -> Result<Duration, CacheTtlError> {
    match environment(CACHE_TTL_VARIABLE) {
        None => Ok(DEFAULT_TTL),
        Some(text) => text.trim().parse().ok().and_then(ttl_of_seconds).ok_or(CacheTtlError),
    }
}

/// [`CACHE_TTL_VARIABLE`] is not a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("KEST_POLICY_CACHE_TTL is not a number of seconds from 0 to 3600")]
pub struct CacheTtlError;

/// What one decision is remembered under: nothing that a policy can see is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DecisionKey([u8; 32]);

/// The part of a key that all inputs of one policy share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyKey([u8; 32]);

impl PolicyKey {
    /// One policy of one engine in one generation of the set.
    pub(crate) fn new(engine: EngineIdentity, generation: u64, policy: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(engine.as_bytes());
        digest.update(generation.to_be_bytes());
        digest.update(policy.as_bytes());
        Self(digest.finalize().into())
    }

    /// That policy asked about `input`, after so many invalidations.
    fn over(self, input: &Input, invalidations: u64) -> DecisionKey {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update(invalidations.to_be_bytes());
        digest.update(input.digest());
        DecisionKey(digest.finalize().into())
    }
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    verdict: Verdict,
    at_millis: u64,
}

/// The decisions of one set of policies.
#[derive(Debug, Clone)]
pub(crate) struct Decisions {
    remembered: Option<Cache<DecisionKey, Remembered>>,
    ttl_millis: u64,
    clock: Arc<dyn Clock>,
    invalidations: Arc<AtomicU64>,
}

impl Decisions {
    pub(crate) fn new(ttl: Duration, limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        let ttl_millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let remembered = (ttl_millis > 0)
            .then(|| Cache::builder().max_capacity(limits.policy_decisions).time_to_live(ttl).build());
        Self { remembered, ttl_millis, clock, invalidations: Arc::default() }
    }

    /// Gives the remembered verdict, or evaluates, once for all who ask at the same time. Errors are not remembered.
    pub(crate) async fn get<Evaluation>(
        &self,
        policy: PolicyKey,
        input: &Input,
        evaluation: Evaluation,
    ) -> Result<Verdict, Arc<EngineError>>
    where
        Evaluation: Future<Output = Result<Verdict, EngineError>>,
    {
        let Some(remembered) = &self.remembered else {
            cache_asked(CacheOutcome::Off);
            return evaluation.await.map_err(Arc::new);
        };
        let key = policy.over(input, self.invalidations.load(Ordering::Acquire));
        if let Some(found) = remembered.get(&key).await {
            if self.is_fresh(found) {
                cache_asked(CacheOutcome::Hit);
                return Ok(found.verdict);
            }
            remembered.invalidate(&key).await;
        }
        cache_asked(CacheOutcome::Miss);
        let evaluate = async {
            // The decision is as old as its question, however long the answer takes.
            let at_millis = self.clock.unix_millis();
            evaluation.await.map(|verdict| Remembered { verdict, at_millis })
        };
        remembered.try_get_with(key, evaluate).await.map(|found| found.verdict)
    }

    /// Forgets everything, also what is being evaluated right now.
    pub(crate) fn invalidate(&self) {
        self.invalidations.fetch_add(1, Ordering::AcqRel);
        if let Some(remembered) = &self.remembered {
            remembered.invalidate_all();
        }
    }

    /// A clock that was set back makes a decision stale rather than immortal.
    fn is_fresh(&self, found: Remembered) -> bool {
        let age = self.clock.unix_millis().checked_sub(found.at_millis);
        age.is_some_and(|age| age < self.ttl_millis)
    }
}

#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
