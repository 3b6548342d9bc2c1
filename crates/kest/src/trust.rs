//! Whose entries a service believes.

use std::sync::Arc;

use async_trait::async_trait;
use kest_core::UnverifiedPassport;
use kest_core::signature::{Bundle, KeyRing, KeysUnavailable, ReplaceableKeys, ResolveKeys, Sign};
use kest_identity::{BundleFile, BundleUrl};

/// The keys of the workloads that a service believes, as [`KestBuilder::trust`](crate::KestBuilder::trust) takes them: a
/// bundle that was read, a ring, or a resolver.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Arc<dyn ResolveKeys>,
    /// The ring, where it is known now and stays so.
    fixed: Option<Arc<KeyRing>>,
}

impl Trust {
    /// The keys that `resolver` finds: one that refreshes itself, or one of your own.
    #[must_use]
    pub fn resolver(resolver: impl ResolveKeys + 'static) -> Self {
        Self { keys: Arc::new(resolver), fixed: None }
    }

    /// Whether entries that `signer` signs now are believed; `None` where that is known only when an entry comes.
    pub(crate) fn believes(&self, signer: &dyn Sign) -> Option<bool> {
        let ring = self.fixed.as_ref()?;
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
        Self { keys: Arc::new(Arc::clone(&ring)), fixed: Some(ring) }
    }
}

impl From<BundleFile> for Trust {
    fn from(bundle: BundleFile) -> Self {
        Self::resolver(bundle)
    }
}

impl From<BundleUrl> for Trust {
    fn from(bundle: BundleUrl) -> Self {
        Self::resolver(bundle)
    }
}

impl From<ReplaceableKeys> for Trust {
    fn from(keys: ReplaceableKeys) -> Self {
        Self::resolver(keys)
    }
}

#[async_trait]
impl ResolveKeys for Trust {
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        self.keys.ring_for(passport).await
    }
}
