//! Why the lineage of a message is not continued, and what to do about it.

use kest_baggage::{ReadError, RestoreError};
use kest_core::passport::{NotFresh, VerifyError};
use kest_core::refusal::{Actor, Explanation, Refusal, Step};
use kest_core::signature::KeysUnavailable;
use kest_core::{Audit, AuthenticateError, NoSlot};

/// The lineage of a message does not hold; its work may not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContinueError {
    /// The message has no lineage, or an empty one.
    #[error("message has no lineage")]
    Missing,
    /// Its baggage cannot be read.
    #[error("baggage of the message cannot be read")]
    Read(#[source] ReadError),
    /// It has a claim check, which is for calls: it ends long before a message is read.
    #[error("message has a claim check instead of its lineage")]
    ClaimCheck,
    /// The passport in it cannot be opened.
    #[error("passport of the message cannot be opened")]
    Restore(#[source] RestoreError),
    /// The keys of its signers are out of reach; a retry may help.
    #[error("keys are out of reach")]
    Keys(#[source] KeysUnavailable),
    /// The passport does not hold.
    #[error("passport of the message does not hold")]
    Verify(#[source] VerifyError),
    /// It is older than the message may be, or dated in the future.
    #[error("passport of the message is not of its time")]
    Age(#[source] NotFresh),
    /// The caller that the lineage names is not one.
    #[error("lineage of the message names no caller")]
    Caller(#[source] AuthenticateError),
    /// There is too much to verify at once, of this queue or of all; a retry may help.
    #[error("message cannot be verified now")]
    NoSlot(#[source] NoSlot),
    /// Keys did not answer within `Limits::arrival_wait`; a retry may help.
    #[error("message could not be verified in time")]
    TookTooLong,
    /// The process was ending.
    #[error("verification was given up")]
    GaveUp,
}

impl ContinueError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.explanation().kind()
    }

    fn explanation(&self) -> Explanation {
        const FROM_KEST: &str = "a message that kest::carry wrote the lineage of its operation into";
        let row = Explanation::new;
        match self {
            Self::Missing => row(
                "passport_missing",
                Actor::Caller,
                FROM_KEST,
                "let the sender carry its lineage; work that nothing caused is originated",
            ),
            Self::Read(_) => {
                row("baggage_malformed", Actor::Caller, FROM_KEST, "see what changes the message's headers")
            }
            Self::ClaimCheck => row(
                "claim_check_in_message",
                Actor::Caller,
                FROM_KEST,
                "a claim check in a message ends long before it is read: carry it with kest::carry",
            ),
            Self::Restore(_) => {
                row("passport_unreadable", Actor::Caller, FROM_KEST, "see what changes the message's headers")
            }
            Self::Keys(_) => row(
                "keys_unavailable",
                Actor::Dependency,
                "the keys of the workloads that the passport names",
                "see what the resolver of this service asks and whether it answers",
            ),
            Self::Verify(_) => row(
                "passport_invalid",
                Actor::Caller,
                "a passport whose entries, links, scores, taints and tips hold under trusted keys",
                "keep retired keys in the bundle for the longest time that a message may wait",
            ),
            Self::Age(_) => row(
                "passport_stale",
                Actor::Caller,
                "a passport that is no older than max_age",
                "raise max_age where messages wait longer, or see who sends an old one again",
            ),
            Self::Caller(_) => row(
                "credentials_invalid",
                Actor::Caller,
                "a lineage that names its caller",
                "see what wrote the entries",
            ),
            Self::NoSlot(taken) => without_slot(*taken),
            Self::TookTooLong => row(
                "took_too_long",
                Actor::Dependency,
                "an answer of what resolves keys within Limits::arrival_wait",
                "see whether it is there, and take the message again",
            ),
            Self::GaveUp => {
                row("overloaded", Actor::Dependency, "a running process", "let the next one take the message")
            }
        }
    }

    /// The name of the finer kind.
    pub(crate) fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Read(error) => Some(error.kind()),
            Self::Restore(error) => Some(error.kind()),
            Self::Verify(failure) => Some(failure.kind().as_str()),
            Self::Age(error) => Some(error.kind()),
            Self::Missing
            | Self::ClaimCheck
            | Self::Keys(_)
            | Self::Caller(_)
            | Self::NoSlot(_)
            | Self::TookTooLong
            | Self::GaveUp => None,
        }
    }

    pub(crate) fn report(&self, audit: Option<&dyn Audit>) {
        let failure = if let Self::Verify(failure) = self { Some(failure) } else { None };
        Refusal::new(Step::Message, self.explanation())
            .cause(self.cause())
            .index(failure.and_then(VerifyError::index))
            .unknown(failure.and_then(VerifyError::workload))
            .audited(audit)
            .report();
    }
}

fn without_slot(taken: NoSlot) -> Explanation {
    if taken == NoSlot::ShareUsedUp {
        return Explanation::new(
            "share_used_up",
            Actor::Caller,
            "a queue that has not used up its share of what verifies long lineages",
            "see what this queue holds so much of, and name each queue: ContinueWithin::queue",
        );
    }
    Explanation::new(
        "overloaded",
        Actor::Dependency,
        "a free slot among those that verifications of this process share",
        "take the message again later, or add replicas",
    )
}
