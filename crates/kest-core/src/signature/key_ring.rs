//! Holds the public keys that are trusted, each under the one workload that it may sign for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::{KeyId, NotAfter, PublicKey, Sign, WorkloadId};
use crate::BoxError;
use crate::passport::UnverifiedPassport;

/// Keys that one workload may have at a time: enough to rotate.
const KEYS_PER_WORKLOAD: usize = 4;

/// The keys that a verifier trusts.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    workloads: HashMap<WorkloadId, Vec<TrustedKey>>,
    owners: HashMap<KeyId, WorkloadId>,
}

#[derive(Debug, Clone)]
struct TrustedKey {
    key_id: KeyId,
    key: PublicKey,
    not_after: Option<NotAfter>,
}

impl KeyRing {
    /// A ring that trusts no one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts `key`, called `key_id`, to sign for `workload`. The same key twice changes nothing.
    ///
    /// # Errors
    ///
    /// [`KeyRingError`] when the key id belongs to another workload or another key, or the workload has too many.
    pub fn trust(&mut self, workload: WorkloadId, key_id: KeyId, key: PublicKey) -> Result<(), KeyRingError> {
        self.add(workload, TrustedKey { key_id, key, not_after: None })
    }

    /// Trusts `key` as [`trust`](Self::trust) does, for what was issued until `not_after`. Of the same key twice the
    /// earlier end counts.
    ///
    /// # Errors
    ///
    /// As [`trust`](Self::trust).
    pub fn trust_until(
        &mut self,
        workload: WorkloadId,
        key_id: KeyId,
        key: PublicKey,
        not_after: NotAfter,
    ) -> Result<(), KeyRingError> {
        self.add(workload, TrustedKey { key_id, key, not_after: Some(not_after) })
    }

    fn add(&mut self, workload: WorkloadId, new: TrustedKey) -> Result<(), KeyRingError> {
        if self.owners.get(&new.key_id).is_some_and(|owner| *owner != workload) {
            return Err(KeyRingError::KeyIdOfTwoWorkloads(new.key_id));
        }
        let keys = self.workloads.entry(workload.clone()).or_default();
        if let Some(known) = keys.iter_mut().find(|known| known.key_id == new.key_id) {
            if known.key != new.key {
                return Err(KeyRingError::KeyIdOfTwoKeys(new.key_id));
            }
            known.not_after = known.not_after.into_iter().chain(new.not_after).min();
            return Ok(());
        }
        if keys.len() >= KEYS_PER_WORKLOAD {
            return Err(KeyRingError::TooManyKeys(workload));
        }
        self.owners.insert(new.key_id.clone(), workload);
        keys.push(new);
        Ok(())
    }

    /// Trusts the present key of a service's own signer.
    ///
    /// # Errors
    ///
    /// As [`trust`](Self::trust).
    pub fn trust_signer(&mut self, signer: &dyn Sign) -> Result<(), KeyRingError> {
        let key = signer.current();
        self.trust(key.workload().clone(), key.key_id().clone(), key.public_key().clone())
    }

