//! How those who verify learn the entry key of a workload whose identity comes from an agent.

use std::sync::Arc;

use kest_core::signature::{ReplaceableSigner, ResolveKeys, Sign as _};

use super::SpiffeStartError;
use kest_identity::SpiffeId;

/// How those who verify learn the key that entries are signed with.
///
/// The Workload API gives certificates and roots, and has no place for the keys of entries. So they are told in another
/// way: in a trust bundle that all services read, from a file or a URL. This type makes a program say it.
#[derive(Debug, Clone)]
pub struct EntryKeys(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Published { signer: ReplaceableSigner, bundle: Arc<dyn ResolveKeys> },
    None,
}

impl EntryKeys {
    /// Entries are signed by `signer`, and those who verify read `bundle`: a `BundleFile` or a `BundleUrl`, as they do.
    ///
    /// A start is refused while the bundle does not have the signer's key. Before [`ReplaceableSigner::replace`], put the next
    /// key into the bundle too.
    #[must_use]
    pub fn published(signer: ReplaceableSigner, bundle: impl ResolveKeys + 'static) -> Self {
        Self(Kind::Published { signer, bundle: Arc::new(bundle) })
    }

    /// This workload signs no entries: it only calls, or verifies.
    #[must_use]
    pub fn signs_nothing() -> Self {
        Self(Kind::None)
    }

    pub(super) fn signer(&self) -> Option<ReplaceableSigner> {
        match &self.0 {
            Kind::Published { signer, .. } => Some(signer.clone()),
            Kind::None => None,
        }
    }

    /// Whether the signer is that of `identity`, and its present key can be verified by others.
    pub(super) fn check(&self, identity: &SpiffeId) -> Result<(), SpiffeStartError> {
        let Kind::Published { signer, .. } = &self.0 else { return Ok(()) };
        if signer.workload() != identity.workload() {
            return Err(SpiffeStartError::SignerOfAnother);
        }
        if self.is_published() { Ok(()) } else { Err(SpiffeStartError::EntryKeyUnpublished) }
    }

    /// Whether the bundle of the moment has the key of the moment.
    pub(super) fn is_published(&self) -> bool {
        let Kind::Published { signer, bundle } = &self.0 else { return true };
        let key = signer.current();
        let ring = bundle.ring_in_use();
        ring.is_some_and(|ring| ring.key(signer.workload(), key.key_id()) == Some(key.public_key()))
    }
}
