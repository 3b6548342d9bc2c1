//! What an authority does without being asked: it follows its own keys, and tidies up.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kest_core::Random;
use zeroize::Zeroizing;

use super::Authority;
use crate::certificate::{RequestedKey, Subject, issue};
use crate::error::Trouble;
use crate::keys::KeySet;
use crate::telemetry::{self, Asked};

impl Authority {
    /// Keeps the authority up, for as long as it is polled: a program spawns it beside its listeners.
    ///
    /// It reads keys that were replaced, makes the certificate of the listeners anew in time, publishes the keys that are
    /// live, ends those of workloads that are over, and forgets old tickets. What fails is logged, counted, and tried again.
    pub async fn keep_up(&self) {
        loop {
            if let Err(trouble) = self.keep_up_now().await {
                telemetry::troubled(Asked::Upkeep, &trouble);
            }
            tokio::time::sleep(self.0.look_every).await;
        }
    }

    /// Does all of that once. A program that has replaced the keys calls it, and otherwise [`keep_up`](Self::keep_up).
    ///
    /// # Errors
    ///
    /// [`Trouble`] with what was not done; what was done stays.
    pub async fn keep_up_now(&self) -> Result<(), Trouble> {
        let _one = self.0.upkeep.lock().await;
        let now = self.now();
        // Where the file is broken, the rest goes on with the keys that were read last.
        let refreshed = self.0.keys.refresh();
        if matches!(refreshed, Ok(true)) {
            telemetry::keys_replaced();
        }
        let set = self.0.keys.current();
        self.present(&set, now)?;
        if let Some(root) = set.issuing(now) {
            telemetry::root_left(root.not_after().saturating_sub(now / 1000));
        }
        self.0.store.publish(set.authority(), &set.published(now), now).await?;
        self.0.store.retire(now, now.saturating_sub(ENDED_KEPT)).await?;
        self.0.store.forget_tickets(now.saturating_sub(TICKETS_KEPT)).await?;
        self.bundle().await?;
        refreshed?;
        Ok(())
    }

    /// The roots and the certificate of the listeners.
    fn present(&self, set: &KeySet, now: u64) -> Result<(), Trouble> {
        let own = &self.0.own;
        let roots: Vec<Vec<u8>> =
            set.live_roots(now).iter().map(|root| root.certificate().to_vec()).collect();
        own.trust.replace_roots(&roots).map_err(|cause| Trouble::Issue(cause.into()))?;
        // A ticket names the root that issues, and its holder waits for a chain that ends there.
        let is_of_another = set.issuing(now).is_some_and(|root| root.pin() != &**own.root_pin.load());
        if is_of_another || now >= own.renew_at.load(Ordering::Relaxed) {
            let next = own_certificate(set, now, &*self.0.random)?;
            own.certificate.replace(&next.chain, &next.key).map_err(|cause| Trouble::Issue(cause.into()))?;
            own.root_pin.store(Arc::new(next.root_pin));
            own.renew_at.store(next.renew_at, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What the listeners present.
pub(super) struct Presented {
    /// Of the authority itself, and the root that it ends in.
    pub(super) chain: Vec<Vec<u8>>,
    /// PKCS #8.
    pub(super) key: Zeroizing<Vec<u8>>,
    /// When it is made anew, in milliseconds since 1970.
    pub(super) renew_at: u64,
    /// The root, as tickets name it.
    pub(super) root_pin: [u8; 32],
}

pub(super) fn own_certificate(set: &KeySet, now: u64, random: &dyn Random) -> Result<Presented, Trouble> {
    let failed = |cause: kest_core::BoxError| Trouble::Issue(cause);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
    let key = key.map_err(|cause| failed(cause.into()))?;
    let requested = RequestedKey::of(&key).map_err(|cause| failed(cause.into()))?;
    let root = set.issuing(now).ok_or_else(|| failed("no root".into()))?;
    let subject = Subject { identity: set.identity(), epoch: None, server_names: set.server_names() };
    let leaf = issue(root, &requested, &subject, now, now.saturating_add(OWN_LIFE), random)?;
    let renew_at = now.saturating_add(leaf.not_after.saturating_sub(now) / 3);
    let chain = vec![leaf.der.to_vec(), root.certificate().to_vec()];
    Ok(Presented { chain, key: Zeroizing::new(key.serialize_der()), renew_at, root_pin: *root.pin() })
}

/// The certificate of the listeners lives a day, and is made anew after a third of that.
const OWN_LIFE: u64 = 24 * 3600 * 1000;

/// Ended keys stay for a day, so that those who follow the bundle see that they ended.
const ENDED_KEPT: u64 = 24 * 3600 * 1000;

/// Tickets stay for a week after their end, so that a late second use is still an alarm.
const TICKETS_KEPT: u64 = 7 * 24 * 3600 * 1000;
