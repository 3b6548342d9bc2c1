//! Keeps the keys at hand: no request waits for the network while its key is known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kest_core::{Clock, NoSlot, Share};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::flight::Flight;
use super::health::{KeyHealth, KeysAtStart};
use super::keeper;
use super::progress::{Arrival, Freshness, Grounded, Progress, Verdict, Wanted};
pub(crate) use super::schedule::Schedule;
use super::shared::Shared;
use super::telemetry::{self, Refusal};
use super::{FetchKeys, KeysUnavailable, VerificationKey};
use crate::jwt::Algorithm;

/// The issuer's keys, refreshed in the background by one fetch at a time.
///
/// A key that is not at hand is looked for by a fetch that departs after the request arrived, since an earlier one
/// proves nothing about it. Such fetches depart at most once in a cool-down, however many requests wait for them; only
/// so many may wait, and the rest are refused at once without touching the schedule. So junk causes no fetch that one
/// request would not have caused, and it cannot delay the one that brings a key which was published meanwhile: from
/// its publication that takes a cool-down and one fetch, or two fetches where these take longer than the cool-down.
///
/// Fetches run in tasks of their own, so that a request which is cancelled takes nothing with it. They stop when the
/// cache is dropped.
#[derive(Debug)]
pub(crate) struct KeyCache {
    shared: Arc<Shared>,
    tasks: Mutex<Tasks>,
}

/// A key, and the id that it is published under.
#[derive(Debug)]
pub(crate) struct NamedKey {
    pub(crate) key_id: String,
    pub(crate) key: Arc<VerificationKey>,
}

/// A key was not found.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// The issuer was asked lately and has no such key.
    Unknown,
    /// Nobody can say whether the issuer has it.
    Unavailable(KeysUnavailable),
    /// The peer waits for as many keys as it may.
    ShareUsedUp(NoSlot),
}

impl KeyCache {
    pub(crate) fn new(source: Arc<dyn FetchKeys>, clock: Arc<dyn Clock>, schedule: Schedule) -> Self {
        Self { shared: Arc::new(Shared::new(source, clock, schedule)), tasks: Mutex::default() }
    }

    /// The key of that id if it is in use now: no waiting, and no fetch on the caller's account.
    ///
    /// As long as the issuer publishes a key unchanged this is the very same value, so whoever remembers what it
    /// proved may compare the pointers.
    pub(crate) fn find(&self, key_id: &str) -> Option<Arc<VerificationKey>> {
        let (key, freshness) = self.shared.find(key_id)?;
        if freshness == Freshness::Due && self.shared.may_refresh() {
            self.refresh_behind();
        }
        Some(key)
    }

    /// The key of that id: at once when it is in use, else after the next fetch that the cool-down allows.
    ///
    /// It waits on the account of `peer`, since who presents a token that nobody has proved yet is not known otherwise.
    pub(crate) async fn key(&self, key_id: &str, peer: Share) -> Result<Arc<VerificationKey>, LookupError> {
        if let Some(key) = self.find(key_id) {
            return Ok(key);
        }
        let arrival = self.shared.arrival();
        if let Some(verdict) = self.shared.known(key_id, &arrival) {
            return Err(self.missed(verdict, Refusal::Remembered));
        }
        let _waiting = self.shared.waiters.try_enter(peer).map_err(|taken| {
            telemetry::unknown(&self.shared.schedule.issuer, Refusal::Crowded);
            // Of peers that cannot be told apart none can be blamed.
            if taken == NoSlot::ShareUsedUp && peer != Share::UNKNOWN {
                return LookupError::ShareUsedUp(taken);
            }
            self.shared.crowded()
        })?;
        let settled = self.settled_within(&arrival, self.shared.schedule.key_wait).await;
        // The key may have come although this request's share of the wait had run out.
        if let Some(key) = self.find(key_id) {
            return Ok(key);
        }
        let verdict = settled.map_err(LookupError::Unavailable)?;
        if matches!(verdict, Verdict::Unknown) {
            self.shared.remember_unknown(key_id);
        }
        Err(self.missed(verdict, Refusal::Fetched))
    }

    /// The same, with its name.
    pub(crate) async fn named(&self, key_id: &str, peer: Share) -> Result<NamedKey, LookupError> {
        self.key(key_id, peer).await.map(|key| NamedKey { key_id: key_id.to_owned(), key })
    }

    /// The keys that check `algorithm`, for a token that names none. Those that are at hand count, and of these the first
    /// few by name: trying a key costs as much as checking a token.
    pub(crate) async fn that_check(
        &self,
        algorithm: Algorithm,
        peer: Share,
    ) -> Result<Vec<NamedKey>, LookupError> {
        if let Some(keys) = self.at_hand(algorithm) {
            return Ok(keys);
        }
        // No key is published under no name, so that this waits for a fetch and for nothing else.
        match self.key("", peer).await {
            Ok(_) | Err(LookupError::Unknown) => self.at_hand(algorithm).ok_or(LookupError::Unknown),
            Err(unavailable) => Err(unavailable),
        }
    }

