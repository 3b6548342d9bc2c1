//! Why a signed request does not count.

use kest_core::BoxError;

use crate::Fault;
use crate::once::NotOnce;

/// A signed request does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestSignatureError {
    /// No signature of the request has the tag.
    #[error("request is not signed")]
    Missing,
    /// The signature is malformed, or does not hold for this request and moment.
    #[error("signature does not hold: {0}")]
    Invalid(#[from] Fault),
    /// The signature was used before.
    #[error("signature was used before")]
    Replayed,
    /// The replay store has lost what it may have known of the signature; one that is made now will do.
    #[error("signature may have been used before")]
    Forgotten,
    /// The key has used up its share of the replay store.
    #[error("key has used up its share of the replay store")]
    ShareUsedUp,
    /// The replay store is full, slow or out of reach; a retry may help.
    #[error("replay store cannot remember the signature")]
    Unavailable(#[source] BoxError),
    /// The keys that are followed are out of reach, as a trust bundle that is too old is: a retry may help.
    #[error("keys of workloads are out of reach")]
    KeysUnavailable,
}

impl RequestSignatureError {
    /// The kind, a stable name for logs, metrics and programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "signature_missing",
            Self::Invalid(Fault::BodyTooLarge) => "body_too_large",
            Self::Invalid(_) => "signature_invalid",
            Self::Replayed | Self::Forgotten => "signature_replayed",
            Self::ShareUsedUp => "share_used_up",
            Self::Unavailable(_) | Self::KeysUnavailable => "signature_unavailable",
        }
    }

    /// The finer kind, where there is one.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(fault) => Some(fault.as_str()),
            Self::Forgotten => Some("replay_forgotten"),
            Self::KeysUnavailable => Some("keys_unavailable"),
            Self::Missing | Self::Replayed | Self::ShareUsedUp | Self::Unavailable(_) => None,
        }
    }
}

impl From<NotOnce> for RequestSignatureError {
    fn from(found: NotOnce) -> Self {
        match found {
            NotOnce::Replayed => Self::Replayed,
            NotOnce::Forgotten => Self::Forgotten,
            NotOnce::ShareUsedUp => Self::ShareUsedUp,
            NotOnce::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}
