//! A trust bundle at a server, for services that have no folder in common.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::signature::{KeyRing, KeysUnavailable, ResolveKeys};
use kest_core::{Clock, Limits, UnverifiedPassport};
use kest_http::{Endpoint, HttpClient, HttpClientBuilder, Lookup};

use super::followed::Followed;
use super::settings::Settings;
use super::source::Place;
use super::{BundleHealth, BundleStartError};

/// Trusts the keys that a server publishes, and takes its changes over while services run.
///
/// The bundle is asked for every 5 minutes, and at once for a passport under a key that is not known, at most once a
/// second. It is asked for over https, or http on this machine; an entity tag of the server is used. What is said of a
/// [`BundleFile`](crate::BundleFile) that changes holds here too.
///
/// ```no_run
/// use kest_identity::BundleUrl;
///
/// # async fn start() -> Result<BundleUrl, kest_identity::BundleStartError> {
/// let bundle = BundleUrl::builder("https://keys.internal/bundle.json").build().await?;
/// // InboundLayer::builder(bundle.clone())
/// # Ok(bundle)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BundleUrl(pub(super) Arc<Followed>);

impl BundleUrl {
    /// The bundle at `url`.
    pub fn builder(url: impl Into<String>) -> BundleUrlBuilder {
        BundleUrlBuilder {
            url: url.into(),
            roots: Vec::new(),
            lookup: None,
            settings: Settings::every(ASK_EVERY),
        }
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
impl ResolveKeys for BundleUrl {
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        self.0.ring_for(passport).await
    }

    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        self.current()
    }
}

/// The settings of a [`BundleUrl`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BundleUrlBuilder {
    url: String,
    roots: Vec<Vec<u8>>,
    lookup: Option<Arc<dyn Lookup>>,
    settings: Settings,
}

impl BundleUrlBuilder {
    /// Trusts these certificate authorities too (PEM, one or several), besides those of the machine.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Looks names up in this way instead of the system's.
    pub fn lookup(mut self, lookup: Arc<dyn Lookup>) -> Self {
        self.lookup = Some(lookup);
        self
    }

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

    /// Asks for the bundle, and follows it from then on.
    ///
    /// # Errors
    ///
    /// [`BundleStartError`] when the URL cannot be asked, or there is no trust bundle: a service that can verify nothing
    /// does not start.
    pub async fn build(self) -> Result<BundleUrl, BundleStartError> {
        self.settings.check()?;
        let endpoint = Endpoint::parse(&self.url).map_err(|cause| BundleStartError::Url(cause.into()))?;
        let builder = HttpClient::builder(self.settings.limits.key_fetch_wait);
        let builder = self.lookup.into_iter().fold(builder, HttpClientBuilder::lookup);
        let builder = self.roots.into_iter().fold(builder, HttpClientBuilder::root_certificate_pem);
        let client = builder.build().map_err(|cause| BundleStartError::Client(cause.into()))?;
        // Without a query, which may be a secret.
        let origin = endpoint.origin().map(|origin| origin.to_string()).unwrap_or_default();
        let name = format!("{origin}{}", endpoint.path()).into();
        let place = Place::Url { client, endpoint };
        Ok(BundleUrl(Arc::new(self.settings.follow(name, place).await?)))
    }
}

/// As the keys of issuers.
const ASK_EVERY: Duration = Duration::from_secs(300);
