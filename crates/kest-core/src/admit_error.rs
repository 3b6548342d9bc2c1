//! Why an operation may not run, and what each kind of it tells the people who run the service.

use crate::audit::AuditError;
use crate::entry::ResourceError;
use crate::operation::OperationError;
use crate::passport::SignError;
use crate::policy::AuthorizeError;
use crate::random::RandomError;
use crate::refusal::{Actor, Explanation};
use crate::slots::NoSlot;

/// An operation may not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// Policy said no, or gave no answer.
    #[error("operation is not permitted")]
    Authorize(#[source] AuthorizeError),
    /// What it acts on is not named in one way; policy was not asked.
    #[error("resource of the operation cannot be named")]
    Resource(#[source] ResourceError),
    /// It has no name, or what is said about it cannot stand in an entry; policy was not asked.
    #[error("operation cannot be recorded")]
    Operation(#[source] OperationError),
    /// The entry was not signed.
    #[error("entry was not signed")]
    Sign(#[source] SignError),
    /// The entry was signed and could not be recorded where that was asked; it is not handed on.
    #[error("operation was not recorded")]
    Audit(#[source] AuditError),
    /// No random bytes for an id.
    #[error("no entry id could be made")]
    Random(#[source] RandomError),
    /// Policy and signer together took longer than `Limits::admission_wait`.
    #[error("operation was not admitted in time")]
    TookTooLong,
}

impl AdmitError {
    /// The kind, for statuses, logs and metrics.
    #[must_use]
    pub fn kind(&self) -> AdmitErrorKind {
        match self {
            Self::Authorize(error) => match error {
                AuthorizeError::Denied(_) => AdmitErrorKind::Denied,
                AuthorizeError::NoPolicy => AdmitErrorKind::NoPolicy,
                AuthorizeError::ForeignTier(_) | AuthorizeError::ForeignDeviation => {
                    AdmitErrorKind::PolicyMisplaced
                }
                AuthorizeError::Failed(_) => AdmitErrorKind::PolicyFailed,
                AuthorizeError::Unavailable(_) => AdmitErrorKind::PolicyUnavailable,
                AuthorizeError::NoSlot(NoSlot::Full) => AdmitErrorKind::Overloaded,
                AuthorizeError::NoSlot(NoSlot::ShareUsedUp) => AdmitErrorKind::ShareUsedUp,
            },
            Self::Resource(ResourceError::TooLong(_)) => AdmitErrorKind::ResourceTooLong,
            Self::Resource(_) => AdmitErrorKind::ResourceMalformed,
            Self::Operation(OperationError::Unnamed) => AdmitErrorKind::OperationUnnamed,
            Self::Operation(_) => AdmitErrorKind::NotSignable,
            Self::Sign(error) => match error {
                SignError::PassportFull => AdmitErrorKind::LineageFull,
                SignError::EntryTooLong => AdmitErrorKind::EntryTooLarge,
                SignError::Unavailable(_) | SignError::WrongSignature => AdmitErrorKind::SignerUnavailable,
                SignError::OtherPermit
                | SignError::Taints
                | SignError::Classification
                | SignError::Policies
                | SignError::NoReason
                | SignError::Identity(_)
                | SignError::OtherWorkload
                | SignError::Clock
                | SignError::NotWritable(_)
                | SignError::NotCanonical(_) => AdmitErrorKind::NotSignable,
            },
            Self::Audit(_) => AdmitErrorKind::AuditUnavailable,
            Self::Random(_) => AdmitErrorKind::SignerUnavailable,
            Self::TookTooLong => AdmitErrorKind::TookTooLong,
        }
    }

    /// Whether the same operation may be admitted later: only when something was out of reach.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::TookTooLong
            | Self::Audit(_)
            | Self::Authorize(AuthorizeError::Unavailable(_) | AuthorizeError::NoSlot(_))
            | Self::Sign(SignError::Unavailable(_)) => true,
            Self::Authorize(_) | Self::Resource(_) | Self::Operation(_) | Self::Sign(_) | Self::Random(_) => {
                false
            }
        }
    }

    /// The name of the finer kind, for logs and metrics.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Resource(error) => Some(error.kind()),
            Self::Operation(error) => Some(error.kind()),
            Self::Sign(error) => Some(error.kind()),
            Self::Audit(error) => Some(error.kind()),
            Self::Authorize(_) | Self::Random(_) | Self::TookTooLong => None,
        }
    }
}

/// Makes the kinds of one table, so that a kind without a name and a text cannot be written.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $actor:ident: $expected:literal, $mend:literal;)*) => {
        /// The kinds of [`AdmitError`], by who must act.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AdmitErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl AdmitErrorKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// What it means, for the people who run the service.
            #[must_use]
            pub fn explanation(self) -> Explanation {
                match self {
                    $(Self::$kind => Explanation::new($name, Actor::$actor, $expected, $mend),)*
                }
            }
        }
    };
}

