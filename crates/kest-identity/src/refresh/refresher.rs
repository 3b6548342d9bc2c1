//! Keeps a value at hand: no request waits for its publisher while what it looks for is known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kest_core::{Clock, NoSlot, Share};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::fetch_task::FetchTask;
use super::keeper::{self, wait_for};
use super::progress::{Arrival, Freshness, NotStarted, Verdict, Wanted};
use super::schedule::Schedule;
use super::shared::Shared;
use super::{Refusal, Source};

/// A value of a publisher, refreshed in the background by one fetch at a time.
///
/// What is not at hand is looked for by a fetch that starts after the request arrived, since an earlier one proves
/// nothing about it. Such fetches start at most once in a cool-down, however many requests wait for them; only so many
/// may wait, and the rest are refused at once without touching the schedule. So junk causes no fetch that one request
/// would not have caused, and it cannot delay the one that brings what was published meanwhile: from its publication
/// that takes a cool-down and one fetch, or two fetches where these take longer than the cool-down.
///
/// Fetches run in tasks of their own, so that a request which is cancelled takes nothing with it. They stop when the
/// refresher is dropped.
#[derive(Debug)]
pub(crate) struct Refresher<S: Source> {
    shared: Arc<Shared<S>>,
    tasks: Mutex<Tasks>,
}

/// Something was not found.
#[derive(Debug)]
pub(crate) enum Missed<F> {
    /// The publisher was asked lately and does not have it.
    Unknown,
    /// It is not known whether the publisher has it.
    Unavailable(Unavailable<F>),
    /// The peer waits for as many things as it may.
    ShareUsedUp(NoSlot),
}

/// The publisher could not be asked.
#[derive(Debug)]
pub(crate) enum Unavailable<F> {
    /// The last fetch failed.
    Fetch(Arc<F>),
    /// The fetch under way did not end in the time that a request may wait.
    Waited(Duration),
    /// So many requests wait already that this one was not let in.
    Crowded,
    /// Not called from within a Tokio runtime, so nothing can be fetched.
    NoRuntime,
}

impl<S: Source> Refresher<S> {
    pub(crate) fn new(source: S, clock: Arc<dyn Clock>, schedule: Schedule) -> Self {
        Self { shared: Arc::new(Shared::new(source, clock, schedule)), tasks: Mutex::default() }
    }

    /// What `look` finds in the value that is in use now: no waiting, and no fetch on the caller's account.
    pub(crate) fn find<T>(&self, look: impl Fn(&S::Value) -> Option<T>) -> Option<T> {
        let (found, freshness) = self.shared.find(look)?;
        if freshness == Freshness::Due && self.shared.may_refresh() {
            self.refresh_behind();
        }
        Some(found)
    }

    /// What `look` finds, which is called `name`: at once when it is there, else after the next fetch that the cool-down
    /// allows. It waits on the account of `peer`.
    pub(crate) async fn look_for<T>(
        &self,
        name: &str,
        peer: Share,
        look: impl Fn(&S::Value) -> Option<T> + Send + Sync,
    ) -> Result<T, Missed<S::Failure>> {
        if let Some(found) = self.find(&look) {
            return Ok(found);
        }
        let arrival = self.shared.arrival();
        if let Some(verdict) = self.shared.known(name, &arrival) {
            return Err(self.missed(verdict, Refusal::Remembered));
        }
        let _waiting = self.shared.waiters.try_enter(peer).map_err(|taken| {
            self.shared.source.unknown(Refusal::Crowded);
            // Of peers that cannot be told apart none can be blamed.
            if taken == NoSlot::ShareUsedUp && peer != Share::UNKNOWN {
                return Missed::ShareUsedUp(taken);
            }
            self.shared.crowded()
        })?;
        let settled = self.settled_within(&arrival, self.shared.schedule.key_wait).await;
        // It may have come although this request's share of the wait had run out.
        if let Some(found) = self.find(&look) {
            return Ok(found);
        }
        let verdict = settled.map_err(Missed::Unavailable)?;
        if matches!(verdict, Verdict::Unknown) {
            self.shared.remember_unknown(name);
        }
        Err(self.missed(verdict, Refusal::Fetched))
    }

