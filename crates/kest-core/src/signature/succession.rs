//! Judges whether a trust bundle may take the place of the one in use.

use std::collections::BTreeSet;

use super::{Bundle, KeyRing, NotAfter, WorkloadId};

impl Bundle {
    /// Checks that who trusts `previous` may go over to this bundle at `unix_millis`.
    ///
    /// A bundle that was cut off, emptied or kept from another day must not take trust away or bring it back unseen. So
    /// it has keys, its [`sequence`](Self::sequence) does not go back, and of each workload one of the keys that still
    /// sign stays. A key leaves beside another one that stays, or after its [`NotAfter`] has passed; a workload leaves once
    /// all of its keys have ended.
    ///
    /// # Errors
    ///
    /// [`NoSuccessor`] with what is missing.
    pub fn check_follows(&self, previous: &Self, unix_millis: u64) -> Result<(), NoSuccessor> {
        self.check_sequence(previous)?;
        check_overlap(previous.ring(), self.ring(), unix_millis)
    }

    /// Checks of this only that the bundle has keys and is not older than `previous`: for a reader whose own bundle is too
    /// old to be used, since it has missed what came between.
    ///
    /// # Errors
    ///
    /// [`NoSuccessor`] with what is wrong.
    pub fn check_sequence(&self, previous: &Self) -> Result<(), NoSuccessor> {
        if self.ring().keys().next().is_none() {
            return Err(NoSuccessor::Empty);
        }
        match (previous.sequence(), self.sequence()) {
            (Some(used), found) if found.is_none_or(|found| found < used) => {
                Err(NoSuccessor::Older { used, found })
            }
            (Some(used), Some(found)) if used == found && !is_same(previous.ring(), self.ring()) => {
                Err(NoSuccessor::SequenceReused(used))
            }
            _ => Ok(()),
        }
    }
}

fn check_overlap(previous: &KeyRing, next: &KeyRing, unix_millis: u64) -> Result<(), NoSuccessor> {
    let signs = |end: Option<NotAfter>| end.is_none_or(|end| !end.has_passed(unix_millis));
    let mut needed: BTreeSet<&WorkloadId> = BTreeSet::new();
    for (workload, key_id, _) in previous.keys() {
        if signs(previous.not_after(key_id)) {
            needed.insert(workload);
        }
    }
    for (workload, key_id, key) in previous.keys() {
        if signs(previous.not_after(key_id)) && next.key(workload, key_id) == Some(key) {
            needed.remove(workload);
        }
    }
    match needed.first() {
        None => Ok(()),
        Some(&workload) if next.knows(workload) => Err(NoSuccessor::NoOverlap(workload.clone())),
        Some(&workload) => Err(NoSuccessor::WorkloadVanished(workload.clone())),
    }
}

/// Whether both trust the same keys for the same time.
fn is_same(one: &KeyRing, other: &KeyRing) -> bool {
    let all = |ring: &KeyRing| -> BTreeSet<_> {
        ring.keys()
            .map(|(workload, key_id, key)| {
                (workload.clone(), key_id.clone(), *key.as_bytes(), ring.not_after(key_id))
            })
            .collect()
    };
    all(one) == all(other)
}

/// A trust bundle may not take the place of the one in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoSuccessor {
    /// It has no key at all.
    #[error("bundle trusts no key")]
    Empty,
    /// Its sequence is lower, or it has none and the one in use has.
    #[error("bundle is older than the one in use: sequence {} after {used}", shown(*.found))]
    Older {
        /// The sequence of the bundle in use.
        used: u64,
        /// The sequence of the other bundle.
        found: Option<u64>,
    },
    /// It has the same sequence and other keys: one of the two is not what its writer meant.
    #[error("two different bundles have the sequence {0}")]
    SequenceReused(u64),
    /// It has no key of a workload that could sign until now.
    #[error("bundle has no key of a workload any more: {0}")]
    WorkloadVanished(WorkloadId),
    /// It has new keys of a workload and none of those that signed until now: entries under way would not hold.
    #[error("bundle keeps none of the keys of a workload: {0}")]
    NoOverlap(WorkloadId),
}

impl NoSuccessor {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Older { .. } | Self::SequenceReused(_) => "older",
            Self::Empty | Self::WorkloadVanished(_) | Self::NoOverlap(_) => "shrinking",
        }
    }
}

fn shown(sequence: Option<u64>) -> String {
    sequence.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

#[cfg(test)]
#[path = "tests/succession.rs"]
mod tests;
