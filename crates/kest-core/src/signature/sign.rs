//! The seam between an entry and whoever holds the private key.

use std::fmt;

use async_trait::async_trait;

use super::{KeyId, PublicKey, Signature, WorkloadId};
use crate::BoxError;

/// Signs for one workload: an in-memory key, a file, an HSM or a KMS.
#[async_trait]
pub trait Sign: fmt::Debug + Send + Sync {
    /// The workload that the key belongs to.
    fn workload(&self) -> &WorkloadId;

    /// The name of the key, written into the protected header as `kid`.
    fn key_id(&self) -> &KeyId;

    /// The public half, which verifiers must know.
    fn public_key(&self) -> &PublicKey;

    /// Whether a signature must be checked before it is believed; a remote signer's is.
    fn signature_check(&self) -> SignatureCheck {
        SignatureCheck::Verify
    }

    /// Signs the JWS signing input (RFC 7515 section 5.1).
    ///
    /// # Errors
    ///
    /// [`SignerError`] when no signature can be had. There is no fallback: the caller keeps no entry.
    async fn sign(&self, signing_input: &[u8]) -> Result<Signature, SignerError>;
}

/// Whether a fresh signature is verified before the entry counts as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureCheck {
    /// Verify it under [`Sign::public_key`]: a signer outside this process may return anything.
    Verify,
    /// Believe it: the key is in this process and the same library verifies.
    InProcess,
}

/// The signer is out of reach or gave up.
#[derive(Debug, thiserror::Error)]
#[error("signer is unavailable")]
pub struct SignerError(#[source] BoxError);

impl SignerError {
    /// Wraps the signer's own cause.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}
