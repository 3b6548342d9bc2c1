//! Why a request is not signed.

use kest_core::RandomError;
use kest_core::signature::SignerError;

use crate::Fault;

/// A request cannot be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The request has what no signature can cover, such as two `authorization` headers.
    #[error("request cannot be signed: {0}")]
    Request(#[from] Fault),
    /// The key is out of reach.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// What the holder of the key gave is not its signature.
    #[error("signer gave a signature that is not the key's")]
    NotTheKeys,
    /// There is no nonce without random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl SignError {
    /// Whether the same request may be signed later: only when the key or the random source was out of reach.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Signer(_) | Self::Random(_) => true,
            Self::Request(_) | Self::NotTheKeys => false,
        }
    }

    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(fault) => fault.as_str(),
            Self::Signer(_) => "signer_unavailable",
            Self::NotTheKeys => "signer_wrong",
            Self::Random(_) => "random_unavailable",
        }
    }
}
