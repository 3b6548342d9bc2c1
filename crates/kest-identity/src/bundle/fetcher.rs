//! A trust bundle that is fetched in a way of its own, by a fetcher that vouches for what it brings.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::HeaderValue;
use kest_core::signature::{KeyRing, KeysUnavailable, ResolveKeys};
use kest_core::{Clock, Limits, UnverifiedPassport};

use super::followed::Followed;
use super::settings::Settings;
use super::source::Place;
use super::{BundleFault, BundleHealth, BundleStartError};

/// Brings a trust bundle from where its authority publishes it, once it has checked that it is the authority's.
#[async_trait]
pub trait FetchBundle: fmt::Debug + Send + Sync + 'static {
    /// The present bundle, or none where `tag` is still that of the present one. One call at a time, cut off after
    /// `Limits::key_fetch_wait`.
    ///
    /// # Errors
    ///
    /// [`BundleFault`] when the authority vouches for no bundle; the one in use then stays.
    async fn fetch_bundle(&self, tag: Option<&HeaderValue>) -> Result<Option<FetchedBundle>, BundleFault>;

    /// The bundle of this text is in use from now on, or was asked for again and is unchanged. Must not block.
    fn taken(&self, text: &[u8]);
}

/// The text of a bundle, as a fetcher brings it.
#[derive(Debug, Clone)]
pub struct FetchedBundle {
    pub(super) text: Vec<u8>,
    pub(super) entity_tag: Option<HeaderValue>,
    pub(super) asked_at: Option<SystemTime>,
}

impl FetchedBundle {
    /// A JWK Set that was asked for just now.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Self {
        Self { text, entity_tag: None, asked_at: None }
    }

    /// By what a later question asks whether there is another one.
    #[must_use]
    pub fn with_entity_tag(self, entity_tag: Option<HeaderValue>) -> Self {
        Self { entity_tag, ..self }
    }

    /// Says that it was kept since then: it ages from that time on.
    #[must_use]
    pub fn kept_since(self, asked_at: SystemTime) -> Self {
        Self { asked_at: Some(asked_at), ..self }
    }
}

/// A trust bundle that a [`FetchBundle`] brings and that is followed in the background.
///
/// It is asked for every 5 minutes, and at once for a passport under a key that is not known, at most once a second. A bundle
/// without keys, and one whose sequence goes back, is not taken. Keys may leave without an overlap, other than of a
/// [`BundleUrl`](super::BundleUrl): the authority has vouched for the bundle, so they are gone because they were revoked.
#[derive(Debug, Clone)]
pub struct FollowedBundle(Arc<Followed>);

impl FollowedBundle {
    /// The bundle called `name` in logs and metrics.
    pub fn builder(name: impl Into<Arc<str>>, fetcher: Arc<dyn FetchBundle>) -> FollowedBundleBuilder {
        FollowedBundleBuilder { name: name.into(), fetcher, settings: Settings::every(ASK_EVERY) }
    }

    /// The keys of the bundle in use; `None` once it is too old.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeyRing>> {
        self.0.ring()
    }

    /// How the bundle is, right now.
    #[must_use]
    pub fn health(&self) -> BundleHealth {
        self.0.health()
    }
}

#[async_trait]
impl ResolveKeys for FollowedBundle {
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        self.0.ring_for(passport).await
    }

    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        self.current()
    }
}

/// The settings of a [`FollowedBundle`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FollowedBundleBuilder {
    name: Arc<str>,
    fetcher: Arc<dyn FetchBundle>,
    settings: Settings,
}

impl FollowedBundleBuilder {
    /// Asks this often; every 5 minutes by default.
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.settings.refresh_every = period;
        self
    }

    /// Goes on with the last good bundle for this long after it was asked for; an hour by default.
    pub fn serve_stale_for(mut self, time: Duration) -> Self {
        self.settings.serve_stale_for = time;
        self
    }

    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Fetches the bundle, and follows it from then on.
    ///
    /// # Errors
    ///
    /// [`BundleStartError`] when there is no trust bundle: a service that can verify nothing does not start.
    pub async fn build(self) -> Result<FollowedBundle, BundleStartError> {
        self.settings.check()?;
        let followed = self.settings.follow(self.name, Place::Fetcher(self.fetcher)).await?;
        Ok(FollowedBundle(Arc::new(followed)))
    }
}

/// As the keys of issuers.
const ASK_EVERY: Duration = Duration::from_secs(300);
