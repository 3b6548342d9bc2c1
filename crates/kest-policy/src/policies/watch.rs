//! Looks at the files from time to time and loads them anew when they have changed.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Policies;

/// Watches the files of a set until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Policies {
    /// Reads the files every `interval` and [reloads](Self::reload) when what they say has changed.
    ///
    /// Contents are compared, not times, so that replaced folders and links are noticed too. A change is taken up
    /// when two looks in a row find the same: half a file is not a set of policies. What is broken is reported once.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    pub fn watch(&self, interval: Duration) -> Watch {
        let policies = self.clone();
        Watch(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(interval.max(SHORTEST));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut look = Look::default();
            loop {
                ticks.tick().await;
                let policies = policies.clone();
                // A look that was cut short by the runtime's end has nothing to hand on.
                look = match tokio::task::spawn_blocking(move || look.again(&policies)).await {
                    Ok(look) => look,
                    Err(_cause) => return,
                };
            }
        }))
    }

    /// Completes as soon as the files have been looked at `checks` times.
    pub async fn after_checks(&self, checks: u64) {
        self.until(|notice| notice.checks >= checks).await;
    }
}

/// Reading files more often than this is work without news.
const SHORTEST: Duration = Duration::from_millis(10);

/// What the last look found.
#[derive(Debug, Default, Clone)]
struct Look {
    seen: Option<[u8; 32]>,
    /// What was tried last; it is not tried again until it changes.
    tried: Option<[u8; 32]>,
    /// Looks in a row at which something could not be read.
    misses: u32,
}

impl Look {
    fn again(mut self, policies: &Policies) -> Self {
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
            }
            Err(_errors) => {
                self.seen = None;
                self.tried = None;
                self.misses = self.misses.saturating_add(1);
                // A file that is missing twice is not about to be replaced.
                if self.misses == 2 {
                    drop(policies.reload());
                }
            }
        }
        policies.0.notices.send_modify(|notice| notice.checks = notice.checks.saturating_add(1));
        self
    }
}