    fn at_hand(&self, algorithm: Algorithm) -> Option<Vec<NamedKey>> {
        let (keys, freshness) = self.shared.that_check(algorithm, KEYS_TRIED)?;
        if freshness == Freshness::Due && self.shared.may_refresh() {
            self.refresh_behind();
        }
        Some(keys)
    }

    /// Fetches now, unless the keys are fresh, so that the first request finds its key.
    pub(crate) async fn start(&self) -> Result<(), KeysUnavailable> {
        if matches!(self.shared.freshness(self.shared.clock.now()), Freshness::Fresh(_)) {
            return Ok(());
        }
        let longest = self.shared.schedule.fetch_wait.saturating_add(MARGIN);
        self.settled_within(&self.shared.arrival(), longest).await?.into()
    }

    /// Fetches now; whether an issuer that is away is an error is for the configuration to say.
    pub(crate) async fn start_with(&self, at_start: KeysAtStart) -> Result<(), KeysUnavailable> {
        at_start.judge(self.start().await)
    }

    /// How the keys are, right now.
    pub(crate) fn health(&self) -> KeyHealth {
        KeyHealth::of(&self.shared)
    }

    /// The number of fetches begun so far.
    pub(crate) fn fetches(&self) -> u64 {
        self.shared.progress.borrow().started
    }

    /// Completes as soon as `count` fetches have ended.
    pub(crate) async fn after_fetches(&self, count: u64) {
        wait_for(self.shared.progress.subscribe(), |progress| progress.ended >= count).await;
    }

    fn missed(&self, verdict: Verdict, refusal: Refusal) -> LookupError {
        match verdict {
            Verdict::Unknown => {
                telemetry::unknown(&self.shared.schedule.issuer, refusal);
                LookupError::Unknown
            }
            Verdict::Failed(cause) => LookupError::Unavailable(KeysUnavailable::Fetch(cause)),
        }
    }

    /// Begins a refresh that is due, and does not wait for it.
    fn refresh_behind(&self) {
        // Without a runtime there is nothing to refresh with; the known key still holds.
        if self.depart(Wanted::Refresh).is_err() {
            tracing::debug!("keys are due and no runtime can fetch them");
        }
    }

    async fn settled_within(&self, arrival: &Arrival, wait: Duration) -> Result<Verdict, KeysUnavailable> {
        // Without a runtime there is no timer either.
        Handle::try_current().map_err(|_none| KeysUnavailable::NoRuntime)?;
        let settled = tokio::time::timeout(wait, self.settled(arrival)).await;
        settled.map_err(|_elapsed| KeysUnavailable::Waited(wait))?
    }

    /// Waits until a fetch has landed that departed after the arrival, and sends it off when its time has come.
    async fn settled(&self, arrival: &Arrival) -> Result<Verdict, KeysUnavailable> {
        let mut progress = self.shared.progress.subscribe();
        loop {
            if let Some(verdict) = progress.borrow_and_update().settled(arrival) {
                return Ok(verdict);
            }
            let pause = match self.depart(Wanted::UnknownKey)? {
                Ok(()) | Err(Grounded::InFlight) => self.shared.schedule.fetch_wait.saturating_add(MARGIN),
                Err(Grounded::For(pause)) => pause,
            };
            // Whichever comes first; the sender lives in `Shared`, so the channel cannot be closed meanwhile.
            drop(tokio::time::timeout(pause, progress.changed()).await);
        }
    }

    /// Sends off a fetch and, the first time, the keeper.
    fn depart(&self, wanted: Wanted) -> Result<Result<(), Grounded>, KeysUnavailable> {
        let runtime = Handle::try_current().map_err(|_none| KeysUnavailable::NoRuntime)?;
        self.shared.anchor();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Flight::begin(&self.shared, wanted).map(|flight| {
            tasks.flight = Some(runtime.spawn(flight.run()).abort_handle());
        });
        if tasks.keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            // The first use, or the runtime that ran the keeper is gone.
            tasks.keeper = Some(runtime.spawn(keeper::keep(Arc::clone(&self.shared))).abort_handle());
        }
        Ok(flight)
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

pub(super) async fn wait_for(
    mut progress: watch::Receiver<Progress>,
    reached: impl Fn(&Progress) -> bool + Send + Sync,
) {
    // The sender lives in `Shared`, which the caller holds: the channel cannot be closed meanwhile.
    if progress.wait_for(|progress| reached(progress)).await.is_err() {
        tracing::debug!("key cache is gone");
    }
}

/// Signing keys of one trust domain that overlap while they are rotated are two or three.
const KEYS_TRIED: usize = 4;

/// What is waited beyond the longest fetch, so that its own reason is reported.
const MARGIN: Duration = Duration::from_millis(250);
