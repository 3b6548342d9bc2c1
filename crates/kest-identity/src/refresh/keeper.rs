//! Refreshes a value before it grows stale, also while no request comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Source;
use super::fetch_task::FetchTask;
use super::progress::{NotStarted, Progress, Wanted};
use super::shared::Shared;

/// Runs as long as the refresher lives, and as the runtime that it was begun in.
pub(super) async fn keep<S: Source>(shared: Arc<Shared<S>>) {
    // A set, so that a source which panics does not end the keeper, and so that the keeper's end ends the fetch.
    let mut tasks = JoinSet::new();
    loop {
        shared.anchor();
        shared.tell_age();
        match FetchTask::begin(&shared, Wanted::Refresh) {
            Ok(task) => {
                tasks.spawn(task.run());
                if tasks.join_next().await.is_some_and(|ended| ended.is_err()) {
                    tracing::debug!("source panicked");
                }
            }
            Err(NotStarted::InFlight) => {
                let progress = shared.progress.subscribe();
                let ended = progress.borrow().ended;
                wait_for(progress, |progress| progress.ended > ended || !progress.in_flight()).await;
            }
            Err(NotStarted::For(pause)) => tokio::time::sleep(pause.min(GLANCE)).await,
        }
    }
}

/// Completes as soon as fetching has come that far.
pub(super) async fn wait_for<F: Send + Sync>(
    mut progress: watch::Receiver<Progress<F>>,
    reached: impl Fn(&Progress<F>) -> bool + Send + Sync,
) {
    // The sender lives in `Shared`, which the caller holds: the channel cannot be closed meanwhile.
    if progress.wait_for(|progress| reached(progress)).await.is_err() {
        tracing::debug!("refresher is gone");
    }
}

/// How often the keeper looks at the clock, which may have been changed, and tells how old the value is.
const GLANCE: Duration = Duration::from_secs(15);
