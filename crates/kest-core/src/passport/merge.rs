//! Joins verified lineages, so that one operation can follow several.

use std::collections::HashSet;
use std::sync::Arc;

use super::Passport;
use crate::entry::EntryHash;
use crate::limits::Limits;

impl Passport {
    /// All entries of both lineages, each once; the next entry signed follows every tip.
    ///
    /// # Errors
    ///
    /// [`MergeError::TooManyEntries`] over `limits.entries`, [`MergeError::TooManyTips`] over `limits.parents`,
    /// [`MergeError::SameId`] when two different entries have one id.
    pub fn merge(&self, other: &Self, limits: &Limits) -> Result<Self, MergeError> {
        let mut known: HashSet<EntryHash> = self.entries().iter().map(|entry| entry.hash()).collect();
        let mut ids: HashSet<_> = self.entries().iter().map(|entry| entry.entry_id()).collect();
        let mut entries = self.entries().to_vec();
        for entry in other.entries() {
            if !known.insert(entry.hash()) {
                continue;
            }
            if !ids.insert(entry.entry_id()) {
                return Err(MergeError::SameId);
            }
            entries.push(Arc::clone(entry));
        }
        if entries.len() > limits.entries {
            return Err(MergeError::TooManyEntries);
        }
        let followed: HashSet<EntryHash> =
            entries.iter().flat_map(|entry| entry.parents().iter().copied()).collect();
        let tips: Vec<usize> = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| !followed.contains(&entry.hash()))
            .map(|(place, _)| place)
            .collect();
        if tips.len() > limits.parents {
            return Err(MergeError::TooManyTips);
        }
        Ok(Self::new(entries, tips))
    }
}

/// Two lineages cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Together they are over `Limits::entries`.
    #[error("joined passport has too many entries")]
    TooManyEntries,
    /// Together they have more tips than one entry may follow.
    #[error("joined passport has too many tips")]
    TooManyTips,
    /// Two different entries have the same id.
    #[error("two entries have one id")]
    SameId,
}
