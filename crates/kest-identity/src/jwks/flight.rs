//! The one fetch that may be under way. Whatever happens to it, it is seen to end.

use std::sync::Arc;

use super::progress::{Grounded, Wanted};
use super::shared::{Departure, Shared, Snapshot};
use super::{FetchError, KeySet, telemetry};

/// The right to fetch once.
#[derive(Debug)]
pub(super) struct Flight {
    shared: Arc<Shared>,
    departure: Departure,
    outcome: Option<Result<KeySet, FetchError>>,
}

impl Flight {
    /// Claims the next fetch, unless one is under way or it is too early for one.
    ///
    /// Failed fetches count too: an outage must not cause a fetch for each request.
    pub(super) fn begin(shared: &Arc<Shared>, wanted: Wanted) -> Result<Self, Grounded> {
        shared.depart(wanted).map(|departure| Self { shared: Arc::clone(shared), departure, outcome: None })
    }

    /// Fetches, within the time that one fetch may take.
    pub(super) async fn run(mut self) {
        let fetch = tokio::time::timeout(self.shared.schedule.fetch_wait, self.shared.source.fetch());
        let outcome = fetch.await.unwrap_or(Err(FetchError::TimedOut));
        self.outcome = Some(outcome);
    }

    /// Puts the keys into use. One that has not changed stays the very same value, by which others know it again.
    fn land(&self, mut keys: KeySet) {
        let schedule = &self.shared.schedule;
        let (count, skipped) = (keys.len(), keys.skipped_keys());
        if keys.is_empty() {
            tracing::warn!(issuer = &*schedule.issuer, skipped, "key set has no usable key");
        } else {
            tracing::debug!(issuer = &*schedule.issuer, keys = count, skipped, "key set fetched");
        }
        telemetry::landed(&schedule.issuer, &keys);
        if let Some(previous) = self.shared.current.load().as_ref() {
            keys.keep_unchanged(&previous.keys);
        }
        self.shared.current.store(Some(Arc::new(Snapshot {
            keys: Arc::new(keys),
            fetched_at: self.departure.at,
            refresh_after: schedule.next_refresh(),
            fetch: self.departure.number,
        })));
    }
}

/// Dropping is what ends a flight, so that one that was cancelled or panicked never leaves others waiting for it.
impl Drop for Flight {
    fn drop(&mut self) {
        let schedule = &self.shared.schedule;
        let outcome = match self.outcome.take().unwrap_or(Err(FetchError::Abandoned)) {
            Ok(keys) => {
                self.land(keys);
                Ok(())
            }
            Err(cause) => {
                tracing::warn!(
                    issuer = &*schedule.issuer,
                    url = self.shared.source.place(),
                    kind = cause.kind(),
                    cause = cause.root_cause(),
                    "key set could not be fetched"
                );
                Err(Arc::new(cause))
            }
        };
        telemetry::fetched(&schedule.issuer, outcome.as_ref().err().map_or("fetched", |cause| cause.kind()));
        telemetry::aged(&self.shared);
        self.shared.progress.send_modify(|progress| {
            progress.land(self.departure.serves, outcome, schedule);
        });
    }
}
