//! One check of the files: on a thread of its own, for a bounded time, and whatever becomes of it is an outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::Policies;
use crate::load::{LoadError, LoadErrors, Problem};

/// Checks again and again, one check at a time.
#[derive(Debug)]
pub(super) struct Checker {
    reports: Receiver<Report>,
    sender: Sender<Report>,
    /// What the last check found; none while a check that took too long is still under way.
    seen: Option<Seen>,
    /// The failure of the check before.
    failing: Option<&'static str>,
    /// The failure that was reported last, which is not reported again before all is well.
    told: Option<&'static str>,
}

/// Ends the wait for a check.
#[derive(Debug)]
pub(super) struct Stop(Sender<Report>);

#[derive(Debug)]
enum Report {
    Checked(Seen, Outcome),
    Panicked,
    Stop,
}

/// What became of a check.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Every file was read.
    Read,
    /// Some file was not; what that means is decided by the check.
    Unreadable,
    /// There is no result.
    Failed(Failure),
}

/// A check without a result, and whether that was reported already.
#[derive(Debug)]
pub(super) struct Failure {
    problem: LookError,
    news: News,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    First,
    Known,
}

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
    #[error("it ended in a panic")]
    Panicked,
    #[error("no thread could be had for it")]
    NoThread(#[source] std::io::Error),
}

impl Stop {
    pub(super) fn stop(&self) {
        // A watch that has ended has no receiver any more.
        drop(self.0.send(Report::Stop));
    }
}

impl Checker {
    pub(super) fn new() -> (Self, Stop) {
        let (sender, reports) = channel();
        let stop = Stop(sender.clone());
        (Self { reports, sender, seen: Some(Seen::default()), failing: None, told: None }, stop)
    }

    /// Checks, or waits on for the check that is under way; none when the watch was dropped.
    pub(super) fn check(mut self, policies: &Policies) -> Option<(Self, Outcome)> {
        let limit = policies.0.plan.limits.policy_check_wait;
        if let Some(seen) = self.seen.take()
            && let Err(cause) = self.begin(seen, policies.clone())
        {
            self.seen = Some(Seen::default());
            return Some(self.failed(LookError::NoThread(cause)));
        }
        match self.reports.recv_timeout(limit) {
            Ok(Report::Checked(seen, outcome)) => {
                // After a failure nothing is taken for known, so that what is in force is made sure of and the failure
                // is over.
                let known = self.failing.take().is_none();
                if policies.0.notices.borrow().failure.is_none() {
                    self.told = None;
                }
                self.seen = Some(if known { seen } else { seen.forgetful() });
                Some((self, outcome))
            }
            Ok(Report::Panicked) => {
                self.seen = Some(Seen::default());
                Some(self.failed(LookError::Panicked))
            }
            Err(RecvTimeoutError::Timeout) => Some(self.failed(LookError::TimedOut(limit))),
            Ok(Report::Stop) | Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn begin(&self, seen: Seen, policies: Policies) -> std::io::Result<()> {
        let sender = self.sender.clone();
        let check = move || {
            let checked = catch_unwind(AssertUnwindSafe(|| seen.again(&policies)));
            let report = checked.map_or(Report::Panicked, |(seen, outcome)| Report::Checked(seen, outcome));
            // A watch that was dropped meanwhile wants to know nothing.
            drop(sender.send(report));
        };
        std::thread::Builder::new().name("kest-policy-check".to_owned()).spawn(check).map(drop)
    }

    fn failed(mut self, problem: LookError) -> (Self, Outcome) {
        let news = if self.told == Some(problem.kind()) { News::Known } else { News::First };
        self.failing = Some(problem.kind());
        self.told = self.failing;
        (self, Outcome::Failed(Failure { problem, news }))
    }
}

impl Failure {
    pub(super) fn kind(&self) -> &'static str {
        self.problem.kind()
    }

    /// What goes on record, unless it is there already.
    pub(super) fn report(self) -> Option<Arc<LoadErrors>> {
        if self.news == News::Known {
            return None;
        }
        let error = LoadError::new("policy files", Problem::Check(self.problem.into()));
        let errors = LoadErrors::from(error);
        tracing::error!("policies not checked, the old ones stay: {errors}");
        Some(Arc::new(errors))
    }
}

impl LookError {
    fn kind(&self) -> &'static str {
        match self {
            Self::TimedOut(_) => "timed_out",
            Self::Panicked => "panicked",
            Self::NoThread(_) => "no_thread",
        }
    }
}

/// What checks have found so far.
#[derive(Debug, Default)]
struct Seen {
    seen: Option<[u8; 32]>,
    /// What was tried last; it is not tried again until it changes.
    tried: Option<[u8; 32]>,
    /// Checks in a row at which something could not be read.
    misses: u32,
}

impl Seen {
    fn forgetful(self) -> Self {
        Self { tried: None, ..self }
    }

    fn again(mut self, policies: &Policies) -> (Self, Outcome) {
        match policies.0.plan.fingerprint() {
            Ok(found) => {
                let settled = self.seen == Some(found) && self.tried != Some(found);
                let failed = policies.0.notices.borrow().failure.is_some();
                let changed = policies.0.current.load().fingerprint != found;
                // What is in force once more is loaded too, so that the failure before it is over.
                if settled && (changed || failed) {
                    self.tried = Some(found);
                    // What is wrong has been logged and stands in the status.
                    drop(policies.reload());
                }
                self.seen = Some(found);
                self.misses = 0;
                (self, Outcome::Read)
            }
            Err(_errors) => {
                self.seen = None;
                self.tried = None;
                self.misses = self.misses.saturating_add(1);
                // A file that is missing twice is not about to be replaced.
                if self.misses == 2 {
                    drop(policies.reload());
                }
                (self, Outcome::Unreadable)
            }
        }
    }
}
