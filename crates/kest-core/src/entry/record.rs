//! An entry whose signature, links, score and taints hold.

use std::fmt;
use std::sync::Arc;

use super::{EntryHash, EntryId, Identity, Labels, OperationName, Parents, Parsed, PolicyContext};
use crate::signature::WorkloadId;
use crate::taint::Taints;
use crate::trust::TrustScore;

/// A verified or freshly signed entry; passports share it and do not copy it.
pub struct Entry {
    compact: Arc<str>,
    hash: EntryHash,
    parsed: Parsed,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the compact form, which is a credential, nor what labels say about people.
        formatter
            .debug_struct("Entry")
            .field("hash", &self.hash)
            .field("entry_id", &self.entry_id())
            .field("operation", self.operation())
            .field("workload", self.workload())
            .field("trust_score", &self.trust_score())
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Only verification and signing make entries. What they hold twice, or are never asked for, is let go.
    pub(crate) fn new(compact: Arc<str>, hash: EntryHash, mut parsed: Parsed) -> Self {
        parsed.payload.shed();
        Self { compact, hash, parsed }
    }

    #[cfg(test)]
    pub(crate) fn holds_nothing_twice(&self) -> bool {
        let payload = &self.parsed.payload;
        let lists = [&payload.added_taints, &payload.removed_taints, &payload.taints];
        payload.environment.is_empty()
            && payload.otel_context.is_empty()
            && payload.parent_ids.is_empty()
            && lists.into_iter().all(|list| list.0.is_empty())
    }

    /// The compact JWS.
    #[must_use]
    pub fn compact(&self) -> &str {
        &self.compact
    }

    /// The SHA-256 of the compact JWS.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        self.hash
    }

    /// Its id.
    #[must_use]
    pub fn entry_id(&self) -> EntryId {
        self.parsed.entry_id
    }

    /// What was done.
    #[must_use]
    pub fn operation(&self) -> &OperationName {
        &self.parsed.operation
    }

    /// Which workload did it and signed.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.parsed.workload
    }

    /// How far its data can be trusted.
    #[must_use]
    pub fn trust_score(&self) -> TrustScore {
        self.parsed.trust_score
    }

    /// The accumulated taints.
    #[must_use]
    pub fn taints(&self) -> &Taints {
        &self.parsed.taints
    }

    /// The taints that this operation added.
    #[must_use]
    pub fn added_taints(&self) -> &Taints {
        &self.parsed.added
    }

    /// The taints that this operation removed.
    #[must_use]
    pub fn removed_taints(&self) -> &Taints {
        &self.parsed.removed
    }

    /// The signed labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.parsed.payload.labels
    }

    /// User, agent and task as signed.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.labels().identity()
    }

    /// The policies that allowed it.
    #[must_use]
    pub fn policy_context(&self) -> &PolicyContext {
        &self.parsed.payload.policy_context
    }

    /// The data's classification.
    #[must_use]
    pub fn classification(&self) -> &str {
        &self.parsed.payload.classification
    }

    /// Milliseconds since 1970 on the signer's clock: information only, never an order.
    #[must_use]
    pub fn timestamp_millis(&self) -> i64 {
        self.parsed.payload.timestamp_ms
    }

    /// Whether it starts a lineage.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.parsed.parents == Parents::Root
    }

    /// The entries that it follows; none for a root.
    #[must_use]
    pub fn parents(&self) -> &[EntryHash] {
        self.parsed.parents.hashes()
    }
}
