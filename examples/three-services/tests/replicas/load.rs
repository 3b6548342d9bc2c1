//! Requests by many workers at once, and every one of them accounted for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kest::baggage::PackedHeader;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinSet;

use crate::caller::{Caller, Outcome, Told};

/// A number of requests, and what became of those that were made.
pub(crate) struct Load {
    caller: Caller,
    requests: usize,
    taken: AtomicUsize,
    tried: AtomicUsize,
    prepared: Mutex<Vec<PackedHeader>>,
    told: Mutex<Vec<Told>>,
    count: watch::Sender<usize>,
    /// Workers share it for the time of one request; a request that wants to be alone takes it whole.
    gate: RwLock<()>,
}

impl Load {
    /// Starts `workers` that make `requests`; they end when all are made.
    pub(crate) fn start(caller: Caller, requests: usize, workers: usize) -> (Arc<Self>, JoinSet<()>) {
        let load = Arc::new(Self {
            caller,
            requests,
            taken: AtomicUsize::new(0),
            tried: AtomicUsize::new(0),
            prepared: Mutex::default(),
            told: Mutex::default(),
            count: watch::Sender::new(0),
            gate: RwLock::default(),
        });
        let mut running = JoinSet::new();
        for _ in 0..workers {
            let load = Arc::clone(&load);
            running.spawn(async move {
                let _alarm = Alarm(&load);
                while let Some(number) = load.take() {
                    let _open = load.gate.read().await;
                    load.note(load.make(number).await);
                }
            });
        }
        (load, running)
    }

    fn take(&self) -> Option<usize> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        (number < self.requests).then_some(number)
    }

    /// Every second request is a prepared one while there are any.
    async fn make(&self, number: usize) -> Told {
        let prepared = if number.is_multiple_of(2) { self.pop_prepared() } else { None };
        match prepared {
            Some(header) => self.caller.call_with(&header).await,
            None => self.caller.call(number).await,
        }
    }

    fn pop_prepared(&self) -> Option<PackedHeader> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn note(&self, told: Told) {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(told);
        self.count.send_replace(all.len());
    }

    /// Passports that lie in the store already, for requests that are made later.
    pub(crate) async fn prepare(&self, count: usize) -> Vec<PackedHeader> {
        let mut prepared = Vec::new();
        for number in 0..count {
            prepared.push(self.caller.prepare(number).await.unwrap());
        }
        prepared
    }

    /// Lets workers use these.
    pub(crate) fn offer(&self, prepared: Vec<PackedHeader>) {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).extend(prepared);
    }

    /// How many requests came to an end.
    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until so many requests came to an end.
    pub(crate) async fn reach(&self, count: usize) {
        self.count.subscribe().wait_for(|now| *now >= count).await.unwrap();
    }

    /// Holds the workers until requests complete through every replica again; what it tries counts like the rest.
    pub(crate) async fn recover(&self) {
        let _alone = self.gate.write().await;
        // No process tells when it has reached the store again: they are asked until they have.
        let mut again = tokio::time::interval(Duration::from_millis(50));
        let recovered = async {
            let mut rounds = 0;
            while rounds < 3 {
                again.tick().await;
                rounds = if Box::pin(self.try_all_ways()).await { rounds + 1 } else { 0 };
            }
        };
        Box::pin(tokio::time::timeout(Duration::from_secs(60), recovered)).await.expect("the fleet recovers");
    }

    /// Several requests at once take several connections, and so all replicas.
    async fn try_all_ways(&self) -> bool {
        let [one, two, three, four] = [0, 1, 2, 3].map(|number| self.caller.call(number));
        let told = tokio::join!(one, two, three, four);
        let told = [told.0, told.1, told.2, told.3];
        told.into_iter().for_each(|told| self.note(told));
        self.tried.fetch_add(told.len(), Ordering::Relaxed);
        told.iter().all(|told| told.outcome == Outcome::Completed)
    }

    /// How many requests were made while the workers were held.
    pub(crate) fn tried(&self) -> usize {
        self.tried.load(Ordering::Relaxed)
    }

    /// Everything that was noted.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends all waiting for a count when a worker ends by a panic, which its join tells: nothing would count on.
struct Alarm<'it>(&'it Load);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.count.send_replace(usize::MAX / 2);
        }
    }
}

/// How often each outcome is among `told`.
pub(crate) fn tally(told: &[Told]) -> BTreeMap<Outcome, usize> {
    let mut tally = BTreeMap::new();
    for told in told {
        *tally.entry(told.outcome).or_default() += 1;
    }
    tally
}
