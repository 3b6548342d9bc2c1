//! The keys that requests are signed with: those of workloads, and secrets that two of them share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use kest_core::signature::{KeyId, KeyRing, ReplaceableKeys, ResolveKeys, Signature, WorkloadId};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::RequestSignatureError;
use crate::Fault;
use crate::profile::{Algorithm, Moment};

/// A secret of one workload and those who verify it, for `hmac-sha256` (RFC 9421 section 3.3.3). Wiped when dropped.
///
/// All who can verify with it can sign with it too: between services prefer their Ed25519 keys.
#[derive(Clone)]
pub struct SharedKey(Arc<Held>);

struct Held {
    workload: WorkloadId,
    key_id: KeyId,
    seed: Zeroizing<Vec<u8>>,
}

impl SharedKey {
    /// The secret of `workload`, called `key_id`: at least 32 random bytes, never a password.
    ///
    /// # Errors
    ///
    /// [`ShortSeed`] when there are fewer.
    pub fn new(workload: WorkloadId, key_id: KeyId, seed: &[u8]) -> Result<Self, ShortSeed> {
        if seed.len() < SEED_BYTES {
            return Err(ShortSeed(seed.len()));
        }
        Ok(Self(Arc::new(Held { workload, key_id, seed: Zeroizing::new(seed.to_vec()) })))
    }

    /// The workload that it belongs to.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.0.workload
    }

    /// Its name: the `keyid` of what it signs.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.0.key_id
    }

    /// The signature over `base`.
    #[must_use]
    pub fn sign(&self, base: &[u8]) -> Option<[u8; 32]> {
        self.mac(base).map(|mac| mac.finalize().into_bytes().into())
    }

    /// Whether `signature` is this key's over `base`; compared in constant time.
    #[must_use]
    pub fn verifies(&self, base: &[u8], signature: &[u8]) -> bool {
        self.mac(base).is_some_and(|mac| mac.verify_slice(signature).is_ok())
    }

    /// HMAC takes keys of any length, so that there always is one.
    fn mac(&self, base: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.seed).ok()?;
        mac.update(base);
        Some(mac)
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SharedKey")
            .field("workload", &self.0.workload)
            .field("key_id", &self.0.key_id)
            .finish_non_exhaustive()
    }
}

/// A secret is too short to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("shared key is under 32 bytes: {0}")]
pub struct ShortSeed(usize);

/// Which keys a receiver takes requests from.
#[derive(Debug, Clone)]
pub struct RequestKeys {
    keys: Arc<dyn ResolveKeys>,
    shared: HashMap<KeyId, SharedKey>,
}

impl RequestKeys {
    /// No key of any workload: only those that are [added](Self::with_shared).
    #[must_use]
    pub fn none() -> Self {
        KeyRing::new().into()
    }

    /// The keys that `keys` has in use when a request comes: a trust bundle that is followed. While it has none, as when the
    /// bundle is too old, nothing can be said of a request. A key that is not in it yet is not asked for.
    #[must_use]
    pub fn followed(keys: impl ResolveKeys + 'static) -> Self {
        Self { keys: Arc::new(keys), shared: HashMap::new() }
    }

    /// Takes requests that are signed with `key` too.
    ///
    /// # Errors
    ///
    /// [`RequestKeysError`] when its id names another key already.
    pub fn with_shared(mut self, key: SharedKey) -> Result<Self, RequestKeysError> {
        let id = key.key_id().clone();
        if self.keys.ring_in_use().is_some_and(|ring| ring.has_key(&id)) || self.shared.contains_key(&id) {
            return Err(RequestKeysError::KeyIdOfTwoKeys(id));
        }
        self.shared.insert(id, key);
        Ok(self)
    }

    /// Whose key signed `base`. The key says which algorithm it is for, never the signature alone: the public key of a
    /// workload cannot be used as a shared secret.
    pub(crate) fn workload(
        &self,
        key_id: &KeyId,
        algorithm: Algorithm,
        moment: &Moment,
        base: &[u8],
        signature: &[u8],
    ) -> Result<WorkloadId, RequestSignatureError> {
        let ring = self.keys.ring_in_use().ok_or(RequestSignatureError::KeysUnavailable)?;
        // A ring that was replaced may name a key as a shared one is called: then neither is meant for certain.
        let (owner, shared) = (ring.owner(key_id), self.shared.get(key_id));
        let (holds, workload) = match (owner, shared, algorithm) {
            (Some(_), Some(_), _) | (None, None, _) => return Err(Fault::KeyUnknown.into()),
            (Some(owner), None, Algorithm::Ed25519) => {
                moment.check_end_of_key(&ring, key_id)?;
                let bytes = signature.try_into().map_err(|_length| Fault::SignatureAbsent)?;
                let key = ring.key(owner, key_id).ok_or(Fault::KeyUnknown)?;
                (key.verifies(base, &Signature::from_bytes(bytes)), owner)
            }
            (None, Some(key), Algorithm::HmacSha256) => (key.verifies(base, signature), key.workload()),
            (Some(_), None, Algorithm::HmacSha256) | (None, Some(_), Algorithm::Ed25519) => {
                return Err(Fault::Algorithm.into());
            }
        };
        if holds { Ok(workload.clone()) } else { Err(Fault::RequestDiffers.into()) }
    }
}

impl From<KeyRing> for RequestKeys {
    /// The keys of these workloads.
    fn from(ring: KeyRing) -> Self {
        Arc::new(ring).into()
    }
}

impl From<Arc<KeyRing>> for RequestKeys {
    fn from(ring: Arc<KeyRing>) -> Self {
        Self::followed(ring)
    }
}

impl From<ReplaceableKeys> for RequestKeys {
    /// The keys that are trusted when a request comes.
    fn from(keys: ReplaceableKeys) -> Self {
        Self::followed(keys)
    }
}

/// A key cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestKeysError {
    /// One key id names two different keys.
    #[error("key id names two keys: {0}")]
    KeyIdOfTwoKeys(KeyId),
}

/// RFC 9421 section 3.3.3 leaves the length open; this is the digest's own.
const SEED_BYTES: usize = 32;
