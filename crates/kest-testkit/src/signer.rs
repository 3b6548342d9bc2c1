//! Signers whose work a test can see, and signers that fail.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::{
    Ed25519Signer, KeyId, PublicKey, ReplaceableSigner, Sign, Signature, SignatureCheck, SignerError,
    SigningKey, WorkloadId,
};
use serde_json::Value;

use crate::fail::OrFail as _;
use crate::workload;

/// What the signers that share it have signed, in order.
#[derive(Debug, Clone, Default)]
pub struct SignedEntries(Arc<Mutex<Vec<SignedEntry>>>);

impl SignedEntries {
    /// All of them so far.
    #[must_use]
    pub fn all(&self) -> Vec<SignedEntry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn push(&self, entry: SignedEntry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

/// One entry that was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedEntry(Value);

impl SignedEntry {
    fn of(signing_input: &[u8]) -> Self {
        let payload = signing_input.split(|byte| *byte == b'.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).or_fail("the payload of an entry");
        Self(serde_json::from_slice(&payload).or_fail("the payload of an entry"))
    }

    /// Everything that was signed.
    #[must_use]
    pub fn payload(&self) -> &Value {
        &self.0
    }

    /// The operation that it records.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.text("/operation")
    }

    /// Who it says was calling, as the label `kest.identity` has it.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.text("/labels/kest.identity")
    }

    /// The trust that it signs.
    #[must_use]
    pub fn trust(&self) -> u64 {
        self.0.pointer("/trust_score").and_then(Value::as_u64).unwrap_or_default()
    }

    /// The taints that it signs.
    #[must_use]
    pub fn taints(&self) -> Vec<&str> {
        let taints = self.0.pointer("/taints").and_then(Value::as_array);
        taints.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A signer that notes the entries that it signs, and signs requests without a note.
///
/// A handler never runs before the entry of its operation is signed, so a request that left no entry ran no operation.
#[derive(Debug, Clone)]
pub struct TestSigner {
    inner: Arc<dyn Sign>,
    signed: SignedEntries,
}

impl TestSigner {
    /// Notes what `inner` signs.
    #[must_use]
    pub fn noting(inner: Arc<dyn Sign>, signed: SignedEntries) -> Self {
        Self { inner, signed }
    }

    /// What it, and all who share its notes, have signed.
    #[must_use]
    pub fn signed(&self) -> &SignedEntries {
        &self.signed
    }
}

impl Sign for TestSigner {
    fn workload(&self) -> &WorkloadId {
        self.inner.workload()
    }

    fn current(&self) -> Arc<dyn SigningKey> {
        Arc::new(NotingKey { inner: self.inner.current(), signed: self.signed.clone() })
    }
}

#[derive(Debug)]
struct NotingKey {
    inner: Arc<dyn SigningKey>,
    signed: SignedEntries,
}

#[async_trait]
impl SigningKey for NotingKey {
    fn workload(&self) -> &WorkloadId {
        self.inner.workload()
    }

    fn key_id(&self) -> &KeyId {
        self.inner.key_id()
    }

    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    fn signature_check(&self) -> SignatureCheck {
        self.inner.signature_check()
    }

    async fn sign(&self, signing_input: &[u8]) -> Result<Signature, SignerError> {
        let signature = self.inner.sign(signing_input).await?;
        // The base of a request's signature begins with the quoted name of a part (RFC 9421 section 2.5), which no JWS does.
        if !signing_input.starts_with(b"\"") {
            self.signed.push(SignedEntry::of(signing_input));
        }
        Ok(signature)
    }
}

/// What is wrong with a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignerFault {
    /// It answers with an error.
    Away,
    /// It answers with a malformed signature.
    Wrong,
    /// It never answers.
    Silent,
}

/// The signer of the workload called `name`, with a fault.
///
/// # Panics
///
/// When `name` is not a workload's name.
#[must_use]
#[track_caller]
pub fn failing_signer(name: &str, fault: SignerFault) -> ReplaceableSigner {
    ReplaceableSigner::new(FailingKey { key: workload::signer(name), fault })
}

#[derive(Debug)]
struct FailingKey {
    key: Arc<Ed25519Signer>,
    fault: SignerFault,
}

#[async_trait]
impl SigningKey for FailingKey {
    fn workload(&self) -> &WorkloadId {
        self.key.workload()
    }

    fn key_id(&self) -> &KeyId {
        self.key.key_id()
    }

    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, _signing_input: &[u8]) -> Result<Signature, SignerError> {
        match self.fault {
            SignerFault::Away => Err(SignerError::new("key service is away")),
            SignerFault::Wrong => Ok(Signature::from_bytes([7; 64])),
            SignerFault::Silent => std::future::pending().await,
        }
    }
}
