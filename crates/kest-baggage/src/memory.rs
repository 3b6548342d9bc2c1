//! Keeps claims in this process: for one service, or for tests and demonstrations of several.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kest_core::{Clock, Limits, SystemClock};
use moka::Expiry;
use moka::sync::Cache;

use crate::seal::longest_claim;
use crate::store::{ClaimId, ClaimStore, ClaimStoreError};

/// A claim store in memory, bounded by `Limits::claim_store_bytes`.
///
/// It refuses a claim rather than to evict one that somebody may still redeem: the cache that it stands on has no
/// capacity of its own and drops only what is over.
#[derive(Clone)]
pub struct InMemoryClaims(Arc<Parts>);

struct Parts {
    clock: Arc<dyn Clock>,
    room: u64,
    longest: usize,
    claims: Cache<ClaimId, Kept>,
    /// One claim is put at a time, so that two cannot take the same room; says when the store was last swept.
    putting: Mutex<SystemTime>,
}

impl InMemoryClaims {
    /// An empty store with these bounds.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, Arc::new(SystemClock))
    }

    /// An empty store that reads `clock` to tell which claims are over.
    #[must_use]
    pub fn with_clock(limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        let claims = Cache::builder()
            .weigher(|_claim, kept: &Kept| u32::try_from(cost(&kept.passport)).unwrap_or(u32::MAX))
            .expire_after(WhenOver)
            .build();
        Self(Arc::new(Parts {
            clock,
            room: limits.claim_store_bytes,
            longest: longest_claim(limits),
            claims,
            putting: Mutex::new(SystemTime::UNIX_EPOCH),
        }))
    }

    /// How many claims can be redeemed now.
    #[must_use]
    pub fn len(&self) -> usize {
        let now = self.0.clock.now();
        self.0.claims.iter().filter(|(_, kept)| kept.until > now).count()
    }

    /// Whether no claim can be redeemed now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Parts {
    /// Bytes that are taken once `claim` has given back its own.
    fn taken_without(&self, claim: &ClaimId) -> u64 {
        self.claims.run_pending_tasks();
        let given_back = self.claims.get(claim).map_or(0, |kept| cost(&kept.passport));
        self.claims.weighted_size().saturating_sub(given_back)
    }

    /// Drops what is over by our clock, which need not be the cache's.
    fn clear_until(&self, now: SystemTime) {
        for (claim, kept) in &self.claims {
            if kept.until <= now {
                self.claims.invalidate(claim.as_ref());
            }
        }
    }
}

impl fmt::Debug for InMemoryClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InMemoryClaims").field("room", &self.0.room).finish_non_exhaustive()
    }
}

#[async_trait]
impl ClaimStore for InMemoryClaims {
    async fn put(
        &self,
        claim: &ClaimId,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), ClaimStoreError> {
        if passport.len() > self.0.longest {
            return Err(ClaimStoreError::full());
        }
        let now = self.0.clock.now();
        let until = now.checked_add(time_to_live).ok_or_else(ClaimStoreError::full)?;
        let fits = |taken: u64| taken.saturating_add(cost(&passport)) <= self.0.room;
        // A panic elsewhere spoils nothing: at worst the store is swept once more.
        let mut swept = self.0.putting.lock().unwrap_or_else(PoisonError::into_inner);
        if !fits(self.0.taken_without(claim)) {
            // A store that stays full is not searched for each claim that it refuses.
            if now.duration_since(*swept).is_ok_and(|since| since >= SWEEP_EVERY) {
                self.0.clear_until(now);
                *swept = now;
            }
            if !fits(self.0.taken_without(claim)) {
                return Err(ClaimStoreError::full());
            }
        }
        self.0.claims.insert(*claim, Kept { passport, until, time_to_live });
        Ok(())
    }

    async fn get(&self, claim: &ClaimId) -> Result<Option<Bytes>, ClaimStoreError> {
        let kept = self.0.claims.get(claim).filter(|kept| kept.until > self.0.clock.now());
        Ok(kept.map(|kept| kept.passport))
    }

    async fn remove(&self, claim: &ClaimId) -> Result<bool, ClaimStoreError> {
        let ended = self.0.claims.remove(claim);
        Ok(ended.is_some_and(|kept| kept.until > self.0.clock.now()))
    }
}

#[derive(Clone)]
struct Kept {
    passport: Bytes,
    until: SystemTime,
    time_to_live: Duration,
}

/// Lets the cache drop claims by itself when their time is over.
struct WhenOver;

impl Expiry<ClaimId, Kept> for WhenOver {
    fn expire_after_create(&self, _claim: &ClaimId, kept: &Kept, _now: Instant) -> Option<Duration> {
        Some(kept.time_to_live)
    }

    fn expire_after_update(
        &self,
        _claim: &ClaimId,
        kept: &Kept,
        _now: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.time_to_live)
    }
}

/// Least time between two searches for what is over.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a claim occupies: an empty passport is not free, or their number would have no bound.
fn cost(passport: &Bytes) -> u64 {
    const PLACE: u64 = 256;
    u64::try_from(passport.len()).unwrap_or(u64::MAX).saturating_add(PLACE)
}

#[cfg(test)]
#[path = "tests/memory.rs"]
mod tests;
