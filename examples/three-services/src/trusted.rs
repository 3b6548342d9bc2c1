//! Whom a service believes: itself, and the bundles that it follows.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kest::core::signature::{KeyRing, KeyRingError, KeysUnavailable, ResolveKeys};
use kest::core::{BoxError, UnverifiedPassport};
use kest::{BundleFile, BundleUrl, Limits, Passport};

/// The keys of several bundles and the service's own, as one ring; a bundle that changes is noticed while the service runs.
#[derive(Debug)]
pub(crate) struct Trusted {
    own: Arc<KeyRing>,
    bundles: Vec<Box<dyn ResolveKeys>>,
    /// Names no key: what a bundle has now is enough for it.
    nothing: UnverifiedPassport,
    joined: Mutex<Joined>,
}

/// What was joined last, and from which rings.
#[derive(Debug, Default)]
struct Joined {
    of: Vec<Arc<KeyRing>>,
    ring: Arc<KeyRing>,
}

impl Trusted {
    /// Follows the bundles at these places, files or URLs.
    ///
    /// # Errors
    ///
    /// A place without a trust bundle, and bundles that contradict each other.
    pub(crate) async fn follow(own: KeyRing, places: &[String]) -> Result<Self, BoxError> {
        let mut bundles: Vec<Box<dyn ResolveKeys>> = Vec::new();
        for place in places {
            if place.starts_with("http://") || place.starts_with("https://") {
                bundles.push(Box::new(BundleUrl::builder(place.as_str()).build().await?));
            } else {
                bundles.push(Box::new(BundleFile::builder(place).build().await?));
            }
        }
        let nothing = UnverifiedPassport::from_json(b"[]", Passport::empty().tips(), &Limits::default())?;
        let trusted = Self { own: Arc::new(own), bundles, nothing, joined: Mutex::default() };
        trusted.current(&trusted.nothing).await?;
        Ok(trusted)
    }

    /// What the bundles have for `passport`, and the service's own.
    async fn current(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        let mut rings = vec![Arc::clone(&self.own)];
        for bundle in &self.bundles {
            rings.push(bundle.ring_for(passport).await?);
        }
        self.join(rings).map_err(KeysUnavailable::new)
    }

    fn join(&self, rings: Vec<Arc<KeyRing>>) -> Result<Arc<KeyRing>, KeyRingError> {
        let mut joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        let same = joined.of.len() == rings.len()
            && joined.of.iter().zip(&rings).all(|(before, now)| Arc::ptr_eq(before, now));
        if !same {
            let mut ring = KeyRing::new();
            for (from, (workload, key_id, key)) in
                rings.iter().flat_map(|it| it.keys().map(move |key| (it, key)))
            {
                if let Some(not_after) = from.not_after(key_id) {
                    ring.trust_until(workload.clone(), key_id.clone(), key.clone(), not_after)?;
                } else {
                    ring.trust(workload.clone(), key_id.clone(), key.clone())?;
                }
            }
            *joined = Joined { of: rings, ring: Arc::new(ring) };
        }
        Ok(Arc::clone(&joined.ring))
    }
}

#[async_trait]
impl ResolveKeys for Trusted {
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        let ring = self.current(&self.nothing).await?;
        if passport.claimed_key_ids().all(|key_id| ring.has_key(&key_id)) {
            return Ok(ring);
        }
        // A key that none of them has by now: they look again, within their own pace.
        self.current(passport).await
    }

    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        let bundles = self.bundles.iter().map(|bundle| bundle.ring_in_use());
        let rings = std::iter::once(Some(Arc::clone(&self.own))).chain(bundles).collect::<Option<Vec<_>>>();
        self.join(rings?).ok()
    }
}