    /// The keys that may have signed for `workload`, and until when: the one called `key_id`, or all when the entry names
    /// none.
    pub(crate) fn candidates<'ring>(
        &'ring self,
        workload: &WorkloadId,
        key_id: Option<&KeyId>,
    ) -> impl Iterator<Item = (&'ring PublicKey, Option<NotAfter>)> {
        self.workloads
            .get(workload)
            .into_iter()
            .flatten()
            .filter(move |known| key_id.is_none_or(|id| known.key_id == *id))
            .map(|known| (&known.key, known.not_after))
    }

    /// The key called `key_id`, if it may sign for `workload`.
    #[must_use]
    pub fn key(&self, workload: &WorkloadId, key_id: &KeyId) -> Option<&PublicKey> {
        self.find(workload, key_id).map(|known| &known.key)
    }

    /// When the key called `key_id` ends; `None` for one that does not, or is not trusted.
    #[must_use]
    pub fn not_after(&self, key_id: &KeyId) -> Option<NotAfter> {
        self.find(self.owners.get(key_id)?, key_id)?.not_after
    }

    fn find(&self, workload: &WorkloadId, key_id: &KeyId) -> Option<&TrustedKey> {
        self.workloads.get(workload)?.iter().find(|known| known.key_id == *key_id)
    }

    /// Whether any key is trusted to sign for `workload`.
    #[must_use]
    pub fn knows(&self, workload: &WorkloadId) -> bool {
        self.workloads.contains_key(workload)
    }

    /// The one workload that the key called `key_id` may sign for.
    #[must_use]
    pub fn owner(&self, key_id: &KeyId) -> Option<&WorkloadId> {
        self.owners.get(key_id)
    }

    /// Whether a key of this id is trusted, for whichever workload.
    #[must_use]
    pub fn has_key(&self, key_id: &KeyId) -> bool {
        self.owners.contains_key(key_id)
    }

    /// Every trusted key with its workload and id, in no particular order.
    pub fn keys(&self) -> impl Iterator<Item = (&WorkloadId, &KeyId, &PublicKey)> {
        self.workloads
            .iter()
            .flat_map(|(workload, keys)| keys.iter().map(move |known| (workload, &known.key_id, &known.key)))
    }
}

/// A key cannot be added to a ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// Two workloads claim one key id: which of them signed would be a guess.
    #[error("key id is claimed by two workloads: {0}")]
    KeyIdOfTwoWorkloads(KeyId),
    /// One key id names two different keys.
    #[error("key id names two keys: {0}")]
    KeyIdOfTwoKeys(KeyId),
    /// More keys than a rotation needs.
    #[error("workload has more than 4 keys: {0}")]
    TooManyKeys(WorkloadId),
}

/// Finds the keys for a passport between restoring and verifying it.
///
/// A [`KeyRing`] is the resolver that always answers with itself.
#[async_trait]
pub trait ResolveKeys: fmt::Debug + Send + Sync {
    /// The ring to verify `passport` with. It need not hold every key: what is missing is refused there.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`] when the keys are out of reach, which is not the same as not being trusted.
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable>;

    /// The ring that is in use now, for a record of what counted when; `None` where different passports have different ones.
    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        None
    }
}

#[async_trait]
impl ResolveKeys for Arc<KeyRing> {
    async fn ring_for(&self, _passport: &UnverifiedPassport) -> Result<Self, KeysUnavailable> {
        Ok(Self::clone(self))
    }

    fn ring_in_use(&self) -> Option<Self> {
        Some(Self::clone(self))
    }
}

/// A ring that can be exchanged while services use it, for rotation without a restart.
///
/// A request that is being verified keeps the ring that it began with; the next one sees the new ring.
///
/// ```
/// use kest_core::signature::{KeyRing, ReplaceableKeys};
/// let keys = ReplaceableKeys::new(KeyRing::new());
/// // Give one clone to `InboundLayer::builder`, keep the other, and when the bundle has changed:
/// keys.replace(KeyRing::new());
/// ```
#[derive(Debug, Clone)]
pub struct ReplaceableKeys(Arc<RwLock<Arc<KeyRing>>>);

impl ReplaceableKeys {
    /// Begins with `ring`.
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(ring))))
    }

    /// Trusts the keys of `ring` from now on, and no others: a key that it lacks is withdrawn.
    pub fn replace(&self, ring: KeyRing) {
        // The lock guards one pointer, so a panic elsewhere leaves it whole.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// The keys that are trusted now.
    #[must_use]
    pub fn current(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl ResolveKeys for ReplaceableKeys {
    async fn ring_for(&self, _passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        Ok(self.current())
    }

    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        Some(self.current())
    }
}

/// The keys are out of reach; a retry may help.
#[derive(Debug, thiserror::Error)]
#[error("keys are out of reach")]
pub struct KeysUnavailable {
    source: BoxError,
    kind: Option<&'static str>,
}

impl KeysUnavailable {
    /// Wraps the resolver's own cause.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self { source: cause.into(), kind: None }
    }

    /// Gives the cause a name, for logs and metrics of the refusal.
    #[must_use]
    pub fn of_kind(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The name of the cause, where the resolver gave it one.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.kind
    }
}
