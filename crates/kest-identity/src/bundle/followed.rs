//! Finds the keys for a passport in a bundle that is kept up to date.

use std::sync::Arc;
use std::time::Duration;

use kest_core::signature::{KeyId, KeyRing, KeysUnavailable};
use kest_core::{Share, UnverifiedPassport};

use super::health::BundleHealth;
use super::source::BundleSource;
use super::{BundleFault, BundleUnavailable, telemetry};
use crate::refresh::{Missed, Refresher, Unavailable};

/// A bundle that is refreshed in the background for as long as it lives.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) refresher: Refresher<BundleSource>,
    pub(super) name: Arc<str>,
}

impl Followed {
    /// The ring in use, once it has every key that the passport names, or is known to lack one: then verifying refuses it.
    pub(super) async fn ring_for(
        &self,
        passport: &UnverifiedPassport,
    ) -> Result<Arc<KeyRing>, KeysUnavailable> {
        let claimed: Vec<KeyId> = passport.claimed_key_ids().collect();
        let missing = |ring: &KeyRing| claimed.iter().find(|key_id| !ring.has_key(key_id));
        let at_hand = |ring: &Arc<KeyRing>| missing(ring).is_none().then(|| Arc::clone(ring));
        let name = match self.ring() {
            Some(ring) => match missing(&ring) {
                None => return Ok(ring),
                Some(key_id) => key_id.to_string(),
            },
            None => String::new(),
        };
        let found =
            match self.refresher.look_for(&name, Share::UNKNOWN, |trusted| at_hand(&trusted.ring)).await {
                Ok(ring) => Ok(ring),
                // Without a ring after a look that ended, the clock was moved meanwhile: the next request finds out.
                Err(Missed::Unknown) => self.ring().ok_or(BundleUnavailable::Waited(Duration::ZERO)),
                Err(Missed::Unavailable(cause)) => Err(self.unavailable(cause)),
                Err(Missed::ShareUsedUp(_)) => Err(BundleUnavailable::Crowded),
            };
        found.map_err(|cause| {
            telemetry::unavailable(&self.name, cause.kind());
            let kind = cause.kind();
            KeysUnavailable::new(cause).of_kind(kind)
        })
    }

    /// The ring, while it is young enough to be used.
    pub(super) fn ring(&self) -> Option<Arc<KeyRing>> {
        self.refresher.find(|trusted| Some(Arc::clone(&trusted.ring)))
    }

    pub(super) fn health(&self) -> BundleHealth {
        BundleHealth::of(self.refresher.shared())
    }

    /// Says it plainly where there was a bundle and its time is over.
    fn unavailable(&self, cause: Unavailable<BundleFault>) -> BundleUnavailable {
        if let Unavailable::Fetch(fault) = &cause
            && self.health().is_too_old()
        {
            return BundleUnavailable::TooOld(Arc::clone(fault));
        }
        cause.into()
    }
}
