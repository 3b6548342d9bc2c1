//! Remembers entries that were verified, so that one seen again costs a hash and a look-up.

use std::sync::Arc;

use moka::sync::Cache;

use super::VerifySettings;
use crate::entry::{Entry, EntryHash};
use crate::limits::Limits;
use crate::signature::{KeyId, KeyRing, PublicKey};

/// A bounded memory of entries that hold, weighed in bytes.
///
/// An entry is found by its hash, and counts only while the key that verified it is among those that are trusted for it.
/// What else was proved of it follows from its text, its parents, which it names by their hashes, and the rules: a verifier
/// that goes by other rules proves it again.
#[derive(Debug, Clone)]
pub struct SeenEntries(Cache<EntryHash, Arc<Seen>>);

/// An entry that was verified: by which key and by which rules.
#[derive(Debug)]
struct Seen {
    entry: Arc<Entry>,
    key_id: Option<KeyId>,
    key: PublicKey,
    settings: Arc<VerifySettings>,
}

impl SeenEntries {
    /// A memory of at most `limits.seen_bytes` bytes.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let weigh = |_hash: &EntryHash, seen: &Arc<Seen>| weight(&seen.entry);
        Self(Cache::builder().max_capacity(limits.seen_bytes).weigher(weigh).build())
    }

    /// The entry of this hash, if it was verified by exactly these rules and by a key that `ring` still trusts for it.
    pub(crate) fn entry(
        &self,
        hash: &EntryHash,
        settings: &Arc<VerifySettings>,
        ring: &KeyRing,
    ) -> Option<Arc<Entry>> {
        let seen = self.0.get(hash)?;
        if !Arc::ptr_eq(&seen.settings, settings) {
            return None;
        }
        // Judged each time: the key may have been withdrawn or retired since.
        let mut keys = ring.candidates(seen.entry.workload(), seen.key_id.as_ref());
        let trusted = keys.any(|(key, not_after)| {
            *key == seen.key && not_after.is_none_or(|end| end.admits(seen.entry.timestamp_millis()))
        });
        trusted.then(|| Arc::clone(&seen.entry))
    }

    /// Whether `key` is known to have signed the entry of this hash.
    pub(crate) fn is_signed_by(&self, hash: &EntryHash, key: &PublicKey) -> bool {
        self.0.get(hash).is_some_and(|seen| seen.key == *key)
    }

    /// What it weighs, once all that is pending is done.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.weighted_size()
    }

    /// Remembers an entry of which everything was proved.
    pub(crate) fn remember(
        &self,
        entry: &Arc<Entry>,
        key_id: Option<KeyId>,
        key: &PublicKey,
        settings: &Arc<VerifySettings>,
    ) {
        let (entry, settings) = (Arc::clone(entry), Arc::clone(settings));
        let seen = Seen { entry, key_id, key: key.clone(), settings };
        self.0.insert(seen.entry.hash(), Arc::new(seen));
    }
}

/// What an entry takes at most: its text, the same again as what was read from it now and what may be read from it later,
/// and what is there for the shortest one too.
fn weight(entry: &Entry) -> u32 {
    u32::try_from(entry.compact().len()).unwrap_or(u32::MAX).saturating_mul(3).saturating_add(AROUND)
}

/// The structures of one entry, its places in the memory, and what allocations cost beside their bytes.
const AROUND: u32 = 1536;
