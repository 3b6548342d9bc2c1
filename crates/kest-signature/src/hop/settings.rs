//! What a receiver demands of hop proofs.

use std::sync::Arc;
use std::time::Duration;

use kest_core::replay::InMemoryReplays;
use kest_core::{Clock, Limits, ReplayStore, SystemClock};

use crate::profile::Window;
use crate::{Authority, Fault};

/// What a service is called, how old a proof may be, and where used ones are remembered.
///
/// ```
/// use kest_signature::hop::HopSettings;
///
/// let settings = HopSettings::builder().authority("cart.internal:8443").authority("cart.example").build()?;
/// assert!(HopSettings::builder().build().is_err());
/// # drop(settings);
/// # Ok::<(), kest_signature::hop::HopSettingsError>(())
/// ```
///
/// Replicas of one service need a [replay store](ReplayStore) that they share; without one each of them remembers its
/// own, and a proof can be used once with every replica.
#[derive(Debug, Clone)]
pub struct HopSettings {
    pub(super) authorities: Arc<[Authority]>,
    pub(super) window: Window,
    pub(super) replays: Arc<dyn ReplayStore>,
    pub(super) clock: Arc<dyn Clock>,
}

impl HopSettings {
    /// Names no authority yet.
    pub fn builder() -> HopSettingsBuilder {
        let limits = Limits::default();
        HopSettingsBuilder {
            authorities: Vec::new(),
            max_age: limits.signature_max_age,
            skew: limits.signature_skew,
            replays: None,
            clock: Arc::new(SystemClock),
            limits,
        }
    }
}

/// Builds [`HopSettings`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HopSettingsBuilder {
    authorities: Vec<String>,
    max_age: Duration,
    skew: Duration,
    replays: Option<Arc<dyn ReplayStore>>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl HopSettingsBuilder {
    /// Adds an authority, `host` or `host:port`, under which callers reach this service. A proof for another one is refused.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authorities.push(authority.into());
        self
    }

    /// Adds several of them.
    pub fn authorities<A: Into<String>>(mut self, authorities: impl IntoIterator<Item = A>) -> Self {
        self.authorities.extend(authorities.into_iter().map(Into::into));
        self
    }

    /// How long after it was made a proof counts, instead of `Limits::signature_max_age`. Whole seconds.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How far ahead the clock of a caller may be, instead of `Limits::signature_skew`. Whole seconds.
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Remembers used proofs there: for all replicas of a service.
    pub fn replays(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps these bounds, also those that were given by [`max_age`](Self::max_age) and [`skew`](Self::skew).
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.max_age = limits.signature_max_age;
        self.skew = limits.signature_skew;
        self.limits = limits.clone();
        self
    }

    /// The settings.
    ///
    /// # Errors
    ///
    /// [`HopSettingsError`] when no authority was named, one is malformed, the window is too wide, or wider than the store remembers.
    pub fn build(self) -> Result<HopSettings, HopSettingsError> {
        let window = window(self.max_age, self.skew)?;
        let authorities = authorities(&self.authorities)?;
        let replays = replays(self.replays, window, &self.limits, &self.clock)?;
        Ok(HopSettings { authorities, window, replays, clock: self.clock })
    }
}

/// The authorities by which a service is called: one at least.
pub(crate) fn authorities(named: &[String]) -> Result<Arc<[Authority]>, HopSettingsError> {
    if named.is_empty() {
        return Err(HopSettingsError::NoAuthority);
    }
    let of_one = |text: &String| {
        Authority::parse(text).map_err(|_same: Fault| HopSettingsError::Authority(text.clone()))
    };
    named.iter().map(of_one).collect()
}

/// The store that was given, if it remembers for as long as the window is open; one in memory where none was.
pub(crate) fn replays(
    given: Option<Arc<dyn ReplayStore>>,
    window: Window,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn ReplayStore>, HopSettingsError> {
    let Some(store) = given else {
        return Ok(Arc::new(InMemoryReplays::with_clock(limits, Arc::clone(clock))));
    };
    let needed = window.longest_life();
    match store.longest_life() {
        Some(remembers) if remembers < needed => Err(HopSettingsError::ReplaysTooShort { remembers, needed }),
        Some(_) | None => Ok(store),
    }
}

/// The window, if it is narrow enough for a stolen proof to be of no use.
pub(crate) fn window(max_age: Duration, skew: Duration) -> Result<Window, HopSettingsError> {
    if max_age > MOST_AGE || max_age < SECOND {
        return Err(HopSettingsError::MaxAge(max_age));
    }
    if skew > MOST_SKEW {
        return Err(HopSettingsError::Skew(skew));
    }
    Ok(Window { max_age, skew })
}

/// Settings for hop proofs or signed requests cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HopSettingsError {
    /// It was not said what the service is called.
    #[error("no authority is named: say under which hosts callers reach this service")]
    NoAuthority,
    /// It is no `host` or `host:port`.
    #[error("authority is not host or host:port: {0}")]
    Authority(String),
    /// Under a second, or over five minutes.
    #[error("greatest age is not between 1 s and 5 min: {0:?}")]
    MaxAge(Duration),
    /// Over a minute.
    #[error("clock skew is over 1 min: {0:?}")]
    Skew(Duration),
    /// The replay store would refuse what has to be remembered: good requests too.
    #[error(
        "replay store keeps nothing for longer than {remembers:?}, and signatures have to be kept for {needed:?}"
    )]
    ReplaysTooShort {
        /// What the store takes at most.
        remembers: Duration,
        /// What the window needs.
        needed: Duration,
    },
}

const SECOND: Duration = Duration::from_secs(1);
const MOST_AGE: Duration = Duration::from_secs(300);
const MOST_SKEW: Duration = Duration::from_secs(60);
