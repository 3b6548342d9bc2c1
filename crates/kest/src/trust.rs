//! Whose entries a service believes.

use std::sync::Arc;

use async_trait::async_trait;
use kest_core::signature::{Bundle, KeyRing, KeysUnavailable, ReplaceableKeys, ResolveKeys, Sign};
use kest_core::{Clock, UnverifiedPassport};
use kest_identity::{BundleFile, BundleUrl, FollowedBundle};

use crate::build_error::BuildError;

/// The keys of the workloads that a service believes, as [`KestBuilder::trust`](crate::KestBuilder::trust) takes them: a
/// bundle that was read, a ring, or a resolver.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Arc<dyn ResolveKeys>,
    at_start: AtStart,
}

/// What is known of the ring when a service is built.
#[derive(Debug, Clone)]
enum AtStart {
    /// It stays so.
    Fixed(Arc<KeyRing>),
    /// The next one may have more.
    Followed(Arc<KeyRing>),
    /// It is found when an entry comes.
    Unknown,
}

impl Trust {
    /// The keys that `resolver` finds: one that refreshes itself, or one of your own.
    #[must_use]
    pub fn resolver(resolver: impl ResolveKeys + 'static) -> Self {
        Self { keys: Arc::new(resolver), at_start: AtStart::Unknown }
    }

    fn followed(keys: impl ResolveKeys + 'static, now: Option<Arc<KeyRing>>) -> Self {
        Self { keys: Arc::new(keys), at_start: now.map_or(AtStart::Unknown, AtStart::Followed) }
    }

    /// Holds the key that a service signs with against these: they are what its peers have too, as a rule.
    pub(crate) fn check_own(&self, signer: &dyn Sign, clock: &dyn Clock) -> Result<(), BuildError> {
        match &self.at_start {
            AtStart::Fixed(ring) => own_key(ring, signer, clock),
            AtStart::Followed(ring) => {
                if let Err(fault) = own_key(ring, signer, clock) {
                    tracing::warn!(workload = %signer.workload(), "not in the bundle so far: {fault}");
                }
                Ok(())
            }
            AtStart::Unknown => Ok(()),
        }
    }

    /// Whether entries that `signer` signs now are believed; `None` where that is known only when an entry comes.
    pub(crate) fn believes(&self, signer: &dyn Sign) -> Option<bool> {
        let AtStart::Fixed(ring) = &self.at_start else { return None };
        let key = signer.current();
        Some(ring.key(key.workload(), key.key_id()).is_some_and(|trusted| trusted == key.public_key()))
    }
}

impl From<Bundle> for Trust {
    fn from(bundle: Bundle) -> Self {
        bundle.into_ring().into()
    }
}

impl From<KeyRing> for Trust {
    fn from(ring: KeyRing) -> Self {
        Arc::new(ring).into()
    }
}

impl From<Arc<KeyRing>> for Trust {
    fn from(ring: Arc<KeyRing>) -> Self {
        Self { keys: Arc::new(Arc::clone(&ring)), at_start: AtStart::Fixed(ring) }
    }
}

impl From<BundleFile> for Trust {
    fn from(bundle: BundleFile) -> Self {
        let now = bundle.current();
        Self::followed(bundle, now)
    }
}

impl From<BundleUrl> for Trust {
    fn from(bundle: BundleUrl) -> Self {
        let now = bundle.current();
        Self::followed(bundle, now)
    }
}

impl From<FollowedBundle> for Trust {
    fn from(bundle: FollowedBundle) -> Self {
        let now = bundle.current();
        Self::followed(bundle, now)
    }
}

impl From<ReplaceableKeys> for Trust {
    fn from(keys: ReplaceableKeys) -> Self {
        let now = keys.current();
        Self::followed(keys, Some(now))
    }
}

#[async_trait]
impl ResolveKeys for Trust {
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        self.keys.ring_for(passport).await
    }

    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        self.keys.ring_in_use()
    }
}

/// A ring that does not know the workload at all may hold the services that call this one, and no more.
fn own_key(ring: &KeyRing, signer: &dyn Sign, clock: &dyn Clock) -> Result<(), BuildError> {
    let key = signer.current();
    let named = || (key.workload().clone(), key.key_id().clone());
    if ring.key(key.workload(), key.key_id()) == Some(key.public_key()) {
        let ended = ring.not_after(key.key_id()).is_some_and(|end| end.has_passed(clock.unix_millis()));
        let (workload, key) = named();
        return if ended { Err(BuildError::KeyEnded { workload, key }) } else { Ok(()) };
    }
    if ring.knows(key.workload()) {
        let (workload, key) = named();
        return Err(BuildError::UntrustedKey { workload, key });
    }
    tracing::warn!(
        workload = %key.workload(),
        "the trusted keys have none of this service: what it signs is refused where it comes back to it"
    );
    Ok(())
}
