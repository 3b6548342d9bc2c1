//! Keeps the keys at hand: no request waits for the network while its key is known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kest_core::Clock;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) use super::flight::Schedule;
use super::flight::{Flight, Freshness, Grounded, Progress, Shared};
use super::{FetchKeys, KeysUnavailable, VerificationKey};

/// The issuer's keys, refreshed in the background by one fetch at a time.
///
/// Fetches run in tasks of their own, so that a request which is cancelled takes nothing with it. They stop when the
/// cache is dropped.
#[derive(Debug)]
pub(crate) struct KeyCache {
    shared: Arc<Shared>,
    tasks: Mutex<Tasks>,
}

/// A key was not found.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// The issuer was asked lately and has no such key.
    Unknown,
    /// Nobody can say whether the issuer has it.
    Unavailable(KeysUnavailable),
}

impl KeyCache {
    pub(crate) fn new(source: Arc<dyn FetchKeys>, clock: Arc<dyn Clock>, schedule: Schedule) -> Self {
        Self { shared: Arc::new(Shared::new(source, clock, schedule)), tasks: Mutex::default() }
    }

    /// The key of that id: at once when it is known, else after the one fetch that the cool-down allows.
    pub(crate) async fn key(&self, key_id: &str) -> Result<Arc<VerificationKey>, LookupError> {
        if let Some((key, freshness)) = self.shared.find(key_id) {
            if freshness == Freshness::Due {
                self.refresh_behind();
            }
            return Ok(key);
        }
        let asked = self.fetch_within(self.shared.schedule.key_wait).await;
        // The key may have come although this request's share of the wait had run out.
        match (self.shared.find(key_id), asked) {
            (Some((key, _)), _) => Ok(key),
            (None, Ok(())) => Err(LookupError::Unknown),
            (None, Err(cause)) => Err(LookupError::Unavailable(cause)),
        }
    }

    /// Fetches now, or joins the fetch under way, so that the first request finds its key.
    pub(crate) async fn start(&self) -> Result<(), KeysUnavailable> {
        self.fetch_within(self.shared.schedule.fetch_wait.saturating_add(MARGIN)).await
    }

    /// The number of fetches begun so far.
    pub(crate) fn fetches(&self) -> u64 {
        self.shared.progress.borrow().started
    }

    /// Completes as soon as `count` fetches have ended.
    pub(crate) async fn after_fetches(&self, count: u64) {
        wait_for(self.shared.progress.subscribe(), |progress| progress.ended >= count).await;
    }

    /// Begins a fetch that is due, and does not wait for it.
    fn refresh_behind(&self) {
        // Without a runtime there is nothing to refresh with; the known key still holds.
        if self.depart().is_err() {
            tracing::debug!("keys are due and no runtime can fetch them");
        }
    }

    async fn fetch_within(&self, wait: Duration) -> Result<(), KeysUnavailable> {
        let progress = self.shared.progress.subscribe();
        let seen = progress.borrow().ended;
        match self.depart()? {
            Ok(()) | Err(Grounded::InFlight) => {
                let landed = wait_for(progress, move |progress| progress.ended > seen);
                let in_time = tokio::time::timeout(wait, landed).await;
                in_time.map_err(|_elapsed| KeysUnavailable::Waited(wait))?;
            }
            Err(Grounded::CoolingDown) => {}
        }
        self.shared.progress.borrow().verdict()
    }

    /// Sends off a fetch and, the first time, the keeper.
    fn depart(&self) -> Result<Result<(), Grounded>, KeysUnavailable> {
        let runtime = Handle::try_current().map_err(|_none| KeysUnavailable::NoRuntime)?;
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            // The first use, or the runtime that ran the keeper is gone.
            tasks.keeper = Some(runtime.spawn(keep(Arc::clone(&self.shared))).abort_handle());
        }
        Ok(Flight::begin(&self.shared).map(|flight| {
            tasks.flight = Some(runtime.spawn(flight.run()).abort_handle());
        }))
    }
}

/// The tasks of a cache, which end with it.
#[derive(Debug, Default)]
struct Tasks {
    keeper: Option<AbortHandle>,
    flight: Option<AbortHandle>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in [&self.keeper, &self.flight].into_iter().flatten() {
            task.abort();
        }
    }
}

/// Refreshes keys before they grow stale, also while no request comes.
async fn keep(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.pause()).await;
        if shared.is_due()
            && let Ok(flight) = Flight::begin(&shared)
        {
            flight.run().await;
        }
    }
}

async fn wait_for(
    mut progress: watch::Receiver<Progress>,
    reached: impl Fn(&Progress) -> bool + Send + Sync,
) {
    // The sender lives in `Shared`, which the caller holds: the channel cannot be closed meanwhile.
    if progress.wait_for(|progress| reached(progress)).await.is_err() {
        tracing::debug!("key cache is gone");
    }
}

/// What `start` waits beyond the longest fetch, so that it reports that fetch's own reason.
const MARGIN: Duration = Duration::from_millis(250);
