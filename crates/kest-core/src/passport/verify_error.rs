//! Says why a passport does not hold, and where.

use super::lineage_claim::FalseLineage;
use crate::entry::FormError;
use crate::signature::WorkloadId;

/// A passport does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("passport does not hold: {kind}")]
pub struct VerifyError {
    pub(super) kind: VerifyErrorKind,
    pub(super) index: Option<usize>,
    pub(super) workload: Option<WorkloadId>,
}

impl VerifyError {
    pub(super) fn whole(kind: VerifyErrorKind) -> Self {
        Self { kind, index: None, workload: None }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> VerifyErrorKind {
        self.kind
    }

    /// Which entry is wrong, counted from 0; `None` when it is the passport as a whole.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The workload that the entry claims, where its keys are not trusted or have ended: a name that a stranger wrote, for
    /// the people who keep the bundle.
    #[must_use]
    pub fn workload(&self) -> Option<&WorkloadId> {
        self.workload.as_ref()
    }
}

/// Why a passport does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// An entry does not have the one accepted form.
    #[error("{0}")]
    Form(FormError),
    /// More entries than `Limits::entries`.
    #[error("too many entries")]
    TooManyEntries,
    /// Two entries have one id.
    #[error("an entry stands twice")]
    DuplicateEntry,
    /// A parent is not among the entries before.
    #[error("a parent is unknown")]
    BrokenLink,
    /// No key is trusted to sign for this workload.
    #[error("workload is unknown")]
    UnknownPrincipal,
    /// The `kid` is not one of this workload's keys.
    #[error("key is unknown or belongs to another workload")]
    UnknownKey,
    /// The entry says that it was issued after its key ended.
    #[error("key had ended when the entry was issued")]
    KeyExpired,
    /// The signature is not the key's over these bytes.
    #[error("signature does not hold")]
    BadSignature,
    /// The score is above what parents and origin allow, without a signed sanitizer.
    #[error("trust was raised without a sanitizer")]
    TrustRaised,
    /// A taint was removed without a signed sanitizer.
    #[error("a taint was removed without a sanitizer")]
    TaintDropped,
    /// The taints are not the parents' union, plus added, minus removed.
    #[error("taints are not what the parents give")]
    TaintsDiffer,
    /// An entry without parents has its identity from the lineage.
    #[error("a root has no identity from the lineage")]
    LineageAtRoot,
    /// An entry has its identity from a parent that is anonymous or whose identity was not verified.
    #[error("identity was taken from a parent that has none to give")]
    LineageLaundered,
    /// An entry says that its user, agent, task, issuer and tenant are the parents', and they are not.
    #[error("identity is not the parents'")]
    LineageContradicted,
    /// [`WorkloadRules::introducers`](super::WorkloadRules::introducers) does not name who brought the caller in.
    #[error("workload may not bring in an identity")]
    IntroducerNotAllowed,
    /// [`WorkloadRules::sanitizers`](super::WorkloadRules::sanitizers) does not name who sanitized.
    #[error("workload may not sanitize")]
    SanitizerNotAllowed,
    /// The score is above [`WorkloadRules::highest_trust`](super::WorkloadRules::highest_trust) of the workload.
    #[error("trust is above what the workload may claim")]
    TrustOverCap,
    /// The passport does not end in the tips that were announced.
    #[error("chain tip differs")]
    TipsDiffer,
}

impl VerifyErrorKind {
    /// A stable name for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form(form) => form.kind(),
            Self::TooManyEntries => "too_many_entries",
            Self::DuplicateEntry => "duplicate_entry",
            Self::BrokenLink => "broken_link",
            Self::UnknownPrincipal => "unknown_principal",
            Self::UnknownKey => "unknown_key",
            Self::KeyExpired => "key_expired",
            Self::BadSignature => "bad_signature",
            Self::TrustRaised => "trust_raised",
            Self::TaintDropped => "taint_dropped",
            Self::TaintsDiffer => "taints_differ",
            Self::LineageAtRoot => "lineage_at_root",
            Self::LineageLaundered => "lineage_laundered",
            Self::LineageContradicted => "lineage_contradicted",
            Self::IntroducerNotAllowed => "introducer_not_allowed",
            Self::SanitizerNotAllowed => "sanitizer_not_allowed",
            Self::TrustOverCap => "trust_over_cap",
            Self::TipsDiffer => "chain_tip_mismatch",
        }
    }
}

