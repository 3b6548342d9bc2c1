//! Replaces the set in force by a new one, whole, or keeps it and says so.

use std::sync::{Arc, PoisonError};

use super::Policies;
use super::builder::Plan;
use super::set::Set;
use crate::load::LoadErrors;
use crate::telemetry;

impl Policies {
    /// Reads every file again and puts the new set into force; decisions of the old one are forgotten.
    ///
    /// Requests that have begun finish with the set that they began with. When anything is wrong the old set stays in
    /// force, an error is logged, and [`status`](Self::status) shows it. This blocks: call it where that is allowed.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with everything that is wrong: a broken file, an unknown name, an expired deviation, a policy
    /// that a layer was built on and that would be gone.
    pub fn reload(&self) -> Result<u64, Arc<LoadErrors>> {
        let _one_after_the_other = self.0.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.0.current.load().generation.saturating_add(1);
        let replaced = self.0.plan.load(generation).and_then(|set| self.replace(set));
        telemetry::reloaded(replaced.is_ok());
        match replaced {
            Ok(()) => {
                tracing::info!(generation, "policies replaced");
                self.0.notices.send_modify(|notice| {
                    notice.generation = generation;
                    notice.failure = None;
                });
                Ok(generation)
            }
            Err(errors) => {
                tracing::error!(
                    generation = generation - 1,
                    "policies not replaced, the old ones stay: {errors}"
                );
                let errors = Arc::new(errors);
                let failure = Some(Arc::clone(&errors));
                self.0.notices.send_modify(|notice| notice.failure = failure);
                Err(errors)
            }
        }
    }

    /// Puts `set` into force unless it lacks a policy in use; none can come into use in between.
    fn replace(&self, set: Set) -> Result<(), LoadErrors> {
        let in_use = self.in_use();
        LoadErrors::unless_none(Plan::missing(&set, in_use.iter()), ())?;
        self.0.current.store(Arc::new(set));
        self.invalidate();
        Ok(())
    }

    /// Completes as soon as a set of at least this generation is in force.
    pub async fn after_generation(&self, generation: u64) {
        self.until(|notice| notice.generation >= generation).await;
    }

    /// Completes as soon as a failure to load is on record.
    pub async fn after_failure(&self) {
        self.until(|notice| notice.failure.is_some()).await;
    }

    pub(super) async fn until(&self, reached: impl FnMut(&super::Notice) -> bool) {
        let mut notices = self.0.notices.subscribe();
        // The sender lives as long as `self`: waiting cannot fail.
        drop(notices.wait_for(reached).await);
    }
}
