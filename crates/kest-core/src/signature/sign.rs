//! The seam between an entry and the holder of the private key, and the signer whose key is exchanged while it runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::{KeyId, PublicKey, Signature, WorkloadId};
use crate::BoxError;

/// Signs for one workload, with the key that is its present one.
///
/// An entry names its key and is signed by it, so both come from one [`SigningKey`] that was asked for once. A key that is
/// held somewhere else, in an HSM or a KMS, is a `SigningKey`; [`ReplaceableSigner`] makes a `Sign` of it.
pub trait Sign: fmt::Debug + Send + Sync {
    /// The workload that is signed for; never another one.
    fn workload(&self) -> &WorkloadId;

    /// The present key. Its holder goes on with it, whatever takes its place meanwhile.
    fn current(&self) -> Arc<dyn SigningKey>;
}

/// A shared signer is the signer that it shares.
impl<S: Sign + ?Sized> Sign for Arc<S> {
    fn workload(&self) -> &WorkloadId {
        self.as_ref().workload()
    }

    fn current(&self) -> Arc<dyn SigningKey> {
        self.as_ref().current()
    }
}

/// One private key: in memory, in a file, in an HSM or a KMS.
#[async_trait]
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The workload that the key belongs to.
    fn workload(&self) -> &WorkloadId;

    /// The name of the key, written into the protected header as `kid`.
    fn key_id(&self) -> &KeyId;

    /// The public half, which verifiers must know.
    fn public_key(&self) -> &PublicKey;

    /// Whether a signature must be checked before it is believed; a remote key's is.
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
    /// Verify it under [`SigningKey::public_key`]: a key outside this process may return anything.
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

/// A signer whose key is exchanged while services sign with it, for rotation without a restart.
///
/// An entry that is being signed keeps the key that it began with; the next one is signed with the new key. Clones share
/// the key: give one to `Admitter::builder`, keep the other.
///
/// ```
/// use kest_core::OsRandom;
/// use kest_core::signature::{Ed25519Signer, ReplaceableSigner, Sign as _, WorkloadId};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cart = WorkloadId::new("spiffe://example.org/cart")?;
/// let signer = ReplaceableSigner::new(Ed25519Signer::generate(cart.clone(), &OsRandom)?);
/// let before = signer.current();
/// // Once all who verify trust the next key too:
/// signer.replace(Ed25519Signer::generate(cart, &OsRandom)?)?;
/// assert_ne!(signer.current().key_id(), before.key_id());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReplaceableSigner(Arc<Replaceable>);

#[derive(Debug)]
struct Replaceable {
    workload: WorkloadId,
    key: RwLock<Arc<dyn SigningKey>>,
}

impl ReplaceableSigner {
    /// Begins with `key`, and signs for its workload for good.
    #[must_use]
    pub fn new(key: impl SigningKey + 'static) -> Self {
        let workload = key.workload().clone();
        Self(Arc::new(Replaceable { workload, key: RwLock::new(Arc::new(key)) }))
    }

    /// Signs with `key` from now on. All who verify must trust it already.
    ///
    /// # Errors
    ///
    /// [`OtherWorkload`] when the key belongs to another workload; the present key then stays.
    pub fn replace(&self, key: impl SigningKey + 'static) -> Result<(), OtherWorkload> {
        if *key.workload() != self.0.workload {
            return Err(OtherWorkload { ours: self.0.workload.clone(), other: key.workload().clone() });
        }
        // The lock guards one pointer, so a panic elsewhere leaves it whole.
        *self.0.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
        Ok(())
    }
}

impl Sign for ReplaceableSigner {
    fn workload(&self) -> &WorkloadId {
        &self.0.workload
    }

    fn current(&self) -> Arc<dyn SigningKey> {
        Arc::clone(&self.0.key.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A key cannot take the place of one that belongs to another workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key belongs to another workload than {ours}: {other}")]
pub struct OtherWorkload {
    ours: WorkloadId,
    other: WorkloadId,
}

impl OtherWorkload {
    /// The workload that the key belongs to.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsRandom;
    use crate::signature::Ed25519Signer;

    fn key(workload: &str) -> Ed25519Signer {
        Ed25519Signer::generate(WorkloadId::new(workload).unwrap(), &OsRandom).unwrap()
    }

    #[test]
    fn key_of_another_workload_does_not_take_the_place_of_ours() {
        let signer = ReplaceableSigner::new(key("cart"));
        let before = signer.current();
        let refused = signer.replace(key("payments")).unwrap_err();
        assert_eq!(refused.workload().as_str(), "payments");
        assert_eq!(refused.to_string(), "key belongs to another workload than cart: payments");
        assert_eq!(signer.current().key_id(), before.key_id());
        assert_eq!(signer.workload().as_str(), "cart");
    }

    #[test]
    fn clones_go_over_to_the_next_key_and_snapshots_stay_with_theirs() {
        let (signer, next) = (ReplaceableSigner::new(key("cart")), key("cart"));
        let (clone, held, next_id) = (signer.clone(), signer.current(), next.key_id().clone());
        signer.replace(next).unwrap();
        assert_eq!(*clone.current().key_id(), next_id);
        assert_ne!(*held.key_id(), next_id);
    }
}
