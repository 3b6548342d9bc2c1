//! Why a hop proof does not count.

use kest_core::BoxError;

use crate::Fault;
use crate::once::NotOnce;

/// A hop proof does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HopError {
    /// The request has no proof where one is demanded.
    #[error("request has no proof")]
    Missing,
    /// The proof is malformed, or does not hold for this request, passport and moment.
    #[error("proof does not hold: {0}")]
    Invalid(#[from] Fault),
    /// The proof was used before.
    #[error("proof was used before")]
    Replayed,
    /// The replay store has lost what it may have known of the proof; one that is made now will do.
    #[error("proof may have been used before")]
    Forgotten,
    /// The key has used up its share of the replay store.
    #[error("key has used up its share of the replay store")]
    ShareUsedUp,
    /// The replay store is full or out of reach; a retry may help.
    #[error("replay store cannot remember the proof")]
    Unavailable(#[source] BoxError),
}

impl HopError {
    /// The kind, a stable name for logs, metrics and programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Invalid(_) => "proof_invalid",
            Self::Replayed | Self::Forgotten => "proof_replayed",
            Self::ShareUsedUp => "share_used_up",
            Self::Unavailable(_) => "proof_unavailable",
        }
    }

    /// The finer kind, where there is one.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(fault) => Some(fault.as_str()),
            Self::Forgotten => Some("replay_forgotten"),
            Self::Missing | Self::Replayed | Self::ShareUsedUp | Self::Unavailable(_) => None,
        }
    }
}

impl From<NotOnce> for HopError {
    fn from(found: NotOnce) -> Self {
        match found {
            NotOnce::Replayed => Self::Replayed,
            NotOnce::Forgotten => Self::Forgotten,
            NotOnce::ShareUsedUp => Self::ShareUsedUp,
            NotOnce::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}
