//! Signed requests without a lineage: a heartbeat, a webhook, a call of an operator's tool.

#[cfg(feature = "tower")]
mod body;
#[cfg(feature = "tower")]
mod client;
mod error;
mod keys;
#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "tower")]
mod refusal;
mod signer;
mod verifier;

#[cfg(feature = "tower")]
pub use body::{SignedBody, SignedBodyError};
#[cfg(feature = "tower")]
pub use client::{SignRequest, SignRequestLayer};
pub use error::RequestSignatureError;
pub use keys::{RequestKeys, RequestKeysError, SharedKey, ShortSeed};
#[cfg(feature = "tower")]
pub use layer::{RequestSignature, RequestSignatureLayer, ResponseFuture};
#[cfg(feature = "tower")]
pub use refusal::RequestRefused;
pub use signer::RequestSigner;
pub use verifier::{RequestVerifier, RequestVerifierBuilder, SignedRequest};

/// The tag of these signatures.
pub(crate) const TAG: &str = "kest-request";
