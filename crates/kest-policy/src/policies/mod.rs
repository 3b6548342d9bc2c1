//! The set of policies in force: loaded whole, asked whole, replaced whole.

mod ask;
mod builder;
mod check;
mod deployment;
mod gather;
mod reload;
mod route;
mod set;
mod watch;

pub use builder::PoliciesBuilder;
pub use deployment::Deployment;
pub use route::{RoutePolicies, RoutePolicyError};
pub use watch::Watch;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use kest_core::entry::{EntryHash, PolicyName};
use tokio::sync::watch as notice;

use crate::cache::Decisions;
use crate::load::LoadErrors;
use builder::Plan;
use set::Set;

/// A deployment's policies, engines and decision cache; cheap to clone.
///
/// Tiers that belong to the deployment come from the configuration and are asked through
/// [`deployment`](Self::deployment); an operation names its own with [`function`](Self::function).
#[derive(Debug, Clone)]
pub struct Policies(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    plan: Plan,
    current: ArcSwap<Set>,
    decisions: Decisions,
    /// Held while a set is loaded, so that sets are replaced one after the other.
    loading: Mutex<()>,
    /// The policies that layers were built on. Never held while a file is read, which may take long.
    in_use: Mutex<BTreeSet<PolicyName>>,
    notices: notice::Sender<Notice>,
}

/// What is told to those who wait for a change.
#[derive(Debug, Clone, Default)]
struct Notice {
    generation: u64,
    checks: u64,
    last_good_check: Option<SystemTime>,
    failure: Option<Arc<LoadErrors>>,
}

/// How a set of policies is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoliciesStatus {
    /// The number of the set in force: 1 for the first, one more for each that replaced it.
    pub generation: u64,
    /// The policies that can be named.
    pub policies: Vec<PolicyName>,
    /// When a [`watch`](Policies::watch) last read the files whole; `None` when it never did.
    pub last_good_check: Option<SystemTime>,
    /// Why the last attempt to load, or to check whether there is something to load, failed, when it did.
    pub failure: Option<Arc<LoadErrors>>,
}

impl Policies {
    /// Begins to collect sources, engines and the configuration.
    pub fn builder() -> PoliciesBuilder {
        PoliciesBuilder::default()
    }

    /// The policies of one file, or of the files directly in a folder; for more, there is the [`builder`](Self::builder).
    /// This blocks: do it at start.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with everything that is wrong.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, LoadErrors> {
        Self::builder().file(path).build()
    }

    /// The policies of the enterprise, platform and application tiers, for
    /// [`AdmitterBuilder::deployment_policy`](kest_core::AdmitterBuilder::deployment_policy).
    #[must_use]
    pub fn deployment(&self) -> Arc<Deployment> {
        Arc::new(Deployment::new(self.clone()))
    }

    /// The policies `names` in the function tier: what one operation needs beyond the deployment's.
    ///
    /// # Errors
    ///
    /// [`RoutePolicyError`] when there are none, or one that no engine knows.
    pub fn function(
        &self,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<RoutePolicies, RoutePolicyError> {
        RoutePolicies::new(self, names)
    }

    /// Forgets every remembered decision, also those that are being made right now.
    pub fn invalidate(&self) {
        self.0.decisions.invalidate();
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> PoliciesStatus {
        let set = self.0.current.load();
        let notice = self.0.notices.borrow();
        PoliciesStatus {
            generation: set.generation,
            policies: set.names().cloned().collect(),
            last_good_check: notice.last_good_check,
            failure: notice.failure.clone(),
        }
    }

    /// A digest of the configuration and the policy files in force, for a record of what counted when; `None` without any.
    ///
    /// It is the SHA-256 of the sorted SHA-256 of each file, as `sha256sum FILES | cut -c1-64 | sort | sha256sum` computes it. Policies
    /// that are code, and engines elsewhere, are not in it.
    #[must_use]
    pub fn digest(&self) -> Option<EntryHash> {
        self.0.current.load().digest
    }

    /// The policies that the configuration puts into no tier: those that operations may name.
    #[must_use]
    pub fn unassigned(&self) -> Vec<PolicyName> {
        let set = self.0.current.load();
        set.names().filter(|name| !set.is_assigned(name)).cloned().collect()
    }

    fn in_use(&self) -> std::sync::MutexGuard<'_, BTreeSet<PolicyName>> {
        // A set of names is whole whatever happened to the holder of the lock.
        self.0.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
