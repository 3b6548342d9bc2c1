//! The one fetch that may be under way, and the state that outlives whoever asked for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use kest_core::{Clock, Limits};
use tokio::sync::watch;

use super::{FetchError, FetchKeys, KeySet, KeysUnavailable, VerificationKey};

/// How often keys are fetched and how long they are used.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) refresh_every: Duration,
    pub(crate) serve_stale_for: Duration,
    pub(crate) cool_down: Duration,
    pub(crate) fetch_wait: Duration,
    pub(crate) key_wait: Duration,
}

impl Schedule {
    pub(crate) fn new(refresh_every: Duration, serve_stale_for: Duration, limits: &Limits) -> Self {
        Self {
            refresh_every,
            serve_stale_for,
            cool_down: limits.key_fetch_cool_down,
            fetch_wait: limits.key_fetch_wait,
            key_wait: limits.key_wait,
        }
    }
}

/// What requests, the keeper and the fetch under way have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    source: Arc<dyn FetchKeys>,
    clock: Arc<dyn Clock>,
    pub(crate) schedule: Schedule,
    current: ArcSwapOption<Snapshot>,
    pub(crate) progress: watch::Sender<Progress>,
}

/// The keys as they were at one time.
#[derive(Debug)]
struct Snapshot {
    keys: KeySet,
    fetched_at: SystemTime,
}

/// How fetching goes.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    in_flight: bool,
    attempted_at: Option<SystemTime>,
    failure: Option<Arc<FetchError>>,
    pub(crate) started: u64,
    pub(crate) ended: u64,
}

impl Progress {
    /// What the last fetch says about a key that was not found.
    pub(crate) fn verdict(&self) -> Result<(), KeysUnavailable> {
        match &self.failure {
            Some(cause) => Err(KeysUnavailable::Fetch(Arc::clone(cause))),
            None => Ok(()),
        }
    }
}

/// Whether known keys should be fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Due,
}

/// Why no new fetch was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grounded {
    /// One is under way and can be waited for.
    InFlight,
    /// The last one was too short a time ago.
    CoolingDown,
}

impl Shared {
    pub(crate) fn new(source: Arc<dyn FetchKeys>, clock: Arc<dyn Clock>, schedule: Schedule) -> Self {
        let progress = watch::Sender::default();
        Self { source, clock, schedule, current: ArcSwapOption::empty(), progress }
    }

    /// The key, as long as it may be used; takes no lock.
    pub(crate) fn find(&self, key_id: &str) -> Option<(Arc<VerificationKey>, Freshness)> {
        let current = self.current.load();
        let snapshot = current.as_ref()?;
        let age = self.age(snapshot.fetched_at);
        if age.is_some_and(|age| age >= self.schedule.serve_stale_for) {
            return None;
        }
        let due = age.is_none_or(|age| age >= self.schedule.refresh_every);
        let freshness = if due { Freshness::Due } else { Freshness::Fresh };
        Some((Arc::clone(snapshot.keys.key(key_id)?), freshness))
    }

    /// Whether the keeper should fetch now: no keys yet, or keys that are due.
    pub(crate) fn is_due(&self) -> bool {
        let current = self.current.load();
        let age = current.as_ref().and_then(|snapshot| self.age(snapshot.fetched_at));
        age.is_none_or(|age| age >= self.schedule.refresh_every)
    }

    /// How long the keeper may sleep before it has to look again.
    pub(crate) fn pause(&self) -> Duration {
        let current = self.current.load();
        let age = current.as_ref().and_then(|snapshot| self.age(snapshot.fetched_at));
        let left = age.and_then(|age| self.schedule.refresh_every.checked_sub(age)).unwrap_or_default();
        // A failing endpoint is asked again after the cool-down; the floor keeps a zero setting from spinning.
        if left.is_zero() { self.schedule.cool_down.max(SHORTEST_PAUSE) } else { left.max(SHORTEST_PAUSE) }
    }

    /// The time since `then`; `None` when the clock was set back, which makes everything due.
    fn age(&self, then: SystemTime) -> Option<Duration> {
        self.clock.now().duration_since(then).ok()
    }
}

/// The right to fetch once. Whatever happens to it, the fetch is seen to end.
#[derive(Debug)]
pub(crate) struct Flight {
    shared: Arc<Shared>,
    departed_at: SystemTime,
    outcome: Option<Result<KeySet, FetchError>>,
}

impl Flight {
    /// Claims the next fetch, unless one is under way or the last one was too short a time ago.
    ///
    /// Failed fetches count too: an outage must not cause a fetch for each request.
    pub(crate) fn begin(shared: &Arc<Shared>) -> Result<Self, Grounded> {
        let now = shared.clock.now();
        let mut grounded = None;
        shared.progress.send_if_modified(|progress| {
            let rested = |then| now.duration_since(then).map_or(true, |age| age >= shared.schedule.cool_down);
            grounded = match progress {
                Progress { in_flight: true, .. } => Some(Grounded::InFlight),
                Progress { attempted_at: Some(then), .. } if !rested(*then) => Some(Grounded::CoolingDown),
                _ => None,
            };
            if grounded.is_none() {
                progress.in_flight = true;
                progress.attempted_at = Some(now);
                progress.started += 1;
            }
            grounded.is_none()
        });
        match grounded {
            Some(grounded) => Err(grounded),
            None => Ok(Self { shared: Arc::clone(shared), departed_at: now, outcome: None }),
        }
    }

    /// Fetches, within the time that one fetch may take.
    pub(crate) async fn run(mut self) {
        let fetch = tokio::time::timeout(self.shared.schedule.fetch_wait, self.shared.source.fetch());
        let outcome = fetch.await.unwrap_or(Err(FetchError::TimedOut));
        self.outcome = Some(outcome);
    }

    fn land(&self, keys: KeySet) {
        let (count, skipped) = (keys.len(), keys.skipped_keys());
        if keys.is_empty() {
            tracing::warn!(skipped, "key set has no usable key");
        } else {
            tracing::debug!(keys = count, skipped, "key set fetched");
        }
        self.shared.current.store(Some(Arc::new(Snapshot { keys, fetched_at: self.departed_at })));
    }
}

/// Dropping is what ends a flight, so that one that was cancelled or panicked never leaves others waiting for it.
impl Drop for Flight {
    fn drop(&mut self) {
        let failure = match self.outcome.take().unwrap_or(Err(FetchError::Abandoned)) {
            Ok(keys) => {
                self.land(keys);
                None
            }
            Err(cause) => {
                tracing::warn!(kind = cause.kind(), "key set could not be fetched");
                Some(Arc::new(cause))
            }
        };
        self.shared.progress.send_modify(|progress| {
            progress.in_flight = false;
            progress.failure = failure;
            progress.ended += 1;
        });
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
