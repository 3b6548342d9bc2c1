//! Refreshes keys before they grow stale, also while no request comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::cache::wait_for;
use super::flight::Flight;
use super::progress::{Grounded, Wanted};
use super::shared::Shared;
use super::telemetry;

/// Runs as long as the cache lives, and as the runtime that it was begun in.
pub(super) async fn keep(shared: Arc<Shared>) {
    // A set, so that a source which panics does not end the keeper, and so that the keeper's end ends the fetch.
    let mut flights = JoinSet::new();
    loop {
        shared.anchor();
        telemetry::aged(&shared);
        match Flight::begin(&shared, Wanted::Refresh) {
            Ok(flight) => {
                flights.spawn(flight.run());
                if flights.join_next().await.is_some_and(|ended| ended.is_err()) {
                    tracing::debug!("key source panicked");
                }
            }
            Err(Grounded::InFlight) => {
                let progress = shared.progress.subscribe();
                let ended = progress.borrow().ended;
                wait_for(progress, |progress| progress.ended > ended || !progress.in_flight()).await;
            }
            Err(Grounded::For(pause)) => tokio::time::sleep(pause.min(GLANCE)).await,
        }
    }
}

/// How often the keeper looks at the clock, which may have been changed, and tells how old the keys are.
const GLANCE: Duration = Duration::from_secs(15);
