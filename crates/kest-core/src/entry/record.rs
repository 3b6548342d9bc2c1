//! An entry whose signature, links, score and taints hold.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::seldom::Seldom;
use super::{EntryHash, EntryId, Identity, Labels, OperationName, Parents, Parsed, PolicyContext, Runtime};
use crate::json_object::JsonObject;
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
    seldom: OnceLock<Box<Seldom>>,
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
        let mut labels = parsed.labels;
        labels.shed();
        Self {
            compact,
            hash,
            entry_id: parsed.entry_id,
            operation: parsed.operation,
            workload: parsed.workload,
            classification: parsed.classification,
            timestamp_ms: parsed.timestamp_ms,
            trust_score: parsed.trust_score,
            parents: parsed.parents,
            added: parsed.added,
            removed: parsed.removed,
            taints: parsed.taints,
            input_hash: parsed.input_hash,
            labels,
            seldom: OnceLock::new(),
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

    /// Its id: a UUID of version 7, unique in its passport.
    #[must_use]
    pub fn entry_id(&self) -> EntryId {
        self.entry_id
    }

    /// What was done: 1 to 256 bytes, the name of a route or one given.
    #[must_use]
    pub fn operation(&self) -> &OperationName {
        &self.operation
    }

    /// Which workload did it and signed.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    /// How far its data can be trusted: 0 to 100.
    #[must_use]
    pub fn trust_score(&self) -> TrustScore {
        self.trust_score
    }

    /// The taints of its data: those of its parents, with what it added and without what it removed.
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

    /// The signed labels, those of the protocol and the service's own: text by name.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// User, agent and task as signed.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.labels().identity()
    }

    /// The policies that allowed it, for each tier, and the deviations that were used.
    #[must_use]
    pub fn policy_context(&self) -> &PolicyContext {
        &self.seldom().policy_context
    }

    /// What surrounded the operation, as the service said: empty unless it did. Canonical JSON of at most
    /// `Limits::environment_bytes` where this library wrote it.
    #[must_use]
    pub fn environment(&self) -> &JsonObject {
        &self.seldom().environment
    }

    /// The span that the operation ran in, as its signer's tracer knew it: empty unless the service said. Other libraries
    /// may write other members than [`OtelContext`](super::OtelContext) has.
    #[must_use]
    pub fn otel_context(&self) -> &JsonObject {
        &self.seldom().otel_context
    }

    /// The library that made it, as its signer says.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.seldom().runtime
    }

    /// The version of the protocol's schema: `0.3.0`.
    #[must_use]
    pub fn schema_version(&self) -> &str {
        &self.seldom().schema_version
    }

    /// The SHA-256 of the operation's result, where its signer knew it. This library signs before the operation runs and
    /// writes none.
    #[must_use]
    pub fn content_hash(&self) -> Option<EntryHash> {
        self.seldom().content_hash
    }

    /// The member `metadata`, which the protocol keeps for later: nothing but null is an entry.
    #[must_use]
    pub fn metadata(&self) -> Option<&JsonObject> {
        None
    }

    fn seldom(&self) -> &Seldom {
        self.seldom.get_or_init(|| Box::new(Seldom::of(&self.compact)))
    }

    /// The data's classification: 1 to 256 bytes, `system` unless the operation says.
    #[must_use]
    pub fn classification(&self) -> &str {
        &self.classification
    }

    /// Milliseconds since 1970 on the signer's clock: information only, never an order.
    #[must_use]
    pub fn timestamp_millis(&self) -> i64 {
        self.timestamp_ms
    }

    /// The SHA-256 of the operation's input, 32 bytes, where it was hashed.
    #[must_use]
    pub fn input_hash(&self) -> Option<EntryHash> {
        self.input_hash
    }

    /// Whether it starts a lineage.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.parents == Parents::Root
    }

    /// The entries that it follows, by the SHA-256 of their compact forms; none for a root, which says `0` on the wire.
    #[must_use]
    pub fn parents(&self) -> &[EntryHash] {
        self.parents.hashes()
    }
}
