//! Packs a passport once for all the calls that one operation makes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use kest_core::{Admission, Clock, Limits};

use crate::pack::{PackError, PackedHeader, Tiers, pack_for};
use crate::tier::Tier;

/// The packed header of `admission`'s outgoing calls, made at the first of them and kept for the others.
///
/// Calls at the same time share one packing, and its failure; later calls try again. A claim check is used again
/// only during the first half of its time, so that its receiver has the other half. Where claims are for single use,
/// every call packs for itself, and so it does with more than 4 different [`Tiers`] for one admission.
///
/// # Errors
///
/// [`PackError`]; the request must not be sent then.
pub async fn packed_once(admission: &Admission, tiers: &Tiers) -> Result<PackedHeader, PackError> {
    if tiers.is_single_use() {
        return pack_now(admission, tiers).await;
    }
    let slot = admission.memo(Memo::default).and_then(|memo| memo.slot(tiers));
    match slot {
        Some(slot) => slot.packed(admission).await,
        None => pack_now(admission, tiers).await,
    }
}

async fn pack_now(admission: &Admission, tiers: &Tiers) -> Result<PackedHeader, PackError> {
    let kest = admission.admitter();
    let identity = admission.caller().identity();
    let (share, random) = (admission.arrival().share(), kest.random().as_ref());
    pack_for(share, admission.passport(), identity, tiers, random, kest.limits()).await
}

/// What an admission remembers, one slot for each value of [`Tiers`].
#[derive(Debug, Default)]
struct Memo(Mutex<Vec<Arc<Slot>>>);

impl Memo {
    fn slot(&self, tiers: &Tiers) -> Option<Arc<Slot>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.iter().find(|slot| slot.tiers.same_as(tiers)) {
            return Some(Arc::clone(slot));
        }
        if slots.len() >= SLOTS {
            return None;
        }
        let slot = Arc::new(Slot::new(tiers.clone()));
        slots.push(Arc::clone(&slot));
        Some(slot)
    }
}

#[derive(Debug)]
struct Slot {
    tiers: Tiers,
    kept: Mutex<Option<Kept>>,
    /// Held by the one that packs; the last failure lies inside.
    gate: tokio::sync::Mutex<Option<PackError>>,
    failures: AtomicU64,
}

impl Slot {
    fn new(tiers: Tiers) -> Self {
        Self {
            tiers,
            kept: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
        }
    }

    async fn packed(&self, admission: &Admission) -> Result<PackedHeader, PackError> {
        let (clock, limits) = (admission.admitter().clock().as_ref(), admission.admitter().limits());
        let failures = self.failures.load(Ordering::Acquire);
        if let Some(header) = self.kept(clock, limits) {
            return Ok(header);
        }
        let mut failed = self.gate.lock().await;
        if let Some(header) = self.kept(clock, limits) {
            return Ok(header);
        }
        if let Some(error) = failed.as_ref()
            && self.failures.load(Ordering::Acquire) != failures
        {
            return Err(error.clone());
        }
        let packed_at = clock.now();
        match pack_now(admission, &self.tiers).await {
            Ok(header) => {
                self.keep(header.clone(), packed_at);
                Ok(header)
            }
            Err(error) => {
                *failed = Some(error.clone());
                self.failures.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    fn kept(&self, clock: &dyn Clock, limits: &Limits) -> Option<PackedHeader> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.is_fresh(clock, limits)).map(|kept| kept.header.clone())
    }

    fn keep(&self, header: PackedHeader, packed_at: SystemTime) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept { header, packed_at });
    }
}

#[derive(Debug)]
struct Kept {
    header: PackedHeader,
    packed_at: SystemTime,
}

impl Kept {
    fn is_fresh(&self, clock: &dyn Clock, limits: &Limits) -> bool {
        match self.header.tier() {
            None | Some(Tier::Inline | Tier::Compressed) => true,
            // A clock that went back says nothing about how much time is left.
            Some(Tier::ClaimCheck) => {
                clock.now().duration_since(self.packed_at).is_ok_and(|age| age < limits.claim_check_ttl / 2)
            }
        }
    }
}

/// Different `Tiers` that one admission keeps a header for: a service has one, seldom two.
const SLOTS: usize = 4;

#[cfg(test)]
#[path = "tests/once.rs"]
mod tests;