kinds! {
    /// A policy said no.
    Denied "denied" Caller:
        "a yes from every policy that is asked",
        "compare the policy named here with the trust, taints and root of this line; where no passport came, \
         trust is the root origin's, 10 unless OperationLayer::root_origin says otherwise";
    /// A policy failed, which counts as a no.
    PolicyFailed "policy_failed" Caller:
        "a policy that can be evaluated for this request",
        "mend the policy: a value that it reads is missing or has another type";
    /// No policy was evaluated.
    NoPolicy "no_policy" Service:
        "a decision that names the policies that allowed",
        "let the engine name what it evaluated, or name a policy for the operation";
    /// The operation's policy spoke for the deployment.
    PolicyMisplaced "policy_misplaced" Service:
        "an operation's policy of the function tier, without deviations",
        "give policies of other tiers and deviations to KestBuilder::deployment_policy";
    /// The policy engine did not answer.
    PolicyUnavailable "policy_unavailable" Dependency:
        "an answer of the policy engine",
        "see whether the engine runs and can be reached within Limits::policy_wait";
    /// The signer did not answer, or wrongly.
    SignerUnavailable "signer_unavailable" Dependency:
        "a signature that holds under the signer's own public key",
        "see whether the signer can be reached and has the key that it publishes";
    /// The operation could not be recorded where that was asked.
    AuditUnavailable "audit_unavailable" Dependency:
        "a record of the operation in the audit log, before it runs",
        "see whether the disk of the audit log is full or slow; where operations may run unrecorded, say best effort";
    /// What the operation acts on is spelled in a way that readers may take for two things.
    ResourceMalformed "resource_malformed" Caller:
        "an address with one spelling: whole escapes, no dot segments, no empty ones, no escaped slashes",
        "let the caller spell the path plainly; name resources by path parameters or Resource::from_path";
    /// What the operation acts on has a name over the limit.
    ResourceTooLong "resource_too_long" Caller:
        "a resource whose id is within Limits::resource_id_bytes",
        "send a shorter path; record an id rather than the whole of what is acted on";
    /// The lineage cannot take another entry.
    LineageFull "lineage_full" Caller:
        "a lineage with fewer entries than Limits::entries and at most Limits::parents tips",
        "find the loop or the fan-out that makes the lineage so long";
    /// What the request brought makes an entry that is over a limit.
    EntryTooLarge "entry_too_large" Caller:
        "names, resource and attributes that make an entry within Limits::entry_bytes",
        "send a shorter path or fewer attributes; record an id rather than the whole of what is acted on";
    /// The operation is declared in a way that cannot be signed.
    NotSignable "not_signable" Service:
        "an operation whose taints, classification, sanitizer, labels, environment and resource can stand in an entry",
        "correct what the operation declares: the cause names what cannot be signed";
    /// The operation is to be named by its route, and there is no route, or its path is too long for a name.
    OperationUnnamed "operation_unnamed" Service:
        "a route under which the operation was registered, of at most 256 bytes with its method",
        "put the layer on the route, with route_layer: a fallback has no path; or name the operation";
    /// The caller has used up its share of what all callers share; others go on.
    ShareUsedUp "share_used_up" Caller:
        "a caller that has not used up its share of what all callers share",
        "see what this caller sends so much of: long lineages, proofs, unknown key ids; others are not affected";
    /// There is too much work at once, of all callers together.
    Overloaded "overloaded" Dependency:
        "a free slot among those that verifications and evaluations of this process share",
        "add replicas or processors, or find what makes lineages so long and policies so slow";
    /// Policy and signer did not finish in time.
    TookTooLong "took_too_long" Dependency:
        "an answer within Limits::arrival_wait or Limits::admission_wait",
        "find what is slow: passport store, key resolver, issuer, policy engine or signer";
}
