//! What requests, the keeper and the fetch under way have in common.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use kest_core::{Clock, Slots};
use tokio::sync::watch;

use super::progress::{Arrival, Freshness, Grounded, Progress, Serves, Verdict, Wanted};
use super::schedule::{Schedule, left};
use super::unknown::UnknownIds;
use super::{FetchKeys, KeySet, LookupError, NamedKey, VerificationKey};
use crate::jwt::Algorithm;

/// The keys in use, and all that decides about the next fetch.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) source: Arc<dyn FetchKeys>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) schedule: Schedule,
    pub(super) current: ArcSwapOption<Snapshot>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) waiters: Slots,
    unknown: UnknownIds,
}

/// The keys as they were at one time.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: Arc<KeySet>,
    /// When the fetch departed: nobody knows what the issuer published after that.
    pub(super) fetched_at: SystemTime,
    pub(super) refresh_after: Duration,
    pub(super) fetch: u64,
}

impl Snapshot {
    /// The time since the keys were asked for; `None` when the clock was set back meanwhile.
    pub(super) fn age(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.fetched_at).ok()
    }

    pub(super) fn is_too_old(&self, now: SystemTime, schedule: &Schedule) -> bool {
        self.age(now).is_some_and(|age| age >= schedule.serve_stale_for)
    }

    fn freshness(&self, now: SystemTime) -> Freshness {
        match left(self.refresh_after, self.fetched_at, now) {
            Duration::ZERO => Freshness::Due,
            rest => Freshness::Fresh(rest),
        }
    }
}

impl Shared {
    pub(super) fn new(source: Arc<dyn FetchKeys>, clock: Arc<dyn Clock>, schedule: Schedule) -> Self {
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

    /// The key, as long as it may be used; takes no lock.
    pub(super) fn find(&self, key_id: &str) -> Option<(Arc<VerificationKey>, Freshness)> {
        let current = self.current.load();
        let snapshot = current.as_ref()?;
        let now = self.clock.now();
        if snapshot.is_too_old(now, &self.schedule) {
            return None;
        }
        Some((Arc::clone(snapshot.keys.key(key_id)?), snapshot.freshness(now)))
    }

    /// The first `most` keys by name that check `algorithm`; `None` while no keys are in use.
    pub(super) fn that_check(&self, algorithm: Algorithm, most: usize) -> Option<(Vec<NamedKey>, Freshness)> {
        let current = self.current.load();
        let snapshot = current.as_ref()?;
        let now = self.clock.now();
        let usable = !snapshot.is_too_old(now, &self.schedule);
        usable.then(|| (snapshot.keys.that_check(algorithm, most), snapshot.freshness(now)))
    }

    pub(super) fn freshness(&self, now: SystemTime) -> Freshness {
        self.current.load().as_ref().map_or(Freshness::Due, |snapshot| snapshot.freshness(now))
    }

    /// Marks the departure of a fetch, if one is allowed now.
    pub(super) fn depart(&self, wanted: Wanted) -> Result<Departure, Grounded> {
        let now = self.clock.now();
        let freshness = self.freshness(now);
        let mut departure = Err(Grounded::InFlight);
        self.progress.send_if_modified(|progress| {
            departure = progress.depart(wanted, freshness, now, &self.schedule).map(|serves| Departure {
                at: now,
                number: progress.started,
                serves,
            });
            departure.is_ok()
        });
        departure
    }

    /// Whether a refresh may depart now. Cheaper than trying: in an outage every request asks.
    pub(super) fn may_refresh(&self) -> bool {
        let now = self.clock.now();
        let progress = self.progress.borrow();
        !progress.in_flight() && progress.refresh_in(self.freshness(now), now).is_zero()
    }

    pub(super) fn arrival(&self) -> Arrival {
        self.progress.borrow().arrival(self.clock.now())
    }

    /// What can be said without waiting about a key that is not at hand.
    pub(super) fn known(&self, key_id: &str, arrival: &Arrival) -> Option<Verdict> {
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
        (lately && self.unknown.holds(key_id, snapshot.fetch)).then_some(Verdict::Unknown)
    }

    /// Remembers that the issuer was asked for that key and does not have it.
    pub(super) fn remember_unknown(&self, key_id: &str) {
        if let Some(snapshot) = self.current.load().as_ref() {
            self.unknown.remember(key_id, snapshot.fetch);
        }
    }

    /// The answer to one request too many. With keys at hand it is the ordinary refusal of an unknown key: were it a
    /// fault of ours, a stranger could make this service look ill.
    pub(super) fn crowded(&self) -> LookupError {
        let now = self.clock.now();
        let usable = |snapshot: &Arc<Snapshot>| !snapshot.is_too_old(now, &self.schedule);
        if self.current.load().as_ref().is_some_and(usable) {
            LookupError::Unknown
        } else {
            LookupError::Unavailable(super::KeysUnavailable::Crowded)
        }
    }

    /// Lets keys age from now on when the clock was set back behind them: they would never grow too old otherwise.
    pub(super) fn anchor(&self) {
        let current = self.current.load();
        let Some(snapshot) = current.as_ref() else { return };
        let now = self.clock.now();
        if snapshot.age(now).is_some() {
            return;
        }
        let anchored = Snapshot {
            keys: Arc::clone(&snapshot.keys),
            fetched_at: now,
            refresh_after: Duration::ZERO,
            fetch: snapshot.fetch,
        };
        // A fetch that has landed meanwhile brought newer keys, which must stay.
        drop(self.current.compare_and_swap(&current, Some(Arc::new(anchored))));
    }
}

/// A departure that was marked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    pub(super) at: SystemTime,
    pub(super) number: u64,
    pub(super) serves: Serves,
}