impl From<FalseLineage> for VerifyErrorKind {
    fn from(found: FalseLineage) -> Self {
        match found {
            FalseLineage::AtRoot => Self::LineageAtRoot,
            FalseLineage::NothingToInherit => Self::LineageLaundered,
            FalseLineage::Differs => Self::LineageContradicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs and logs compare these names: a change is a change of the wire.
    #[test]
    fn names_of_kinds_are_these() {
        use VerifyErrorKind as Kind;
        let table = [
            (Kind::TooManyEntries, "too_many_entries"),
            (Kind::DuplicateEntry, "duplicate_entry"),
            (Kind::BrokenLink, "broken_link"),
            (Kind::UnknownPrincipal, "unknown_principal"),
            (Kind::UnknownKey, "unknown_key"),
            (Kind::KeyExpired, "key_expired"),
            (Kind::BadSignature, "bad_signature"),
            (Kind::TrustRaised, "trust_raised"),
            (Kind::TaintDropped, "taint_dropped"),
            (Kind::TaintsDiffer, "taints_differ"),
            (Kind::LineageAtRoot, "lineage_at_root"),
            (Kind::LineageLaundered, "lineage_laundered"),
            (Kind::LineageContradicted, "lineage_contradicted"),
            (Kind::IntroducerNotAllowed, "introducer_not_allowed"),
            (Kind::SanitizerNotAllowed, "sanitizer_not_allowed"),
            (Kind::TrustOverCap, "trust_over_cap"),
            (Kind::TipsDiffer, "chain_tip_mismatch"),
            (Kind::Form(FormError::TooLong), "entry_too_long"),
            (Kind::Form(FormError::Parts), "bad_parts"),
            (Kind::Form(FormError::Base64), "bad_base64"),
            (Kind::Form(FormError::Header), "bad_header"),
            (Kind::Form(FormError::Algorithm), "bad_alg"),
            (Kind::Form(FormError::Type), "bad_typ"),
            (Kind::Form(FormError::Payload), "bad_payload"),
            (Kind::Form(FormError::NotCanonical), "not_canonical"),
            (Kind::Form(FormError::SchemaVersion), "unknown_schema_version"),
            (Kind::Form(FormError::EntryId), "bad_entry_id"),
            (Kind::Form(FormError::Name), "bad_name"),
            (Kind::Form(FormError::TrustScore), "bad_trust_score"),
            (Kind::Form(FormError::Parents), "bad_parent_ids"),
            (Kind::Form(FormError::Taints), "bad_taints"),
            (Kind::Form(FormError::Labels), "bad_labels"),
            (Kind::Form(FormError::Policies), "too_many_policies"),
            (Kind::Form(FormError::IdentitySource), "unknown_identity_source"),
            (Kind::Form(FormError::Identity), "contradicting_identity"),
            (Kind::Form(FormError::EmptyName), "empty_name"),
            (Kind::Form(FormError::ForeignSanitizer), "foreign_sanitizer"),
            (Kind::Form(FormError::Hash), "bad_hash"),
            (Kind::Form(FormError::Timestamp), "bad_timestamp"),
            (Kind::Form(FormError::Signature), "bad_signature_form"),
        ];
        for (kind, name) in table {
            assert_eq!(kind.as_str(), name, "{kind:?}");
        }
        let names: std::collections::BTreeSet<&str> = table.iter().map(|(_, name)| *name).collect();
        assert_eq!(names.len(), table.len(), "two kinds have one name");
    }
}
