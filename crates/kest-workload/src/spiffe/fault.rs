//! Why an answer of an agent was not taken.

use kest_core::BoxError;
use spiffe::WorkloadApiError;

/// An agent gave no identity, or one that is not taken. The present one then goes on until it ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentFault {
    /// The agent is not there, or ended the answer.
    #[error("agent is out of reach")]
    Unavailable(#[source] BoxError),
    /// The agent ended its stream of answers.
    #[error("agent ended its answers")]
    Ended,
    /// The agent knows no identity for this process.
    #[error("agent gives this process no identity")]
    Denied(#[source] BoxError),
    /// The answer is empty or malformed.
    #[error("answer of the agent cannot be read")]
    Malformed(#[source] BoxError),
    /// The identity of this workload is not among those of the answer.
    #[error("agent does not give the identity of this workload")]
    OtherIdentity,
    /// There is no root for the trust domain of the identity, or one that cannot be read.
    #[error("agent gives no usable root of the trust domain")]
    Roots(#[source] BoxError),
    /// The certificate has no chain to a root, has ended, or is not that of the key.
    #[error("certificate of the agent cannot be presented")]
    Certificate(#[source] BoxError),
}

impl AgentFault {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Ended => "ended",
            Self::Denied(_) => "denied",
            Self::Malformed(_) => "malformed",
            Self::OtherIdentity => "other_identity",
            Self::Roots(_) => "roots",
            Self::Certificate(_) => "certificate",
        }
    }

    pub(super) fn of(cause: WorkloadApiError) -> Self {
        use WorkloadApiError as Cause;
        if matches!(cause, Cause::Transport(_)) {
            Self::Unavailable(cause.into())
        } else if matches!(cause, Cause::NoIdentityIssued | Cause::PermissionDenied(_)) {
            Self::Denied(cause.into())
        } else {
            Self::Malformed(cause.into())
        }
    }
}
