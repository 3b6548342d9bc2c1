//! Keeps claims in this process: for one service, or for tests and demonstrations of several.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kest_core::{Clock, Limits, Quota, QuotaError, Share, SystemClock};
use moka::Expiry;
use moka::sync::Cache;

use crate::seal::longest_claim;
use crate::store::{ClaimCheck, PassportStore, PassportStoreError};

/// A passport store in memory, bounded by `Limits::passport_store_bytes`.
///
/// It refuses a claim rather than evict one that may still be redeemed: the cache that it stands on has no
/// capacity of its own and drops only what is over. Claim checks that are put [on an account](PassportStore::put_for)
/// take a part of its [quota](Quota) and no more, so that one caller's long lineages leave room for those of others.
#[derive(Clone)]
pub struct InMemoryPassports(Arc<Parts>);

struct Parts {
    clock: Arc<dyn Clock>,
    longest: usize,
    claims: Cache<ClaimCheck, Kept>,
    /// What the claims in the cache take, which tells it of each that it drops.
    room: Arc<Mutex<Quota>>,
    /// One claim is put at a time, so that two cannot take the same room; says when the store was last swept.
    putting: Mutex<SystemTime>,
}

impl InMemoryPassports {
    /// An empty store with these bounds.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, Arc::new(SystemClock))
    }

    /// An empty store that reads `clock` to tell which claims are over.
    #[must_use]
    pub fn with_clock(limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        let room = Arc::new(Mutex::new(Quota::new(limits.passport_store_bytes)));
        let claims = Cache::builder().expire_after(WhenOver).eviction_listener({
            let room = Arc::clone(&room);
            move |_claim, kept: Kept, _cause| lock(&room).give_back(kept.share, cost(&kept.passport))
        });
        Self(Arc::new(Parts {
            clock,
            longest: longest_claim(limits),
            claims: claims.build(),
            room,
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
    /// Whether `passport` has room under `claim`, once that has given back its own.
    fn check(&self, share: Option<Share>, claim: &ClaimCheck, passport: &Bytes) -> Result<(), QuotaError> {
        // What is counted is never too little: without a look at the cache it is enough, or it has to be looked at.
        if lock(&self.room).check(share, cost(passport), None).is_ok() {
            return Ok(());
        }
        self.claims.run_pending_tasks();
        let given_back = self.claims.get(claim).map(|kept| (kept.share, cost(&kept.passport)));
        lock(&self.room).check(share, cost(passport), given_back)
    }

    fn put(
        &self,
        share: Option<Share>,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        if passport.len() > self.longest {
            return Err(PassportStoreError::full());
        }
        let now = self.clock.now();
        let until = now.checked_add(time_to_live).ok_or_else(PassportStoreError::full)?;
        // A panic elsewhere spoils nothing: at worst the store is swept once more.
        let mut swept = lock(&self.putting);
        let mut room = self.check(share, claim, &passport);
        // A store that stays full is not searched for each claim that it refuses.
        if room.is_err() && now.duration_since(*swept).is_ok_and(|since| since >= SWEEP_EVERY) {
            self.clear_until(now);
            *swept = now;
            room = self.check(share, claim, &passport);
        }
        room.map_err(|no_room| match no_room {
            QuotaError::ShareUsedUp => PassportStoreError::share_full(),
            // A kind that is added elsewhere refuses too.
            QuotaError::Full | _ => PassportStoreError::full(),
        })?;
        lock(&self.room).take(share, cost(&passport));
        self.claims.insert(*claim, Kept { passport, share, until, time_to_live });
        Ok(())
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

impl fmt::Debug for InMemoryPassports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InMemoryPassports").field("room", &lock(&self.0.room)).finish_non_exhaustive()
    }
}

#[async_trait]
impl PassportStore for InMemoryPassports {
    async fn put(
        &self,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        self.0.put(None, claim, passport, time_to_live)
    }

    async fn put_for(
        &self,
        share: Share,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        self.0.put(Some(share), claim, passport, time_to_live)
    }

    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        let kept = self.0.claims.get(claim).filter(|kept| kept.until > self.0.clock.now());
        Ok(kept.map(|kept| kept.passport))
    }

    async fn remove(&self, claim: &ClaimCheck) -> Result<bool, PassportStoreError> {
        let ended = self.0.claims.remove(claim);
        Ok(ended.is_some_and(|kept| kept.until > self.0.clock.now()))
    }
}

#[derive(Clone)]
struct Kept {
    passport: Bytes,
    share: Option<Share>,
    until: SystemTime,
    time_to_live: Duration,
}

/// Lets the cache drop claims by itself when their time is over.
struct WhenOver;

impl Expiry<ClaimCheck, Kept> for WhenOver {
    fn expire_after_create(&self, _claim: &ClaimCheck, kept: &Kept, _now: Instant) -> Option<Duration> {
        Some(kept.time_to_live)
    }

    fn expire_after_update(
        &self,
        _claim: &ClaimCheck,
        kept: &Kept,
        _now: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.time_to_live)
    }
}

/// What others count is whole after each of their steps, also if one of them panicked later.
fn lock<Counted>(counted: &Mutex<Counted>) -> MutexGuard<'_, Counted> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
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
