//! How fetching goes: who may start, and what a fetch that has ended says to those who waited for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::schedule::{Schedule, left};

/// How fetching goes. Fetches are numbered from 1, and one is under way at a time.
///
/// Starts are judged by two watermarks. The last start of any fetch is the one that requests for something unknown have
/// to keep their distance from. The last start while a refresh was due is the refresh's own: nothing that such a
/// request causes moves it, so a refresh that has come due starts whatever junk has used just now.
#[derive(Debug)]
pub(crate) struct Progress<F> {
    in_flight: bool,
    started_at: Option<SystemTime>,
    refresh: Refresh,
    failure: Option<Arc<F>>,
    failures: u32,
    pub(super) started: u64,
    pub(super) ended: u64,
}

/// Nothing was fetched yet.
impl<F> Default for Progress<F> {
    fn default() -> Self {
        Self {
            in_flight: false,
            started_at: None,
            refresh: Refresh::default(),
            failure: None,
            failures: 0,
            started: 0,
            ended: 0,
        }
    }
}

/// How the scheduled refreshes go.
#[derive(Debug, Default)]
struct Refresh {
    started_at: Option<SystemTime>,
    failures: u32,
    retry_after: Duration,
}

/// Why a fetch is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The value may be due for a refresh.
    Refresh,
    /// A request waits for something that is not known.
    Unknown,
}

/// Whether a known value should be fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh(Duration),
    Due,
}

/// Why no new fetch was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotStarted {
    /// One is under way and can be waited for.
    InFlight,
    /// Not before this time has passed.
    For(Duration),
}

/// When it was asked for: whatever was published before that must be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    started: u64,
    at: SystemTime,
}

/// What fetches say about something that was not found.
#[derive(Debug)]
pub(super) enum Verdict<F> {
    /// The publisher was asked after the request arrived, and does not have it.
    Unknown,
    /// The publisher was asked and gave no usable answer.
    Failed(Arc<F>),
}

impl<F> Progress<F> {
    pub(super) fn arrival(&self, now: SystemTime) -> Arrival {
        Arrival { started: self.started, at: now }
    }

    /// Marks a start, if one is allowed now, and says whether it serves as the refresh.
    pub(super) fn start(
        &mut self,
        wanted: Wanted,
        freshness: Freshness,
        now: SystemTime,
        schedule: &Schedule,
    ) -> Result<Serves, NotStarted> {
        if self.in_flight {
            return Err(NotStarted::InFlight);
        }
        let pause = match wanted {
            Wanted::Refresh => self.refresh_in(freshness, now),
            Wanted::Unknown => self.refresh_in(freshness, now).min(self.rest(now, schedule)),
        };
        if !pause.is_zero() {
            return Err(NotStarted::For(pause));
        }
        let serves = if freshness == Freshness::Due { Serves::Refresh } else { Serves::Unknown };
        if serves == Serves::Refresh {
            self.refresh.started_at = Some(now);
        }
        self.in_flight = true;
        self.started_at = Some(now);
        self.started += 1;
        Ok(serves)
    }

    pub(super) fn end(&mut self, serves: Serves, outcome: Result<(), Arc<F>>, schedule: &Schedule) {
        self.in_flight = false;
        self.ended += 1;
        self.failure = outcome.err();
        if self.failure.is_none() {
            self.failures = 0;
            self.refresh = Refresh::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if serves == Serves::Refresh {
            self.refresh.failures = self.refresh.failures.saturating_add(1);
            self.refresh.retry_after = schedule.retry_after(self.refresh.failures);
        }
    }

    /// What is known for a request that arrived then; `None` while it has to wait for a fetch that starts later.
    ///
    /// A fetch that started before the request arrived proves nothing: what it looks for may have been published since.
    pub(super) fn settled(&self, arrival: &Arrival) -> Option<Verdict<F>> {
        let started_later = self.ended > arrival.started;
        let at_that_very_instant = self.ended == self.started && self.started_at == Some(arrival.at);
        (started_later || at_that_very_instant).then(|| self.verdict())
    }

    /// The failure of the last fetch, while it is too early for another one.
    pub(super) fn recent_failure(&self, now: SystemTime, schedule: &Schedule) -> Option<Arc<F>> {
        let resting = !self.in_flight && !self.rest(now, schedule).is_zero();
        self.failure.clone().filter(|_failed| resting)
    }

    /// How long it takes until the next refresh may start.
    pub(crate) fn refresh_in(&self, freshness: Freshness, now: SystemTime) -> Duration {
        match (freshness, self.refresh.started_at) {
            (Freshness::Fresh(rest), _) => rest,
            (Freshness::Due, None) => Duration::ZERO,
            (Freshness::Due, Some(then)) => left(self.refresh.retry_after, then, now),
        }
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.in_flight
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn failure(&self) -> Option<&F> {
        self.failure.as_deref()
    }

    fn rest(&self, now: SystemTime, schedule: &Schedule) -> Duration {
        self.started_at.map_or(Duration::ZERO, |then| left(schedule.cool_down, then, now))
    }

    fn verdict(&self) -> Verdict<F> {
        self.failure.clone().map_or(Verdict::Unknown, Verdict::Failed)
    }
}

/// What a fetch is for: one that starts while the value is due is the refresh, whatever it was wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serves {
    Refresh,
    Unknown,
}
