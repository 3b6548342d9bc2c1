//! One loaded set: which engine knows which policy, what the tiers are, which deviations there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use kest_core::entry::{EntryHash, OperationName, PolicyName, PolicyTier};

use crate::cache::PolicyKey;
use crate::configuration::{ApprovedDeviation, Configuration};
use crate::engine::Engine;
use crate::load::{LoadError, Problem};

/// Everything that is in force at once; never changed, only replaced.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) generation: u64,
    policies: BTreeMap<PolicyName, Known>,
    pub(super) configuration: Configuration,
    /// The digest of every file that it was made from.
    pub(super) fingerprint: [u8; 32],
    /// The digest of their texts, for others; `None` without any.
    pub(super) digest: Option<EntryHash>,
}

/// A policy and the engine that evaluates it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: PolicyName,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) key: PolicyKey,
}

impl Set {
    /// Joins engines and configuration; problems are added to `errors`.
    pub(super) fn join(
        generation: u64,
        engines: &[Arc<dyn Engine>],
        configuration: Configuration,
        fingerprint: [u8; 32],
        errors: &mut Vec<LoadError>,
    ) -> Self {
        let mut policies = BTreeMap::new();
        for engine in engines {
            for name in engine.names() {
                let key = PolicyKey::new(engine.identity(), generation, name.as_str());
                let known = Known { name: name.clone(), engine: Arc::clone(engine), key };
                if policies.insert(name.clone(), known).is_some() {
                    errors.push(LoadError::new(engine.kind(), Problem::Twice(name)));
                }
            }
        }
        let set = Self { generation, policies, configuration, fingerprint, digest: None };
        for tier in PolicyTier::ALL {
            for name in set.configuration.tier(tier) {
                if set.known(name).is_none() {
                    let problem = Problem::UnknownPolicy(name.clone());
                    errors.push(LoadError::new(set.configuration.source_name(), problem));
                }
            }
        }
        set
    }

    pub(super) fn known(&self, name: &PolicyName) -> Option<&Known> {
        self.policies.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &PolicyName> {
        self.policies.keys()
    }

    /// Whether the configuration puts `name` into a tier.
    pub(super) fn is_assigned(&self, name: &PolicyName) -> bool {
        PolicyTier::ALL.into_iter().any(|tier| self.configuration.tier(tier).contains(name))
    }

    /// Whether the deployment has policies at all.
    pub(super) fn has_tiers(&self) -> bool {
        PolicyTier::ALL.into_iter().any(|tier| !self.configuration.tier(tier).is_empty())
    }

    /// The deviations that `operation` has at this time.
    pub(super) fn deviations(&self, operation: &OperationName, unix_millis: u64) -> Vec<&ApprovedDeviation> {
        let all = self.configuration.deviations().iter();
        all.filter(|deviation| deviation.covers(operation, unix_millis)).collect()
    }
}
