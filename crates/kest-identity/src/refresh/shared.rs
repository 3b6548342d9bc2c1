//! What requests, the keeper and the fetch under way have in common.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use kest_core::{Clock, Slots};
use tokio::sync::watch;

use super::progress::{Arrival, Freshness, NotStarted, Progress, Serves, Verdict, Wanted};
use super::schedule::{Schedule, left};
use super::unknown::UnknownIds;
use super::{Missed, Source, Unavailable};

/// The value in use, and all that decides about the next fetch.
#[derive(Debug)]
pub(crate) struct Shared<S: Source> {
    pub(super) source: S,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Schedule,
    pub(crate) current: ArcSwapOption<Snapshot<S::Value>>,
    pub(crate) progress: watch::Sender<Progress<S::Failure>>,
    pub(super) waiters: Slots,
    unknown: UnknownIds,
}

/// The value as it was at one time.
#[derive(Debug)]
pub(crate) struct Snapshot<V> {
    pub(crate) value: Arc<V>,
    /// When the fetch started: what was published after that is not known.
    pub(super) fetched_at: SystemTime,
    pub(super) refresh_after: Duration,
    pub(super) fetch: u64,
}

impl<V> Snapshot<V> {
    /// The time since the value was asked for; `None` when the clock was set back meanwhile.
    pub(crate) fn age(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.fetched_at).ok()
    }

    pub(crate) fn is_too_old(&self, now: SystemTime, schedule: &Schedule) -> bool {
        self.age(now).is_some_and(|age| age >= schedule.serve_stale_for)
    }

    fn freshness(&self, now: SystemTime) -> Freshness {
        match left(self.refresh_after, self.fetched_at, now) {
            Duration::ZERO => Freshness::Due,
            rest => Freshness::Fresh(rest),
        }
    }
}

impl<S: Source> Shared<S> {
    pub(super) fn new(source: S, clock: Arc<dyn Clock>, schedule: Schedule) -> Self {
        Self {
            source,
            clock,
            current: ArcSwapOption::empty(),
            progress: watch::Sender::default(),
            waiters: Slots::new(schedule.waiters, 0),
            unknown: UnknownIds::new(schedule.ids_unknown),
            schedule,
        }
    }

    /// What `look` finds in the value, as long as it may be used; takes no lock.
    pub(super) fn find<T>(&self, look: impl Fn(&S::Value) -> Option<T>) -> Option<(T, Freshness)> {
        let current = self.current.load();
        let snapshot = current.as_ref()?;
        let now = self.clock.now();
        if snapshot.is_too_old(now, &self.schedule) {
            return None;
        }
        Some((look(&snapshot.value)?, snapshot.freshness(now)))
    }

    pub(crate) fn freshness(&self, now: SystemTime) -> Freshness {
        self.current.load().as_ref().map_or(Freshness::Due, |snapshot| snapshot.freshness(now))
    }

    /// Tells how old the value is, if there is one.
    pub(super) fn tell_age(&self) {
        if let Some(snapshot) = self.current.load().as_ref() {
            self.source.aged(snapshot.age(self.clock.now()).unwrap_or_default());
        }
    }

    /// Marks the start of a fetch, if one is allowed now.
    pub(super) fn start(&self, wanted: Wanted) -> Result<Started, NotStarted> {
        let now = self.clock.now();
        let freshness = self.freshness(now);
        let mut start = Err(NotStarted::InFlight);
        self.progress.send_if_modified(|progress| {
            start = progress.start(wanted, freshness, now, &self.schedule).map(|serves| Started {
                at: now,
                number: progress.started,
                serves,
            });
            start.is_ok()
        });
        start
    }

    /// Whether a refresh may start now. Cheaper than trying: in an outage every request asks.
    pub(super) fn may_refresh(&self) -> bool {
        let now = self.clock.now();
        let progress = self.progress.borrow();
        !progress.in_flight() && progress.refresh_in(self.freshness(now), now).is_zero()
    }

    pub(super) fn arrival(&self) -> Arrival {
        self.progress.borrow().arrival(self.clock.now())
    }

    /// What can be said without waiting about what is not at hand.
    pub(super) fn known(&self, name: &str, arrival: &Arrival) -> Option<Verdict<S::Failure>> {
        let now = self.clock.now();
        {
            let progress = self.progress.borrow();
            if let Some(verdict) = progress.settled(arrival) {
                return Some(verdict);
            }
            // In an outage, waiting for the next failure would only hold requests.
            if let Some(cause) = progress.recent_failure(now, &self.schedule) {
                return Some(Verdict::Failed(cause));
            }
        }
        let current = self.current.load();
        let snapshot = current.as_ref()?;
        let lately = !left(self.schedule.cool_down, snapshot.fetched_at, now).is_zero();
        (lately && self.unknown.holds(name, snapshot.fetch)).then_some(Verdict::Unknown)
    }

    /// Remembers that the publisher was asked for that and does not have it.
    pub(super) fn remember_unknown(&self, name: &str) {
        if let Some(snapshot) = self.current.load().as_ref() {
            self.unknown.remember(name, snapshot.fetch);
        }
    }

    /// The answer to one request too many. With a value at hand it is the ordinary refusal of what is unknown: were it a
    /// fault of ours, a stranger could make this service look ill.
    pub(super) fn crowded(&self) -> Missed<S::Failure> {
        let now = self.clock.now();
        let usable = |snapshot: &Arc<Snapshot<S::Value>>| !snapshot.is_too_old(now, &self.schedule);
        if self.current.load().as_ref().is_some_and(usable) {
            Missed::Unknown
        } else {
            Missed::Unavailable(Unavailable::Crowded)
        }
    }

    /// Lets the value age from now on when the clock was set back behind it: it would never grow too old otherwise.
    pub(super) fn anchor(&self) {
        let current = self.current.load();
        let Some(snapshot) = current.as_ref() else { return };
        let now = self.clock.now();
        if snapshot.age(now).is_some() {
            return;
        }
        let anchored = Snapshot {
            value: Arc::clone(&snapshot.value),
            fetched_at: now,
            refresh_after: Duration::ZERO,
            fetch: snapshot.fetch,
        };
        // A fetch that has ended meanwhile brought a newer value, which must stay.
        drop(self.current.compare_and_swap(&current, Some(Arc::new(anchored))));
    }
}

/// A start that was marked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started {
    pub(super) at: SystemTime,
    pub(super) number: u64,
    pub(super) serves: Serves,
}
