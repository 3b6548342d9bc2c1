//! The one fetch that may be under way. Whatever happens to it, it is seen to end.

use std::sync::Arc;

use super::progress::{NotStarted, Wanted};
use super::shared::{Shared, Snapshot, Started};
use super::{NoAnswer, Previous, Source};

/// The right to fetch once.
#[derive(Debug)]
pub(super) struct FetchTask<S: Source> {
    shared: Arc<Shared<S>>,
    start: Started,
    outcome: Option<Result<S::Value, S::Failure>>,
}

impl<S: Source> FetchTask<S> {
    /// Claims the next fetch, unless one is under way or it is too early for one.
    ///
    /// Failed fetches count too: an outage must not cause a fetch for each request.
    pub(super) fn begin(shared: &Arc<Shared<S>>, wanted: Wanted) -> Result<Self, NotStarted> {
        shared.start(wanted).map(|start| Self { shared: Arc::clone(shared), start, outcome: None })
    }

    /// Fetches, within the time that one fetch may take.
    pub(super) async fn run(mut self) {
        let current = self.shared.current.load_full();
        let previous = match &current {
            None => Previous::None,
            Some(snapshot) if snapshot.is_too_old(self.start.at, &self.shared.schedule) => {
                Previous::TooOld(snapshot.value.as_ref())
            }
            Some(snapshot) => Previous::InUse(snapshot.value.as_ref()),
        };
        let fetch = self.shared.source.fetch(previous);
        let outcome = tokio::time::timeout(self.shared.schedule.fetch_wait, fetch).await;
        self.outcome = Some(outcome.unwrap_or_else(|_elapsed| Err(self.without_answer(NoAnswer::TimedOut))));
    }

    fn without_answer(&self, why: NoAnswer) -> S::Failure {
        self.shared.source.without_answer(why)
    }

    fn keep(&self, value: S::Value) {
        self.shared.source.fetched(&value);
        let asked_at = self.shared.source.asked_at(&value).unwrap_or(self.start.at);
        self.shared.current.store(Some(Arc::new(Snapshot {
            value: Arc::new(value),
            fetched_at: asked_at.min(self.start.at),
            refresh_after: self.shared.schedule.next_refresh(),
            fetch: self.start.number,
        })));
    }
}

/// Dropping is what ends a task, so that one that was cancelled or panicked never leaves others waiting for it.
impl<S: Source> Drop for FetchTask<S> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err(self.without_answer(NoAnswer::Abandoned)));
        let outcome = match outcome {
            Ok(value) => {
                self.keep(value);
                Ok(())
            }
            Err(cause) => {
                self.shared.source.failed(&cause);
                Err(Arc::new(cause))
            }
        };
        self.shared.tell_age();
        self.shared.progress.send_modify(|progress| {
            progress.end(self.start.serves, outcome, &self.shared.schedule);
        });
    }
}
