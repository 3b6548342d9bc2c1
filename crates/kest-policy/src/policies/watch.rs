//! Checks the files from time to time and loads them anew when they have changed.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Policies;
use super::check::{Checker, Outcome, Stop};
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
    /// when two checks in a row find the same: half a file is not a set of policies. What is broken is reported once.
    ///
    /// A check that cannot read everything, takes longer than `Limits::policy_check_wait` or panics is on record in
    /// [`status`](Self::status) and in the metrics, and the next check tries again: the watch ends when it is dropped, and
    /// not before. Each check runs on a thread of its own, so that a file system that hangs holds up neither the runtime
    /// nor its end.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    pub fn watch(&self, interval: Duration) -> Watch {
        let (checker, stop) = Checker::new();
        Watch { task: tokio::spawn(keep_checking(self.clone(), interval, checker)), stop }
    }

    /// Completes as soon as the files have been checked `checks` times.
    pub async fn after_checks(&self, checks: u64) {
        self.until(|notice| notice.checks >= checks).await;
    }

    /// Puts the outcome of one check on record.
    fn checked(&self, outcome: Outcome) {
        let now = self.0.plan.clock.now();
        let (good_check, failure) = match outcome {
            Outcome::Read => {
                telemetry::check_succeeded(now);
                (Some(now), None)
            }
            Outcome::Unreadable => {
                telemetry::check_failed("unreadable");
                (None, None)
            }
            Outcome::Failed(failure) => {
                telemetry::check_failed(failure.kind());
                (None, failure.report())
            }
        };
        self.0.notices.send_modify(|notice| {
            notice.checks = notice.checks.saturating_add(1);
            notice.last_good_check = good_check.or(notice.last_good_check);
            notice.failure = failure.or_else(|| notice.failure.take());
        });
    }
}

async fn keep_checking(policies: Policies, interval: Duration, mut checker: Checker) {
    let mut ticks = tokio::time::interval(interval.max(SHORTEST));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let seen = policies.clone();
        // Waits for the check and for no more than its time, or until the watch is dropped.
        let waited = tokio::task::spawn_blocking(move || checker.check(&seen)).await;
        let Ok(Some((back, outcome))) = waited else { return };
        checker = back;
        policies.checked(outcome);
    }
}

/// Dialect files more often than this is work without news.
const SHORTEST: Duration = Duration::from_millis(10);