    /// Fetches now, unless the value is fresh, so that the first request finds it.
    pub(crate) async fn start(&self) -> Result<(), Unavailable<S::Failure>> {
        if matches!(self.shared.freshness(self.shared.clock.now()), Freshness::Fresh(_)) {
            return Ok(());
        }
        let longest = self.shared.schedule.fetch_wait.saturating_add(MARGIN);
        match self.settled_within(&self.shared.arrival(), longest).await? {
            Verdict::Unknown => Ok(()),
            Verdict::Failed(cause) => Err(Unavailable::Fetch(cause)),
        }
    }

    /// All there is to know about how it goes.
    pub(crate) fn shared(&self) -> &Shared<S> {
        &self.shared
    }

    /// The number of fetches begun so far.
    pub(crate) fn fetches(&self) -> u64 {
        self.shared.progress.borrow().started
    }

    /// Completes as soon as `count` fetches have ended.
    pub(crate) async fn after_fetches(&self, count: u64) {
        wait_for(self.shared.progress.subscribe(), |progress| progress.ended >= count).await;
    }

    fn missed(&self, verdict: Verdict<S::Failure>, refusal: Refusal) -> Missed<S::Failure> {
        match verdict {
            Verdict::Unknown => {
                self.shared.source.unknown(refusal);
                Missed::Unknown
            }
            Verdict::Failed(cause) => Missed::Unavailable(Unavailable::Fetch(cause)),
        }
    }

    /// Begins a refresh that is due, and does not wait for it.
    fn refresh_behind(&self) {
        // Without a runtime there is nothing to refresh with; the known value still holds.
        if self.begin_fetch(Wanted::Refresh).is_err() {
            tracing::debug!("a refresh is due and no runtime can fetch");
        }
    }

    async fn settled_within(
        &self,
        arrival: &Arrival,
        wait: Duration,
    ) -> Result<Verdict<S::Failure>, Unavailable<S::Failure>> {
        // Without a runtime there is no timer either.
        Handle::try_current().map_err(|_none| Unavailable::NoRuntime)?;
        let settled = tokio::time::timeout(wait, self.settled(arrival)).await;
        settled.map_err(|_elapsed| Unavailable::Waited(wait))?
    }

    /// Waits until a fetch has ended that started after the arrival, and begins it when its time has come.
    async fn settled(&self, arrival: &Arrival) -> Result<Verdict<S::Failure>, Unavailable<S::Failure>> {
        let mut progress = self.shared.progress.subscribe();
        loop {
            if let Some(verdict) = progress.borrow_and_update().settled(arrival) {
                return Ok(verdict);
            }
            let pause = match self.begin_fetch(Wanted::Unknown)? {
                Ok(()) | Err(NotStarted::InFlight) => self.shared.schedule.fetch_wait.saturating_add(MARGIN),
                Err(NotStarted::For(pause)) => pause,
            };
            // Whichever comes first; the sender lives in `Shared`, so the channel cannot be closed meanwhile.
            drop(tokio::time::timeout(pause, progress.changed()).await);
        }
    }

    /// Sends off a fetch and, the first time, the keeper.
    fn begin_fetch(&self, wanted: Wanted) -> Result<Result<(), NotStarted>, Unavailable<S::Failure>> {
        let runtime = Handle::try_current().map_err(|_none| Unavailable::NoRuntime)?;
        self.shared.anchor();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let task = FetchTask::begin(&self.shared, wanted).map(|task| {
            tasks.fetch = Some(runtime.spawn(task.run()).abort_handle());
        });
        if tasks.keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            // The first use, or the runtime that ran the keeper is gone.
            tasks.keeper = Some(runtime.spawn(keeper::keep(Arc::clone(&self.shared))).abort_handle());
        }
        Ok(task)
    }
}

/// The tasks of a refresher, which end with it.
#[derive(Debug, Default)]
struct Tasks {
    keeper: Option<AbortHandle>,
    fetch: Option<AbortHandle>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in [&self.keeper, &self.fetch].into_iter().flatten() {
            task.abort();
        }
    }
}

/// What is waited beyond the longest fetch, so that its own reason is reported.
const MARGIN: Duration = Duration::from_millis(250);
