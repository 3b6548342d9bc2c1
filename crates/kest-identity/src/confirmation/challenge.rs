//! What a caller who could not prove possession is told, as the error codes of the specifications.

use std::sync::Arc;

use kest_core::AuthenticateError;

use super::BindingError;

/// What the challenge to a [`BindingError`] must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BindingAnswer {
    /// RFC 6750 section 3.1: `error="invalid_token"`.
    InvalidToken,
    /// RFC 9449 section 7.1: `error="invalid_dpop_proof"`, in the `DPoP` challenge.
    InvalidDpopProof,
    /// RFC 9449 section 9: `error="use_dpop_nonce"` in the `DPoP` challenge, and this value of `DPoP-Nonce`.
    UseDpopNonce(Arc<str>),
    /// No other credential would help.
    Nothing,
}

impl BindingError {
    /// What the challenge must say.
    pub(crate) fn answer(&self) -> BindingAnswer {
        match self {
            Self::Proof(_) | Self::Forgotten(None) => BindingAnswer::InvalidDpopProof,
            // Clients try again by themselves when they are given a nonce, and a new proof is all that is needed.
            Self::Nonce(nonce) | Self::Forgotten(Some(nonce)) => {
                BindingAnswer::UseDpopNonce(Arc::clone(nonce))
            }
            Self::Token(_) => BindingAnswer::InvalidToken,
            Self::NoTarget | Self::ShareUsedUp | Self::Replays(_) => BindingAnswer::Nothing,
        }
    }
}

impl From<BindingError> for AuthenticateError {
    fn from(error: BindingError) -> Self {
        tracing::debug!(kind = error.kind(), "token is not confirmed");
        match &error {
            BindingError::NoTarget | BindingError::Replays(_) => Self::Unavailable(Box::new(error)),
            BindingError::ShareUsedUp => Self::ShareUsedUp(Box::new(error)),
            BindingError::Proof(_)
            | BindingError::Nonce(_)
            | BindingError::Token(_)
            | BindingError::Forgotten(_) => Self::Invalid(Box::new(error)),
        }
    }
}
