//! A passport of which every signature, link, score and taint holds.

use std::fmt;
use std::sync::Arc;

use super::Tips;
use crate::entry::{Entry, EntryHash};
use crate::taint::Taints;
use crate::trust::TrustScore;

/// A verified lineage: entries in an order in which parents precede children.
///
/// Cheap to clone; entries are shared with every longer passport made from it.
#[derive(Clone)]
pub struct Passport {
    entries: Arc<[Arc<Entry>]>,
    tips: Arc<[usize]>,
}

impl fmt::Debug for Passport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The compact entries are a credential: who has them can send them. They do not belong into a log.
        let tips: Vec<EntryHash> = self.tip_hashes().collect();
        formatter
            .debug_struct("Passport")
            .field("entries", &self.len())
            .field("tips", &tips)
            .finish_non_exhaustive()
    }
}

impl Passport {
    /// A lineage without entries: what work starts from that no request asked for.
    #[must_use]
    pub fn empty() -> Self {
        Self { entries: Arc::new([]), tips: Arc::new([]) }
    }

    /// Only verification, signing and joining make passports; `tips` are the indices of entries without children.
    pub(crate) fn new(entries: Vec<Arc<Entry>>, tips: Vec<usize>) -> Self {
        Self { entries: entries.into(), tips: tips.into() }
    }

    /// The entries, parents before children.
    #[must_use]
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries that no other entry names as its parent.
    pub fn tip_entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.tips.iter().filter_map(|index| self.entries.get(*index))
    }

    /// The hashes of the tips, in order: what is announced beside the passport.
    #[must_use]
    pub fn tips(&self) -> Tips {
        Tips::new(self.tip_hashes().collect())
    }

    pub(crate) fn tip_hashes(&self) -> impl Iterator<Item = EntryHash> {
        self.tip_entries().map(|entry| entry.hash())
    }

    /// The smallest score among the tips; `None` for an empty lineage.
    #[must_use]
    pub fn trust_score(&self) -> Option<TrustScore> {
        self.tip_entries().map(|entry| entry.trust_score()).min()
    }

    /// The union of the tips' taints.
    #[must_use]
    pub fn taints(&self) -> Taints {
        let mut taints = Taints::none();
        for tip in self.tip_entries() {
            taints.extend(tip.taints());
        }
        taints
    }

    /// The JSON array of compact entries, without blanks.
    #[must_use]
    pub fn to_json(&self) -> String {
        let length: usize = self.entries.iter().map(|entry| entry.compact().len() + 3).sum();
        let mut json = String::with_capacity(length + 2);
        json.push('[');
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            // A compact JWS is base64url and dots: nothing in it needs escaping.
            json.push('"');
            json.push_str(entry.compact());
            json.push('"');
        }
        json.push(']');
        json
    }
}
