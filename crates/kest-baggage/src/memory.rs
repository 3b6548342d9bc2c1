//! Keeps claims in this process: for one service, or for tests and demonstrations of several.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kest_core::{Clock, Limits, SystemClock};

use crate::store::{ClaimId, ClaimStore, ClaimStoreError};

/// A claim store in memory, bounded by `Limits::claim_store_bytes`.
///
/// It refuses a claim rather than to evict one that somebody may still redeem, which is why it is no cache.
#[derive(Clone)]
pub struct InMemoryClaims(Arc<Parts>);

struct Parts {
    clock: Arc<dyn Clock>,
    room: u64,
    longest: usize,
    shelves: Mutex<Shelves>,
}

impl InMemoryClaims {
    /// An empty store with these bounds.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, Arc::new(SystemClock))
    }

    /// An empty store that reads `clock` to tell which claims are over.
    ///
    /// Expired claims are cleared away whenever the store is used, so what they occupied is free at once.
    #[must_use]
    pub fn with_clock(limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Parts {
            clock,
            room: limits.claim_store_bytes,
            longest: limits.passport_bytes,
            shelves: Mutex::default(),
        }))
    }

    /// How many claims can be redeemed now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shelves().claims.len()
    }

    /// Whether no claim can be redeemed now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shelves, without the claims whose time is over.
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // Every change is made under one lock and leaves the shelves whole, so a panic elsewhere spoils nothing.
        let mut shelves = self.0.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.clear_until(self.0.clock.now());
        shelves
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
        let until = self.0.clock.now().checked_add(time_to_live).ok_or_else(ClaimStoreError::full)?;
        let mut shelves = self.shelves();
        let given_back = shelves.claims.get(claim).map_or(0, |kept| cost(&kept.passport));
        let kept = shelves.bytes.saturating_sub(given_back);
        if kept.saturating_add(cost(&passport)) > self.0.room {
            return Err(ClaimStoreError::full());
        }
        shelves.take(claim);
        shelves.put(*claim, Kept { passport, until });
        Ok(())
    }

    async fn get(&self, claim: &ClaimId) -> Result<Option<Bytes>, ClaimStoreError> {
        Ok(self.shelves().claims.get(claim).map(|kept| kept.passport.clone()))
    }
}

#[derive(Default)]
struct Shelves {
    claims: HashMap<ClaimId, Kept>,
    by_end: BTreeSet<(SystemTime, ClaimId)>,
    bytes: u64,
}

struct Kept {
    passport: Bytes,
    until: SystemTime,
}

impl Shelves {
    fn put(&mut self, claim: ClaimId, kept: Kept) {
        self.bytes = self.bytes.saturating_add(cost(&kept.passport));
        self.by_end.insert((kept.until, claim));
        self.claims.insert(claim, kept);
    }

    fn take(&mut self, claim: &ClaimId) {
        if let Some(kept) = self.claims.remove(claim) {
            self.bytes = self.bytes.saturating_sub(cost(&kept.passport));
            self.by_end.remove(&(kept.until, *claim));
        }
    }

    fn clear_until(&mut self, now: SystemTime) {
        while let Some((until, claim)) = self.by_end.first().copied() {
            if until > now {
                break;
            }
            self.take(&claim);
        }
    }
}

/// What a claim occupies: an empty passport is not free, or their number would have no bound.
fn cost(passport: &Bytes) -> u64 {
    const PLACE: u64 = 256;
    u64::try_from(passport.len()).unwrap_or(u64::MAX).saturating_add(PLACE)
}

#[cfg(test)]
#[path = "tests/memory.rs"]
mod tests;
