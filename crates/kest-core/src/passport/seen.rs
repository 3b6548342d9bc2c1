//! Remembers which entries were verified under which key, so that a lineage seen again costs hashes only.

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::entry::EntryHash;
use crate::limits::Limits;
use crate::signature::PublicKey;

/// A bounded memory of signatures that hold.
///
/// Keyed by the entry's hash together with the key that verified it: an entry under a key that is no longer trusted
/// is never recognised, since that key is not among those asked about.
#[derive(Debug, Clone)]
pub struct SeenEntries(Cache<[u8; 32], ()>);

impl SeenEntries {
    /// A memory of at most `limits.seen_entries` entries.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self(Cache::builder().max_capacity(limits.seen_entries).build())
    }

    pub(crate) fn contains(&self, entry: &EntryHash, key: &PublicKey) -> bool {
        self.0.contains_key(&digest(entry, key))
    }

    pub(crate) fn remember(&self, entry: &EntryHash, key: &PublicKey) {
        self.0.insert(digest(entry, key), ());
    }
}

fn digest(entry: &EntryHash, key: &PublicKey) -> [u8; 32] {
    Sha256::new().chain_update(entry.as_bytes()).chain_update(key.as_bytes()).finalize().into()
}
