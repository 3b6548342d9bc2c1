//! An entry whose signature, links, score and taints hold.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::compact::policy_context_of;
use super::{EntryHash, EntryId, Identity, Labels, OperationName, Parents, Parsed, Payload, PolicyContext};
use crate::signature::WorkloadId;
use crate::taint::Taints;
use crate::trust::TrustScore;

/// A verified or freshly signed entry; passports share it and do not copy it.
///
/// It holds its compact form and what services ask every entry for. What they seldom ask for is read from the compact
/// form when they do.
pub struct Entry {
    compact: Arc<str>,
    hash: EntryHash,
    entry_id: EntryId,
    operation: OperationName,
    workload: WorkloadId,
    classification: Arc<str>,
    timestamp_ms: i64,
    trust_score: TrustScore,
    parents: Parents,
    added: Taints,
    removed: Taints,
    taints: Taints,
    input_hash: Option<EntryHash>,
    labels: Labels,
    policies: OnceLock<Box<PolicyContext>>,
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
    /// Only verification and signing make entries. What was parsed and is never asked for is let go: a tree of JSON
    /// values is up to a hundred times as large as its text.
    pub(crate) fn new(compact: Arc<str>, hash: EntryHash, parsed: Parsed) -> Self {
        let Payload { classification, input_hash, timestamp_ms, mut labels, .. } = parsed.payload;
        labels.shed();
        Self {
            compact,
            hash,
            entry_id: parsed.entry_id,
            operation: parsed.operation,
            workload: parsed.workload,
            classification,
            timestamp_ms,
            trust_score: parsed.trust_score,
            parents: parsed.parents,
            added: parsed.added,
            removed: parsed.removed,
            taints: parsed.taints,
            input_hash: input_hash.parse().ok(),
            labels,
            policies: OnceLock::new(),
        }
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
        self.entry_id
    }

    /// What was done.
    #[must_use]
    pub fn operation(&self) -> &OperationName {
        &self.operation
    }

    /// Which workload did it and signed.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    /// How far its data can be trusted.
    #[must_use]
    pub fn trust_score(&self) -> TrustScore {
        self.trust_score
    }

    /// The accumulated taints.
    #[must_use]
    pub fn taints(&self) -> &Taints {
        &self.taints
    }

    /// The taints that this operation added.
    #[must_use]
    pub fn added_taints(&self) -> &Taints {
        &self.added
    }

    /// The taints that this operation removed.
    #[must_use]
    pub fn removed_taints(&self) -> &Taints {
        &self.removed
    }

    /// The signed labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// User, agent and task as signed.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.labels().identity()
    }

    /// The policies that allowed it.
    #[must_use]
    pub fn policy_context(&self) -> &PolicyContext {
        self.policies.get_or_init(|| Box::new(policy_context_of(&self.compact)))
    }

    /// The data's classification.
    #[must_use]
    pub fn classification(&self) -> &str {
        &self.classification
    }

    /// Milliseconds since 1970 on the signer's clock: information only, never an order.
    #[must_use]
    pub fn timestamp_millis(&self) -> i64 {
        self.timestamp_ms
    }

    /// The SHA-256 of the operation's input, where it was hashed.
    #[must_use]
    pub fn input_hash(&self) -> Option<EntryHash> {
        self.input_hash
    }

    /// Whether it starts a lineage.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.parents == Parents::Root
    }

    /// The entries that it follows; none for a root.
    #[must_use]
    pub fn parents(&self) -> &[EntryHash] {
        self.parents.hashes()
    }
}
