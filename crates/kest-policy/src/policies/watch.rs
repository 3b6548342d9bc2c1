//! Looks at the files from time to time and loads them anew when they have changed.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Policies;
use super::look::{Looker, Outcome, Stop};
use crate::telemetry;

/// Watches the files of a set until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Watch {
    task: JoinHandle<()>,
    stop: Stop,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
        self.stop.stop();
    }
}

impl Policies {
    /// Reads the files every `interval` and [reloads](Self::reload) when what they say has changed.
    ///
    /// Contents are compared, not times, so that replaced folders and links are noticed too. A change is taken up
    /// when two looks in a row find the same: half a file is not a set of policies. What is broken is reported once.
    ///
    /// A look that cannot read everything, takes longer than `Limits::policy_look` or panics is on record in
    /// [`status`](Self::status) and in the metrics, and the next look tries again: the watch ends when it is dropped, and
    /// not before. Each look runs on a thread of its own, so that a file system that hangs holds up neither the runtime
    /// nor its end.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    pub fn watch(&self, interval: Duration) -> Watch {
        let (looker, stop) = Looker::new();
        Watch { task: tokio::spawn(keep_looking(self.clone(), interval, looker)), stop }
    }

    /// Completes as soon as the files have been looked at `checks` times.
    pub async fn after_checks(&self, checks: u64) {
        self.until(|notice| notice.checks >= checks).await;
    }

    /// Puts the outcome of one look on record.
    fn looked(&self, outcome: Outcome) {
        let now = self.0.plan.clock.now();
        let (good_look, failure) = match outcome {
            Outcome::Read => {
                telemetry::look_succeeded(now);
                (Some(now), None)
            }
            Outcome::Unreadable => {
                telemetry::look_failed("unreadable");
                (None, None)
            }
            Outcome::Failed(failure) => {
                telemetry::look_failed(failure.kind());
                (None, failure.report())
            }
        };
        self.0.notices.send_modify(|notice| {
            notice.checks = notice.checks.saturating_add(1);
            notice.last_good_look = good_look.or(notice.last_good_look);
            notice.failure = failure.or_else(|| notice.failure.take());
        });
    }
}

async fn keep_looking(policies: Policies, interval: Duration, mut looker: Looker) {
    let mut ticks = tokio::time::interval(interval.max(SHORTEST));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let seen = policies.clone();
        // Waits for the look and for no more than its time, or until the watch is dropped.
        let waited = tokio::task::spawn_blocking(move || looker.look(&seen)).await;
        let Ok(Some((back, outcome))) = waited else { return };
        looker = back;
        policies.looked(outcome);
    }
}

/// Dialect files more often than this is work without news.
const SHORTEST: Duration = Duration::from_millis(10);
