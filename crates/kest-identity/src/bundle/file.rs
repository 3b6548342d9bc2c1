//! A trust bundle in a file that is written from outside: by Kubernetes, by a sidecar, by `kest bundle --out`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::signature::{KeyRing, KeysUnavailable, ResolveKeys};
use kest_core::{Clock, Limits, UnverifiedPassport};

use super::followed::Followed;
use super::settings::Settings;
use super::source::Place;
use super::{BundleHealth, BundleStartError};

/// Trusts the keys of a file, and takes its changes over while services run.
///
/// The file is read again every 10 seconds, and at once for a passport under a key that is not known. What counts is its
/// content: a file that is exchanged by renaming or behind a link is noticed like one that is written in place. It is a
/// regular file that others cannot write. A bundle that is [older or lacks
/// keys](kest_core::signature::Bundle::check_follows) is not taken, nor one that cannot be read: the last good one stays
/// for an hour, and then passports are refused with 503. Clones share the bundle; looking ends with the last of them.
///
/// ```no_run
/// use kest_identity::BundleFile;
///
/// # async fn start() -> Result<BundleFile, kest_identity::BundleStartError> {
/// let bundle = BundleFile::builder("bundle.json").build().await?;
/// // InboundLayer::builder(bundle.clone())
/// # Ok(bundle)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BundleFile(pub(super) Arc<Followed>);

impl BundleFile {
    /// The bundle in the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> BundleFileBuilder {
        BundleFileBuilder { path: path.into(), settings: Settings::every(LOOK_EVERY) }
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
impl ResolveKeys for BundleFile {
    async fn ring_for(&self, passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        self.0.ring_for(passport).await
    }

    fn ring_in_use(&self) -> Option<Arc<KeyRing>> {
        self.current()
    }
}

/// The settings of a [`BundleFile`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BundleFileBuilder {
    path: PathBuf,
    settings: Settings,
}

impl BundleFileBuilder {
    /// Looks at the file this often; 10 seconds by default.
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.settings.refresh_every = period;
        self
    }

    /// Goes on with the last good bundle for this long after it was read; an hour by default.
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

    /// Reads the file, and follows it from then on.
    ///
    /// # Errors
    ///
    /// [`BundleStartError`] when there is no trust bundle in it: a service that can verify nothing does not start.
    pub async fn build(self) -> Result<BundleFile, BundleStartError> {
        self.settings.check()?;
        let name = self.path.to_string_lossy().into();
        let place = Place::File { path: self.path, looking: Arc::default() };
        Ok(BundleFile(Arc::new(self.settings.follow(name, place).await?)))
    }
}

/// A file costs little to look at, and who puts a new bundle there waits for it.
const LOOK_EVERY: Duration = Duration::from_secs(10);
