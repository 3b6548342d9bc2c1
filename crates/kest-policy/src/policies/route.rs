//! The policies that one operation names for itself: the function tier.

use std::sync::Arc;

use async_trait::async_trait;
use kest_core::Authorize;
use kest_core::entry::{PolicyContext, PolicyName, PolicyTier};
use kest_core::policy::{AuthorizeError, Decision, PolicyRequest};

use super::Policies;
use super::ask::{Asking, Refusal, wire_names};
use crate::input::Asked;

/// Policies of the function tier, all of which must allow.
#[derive(Debug, Clone)]
pub struct RoutePolicies {
    policies: Policies,
    names: Vec<PolicyName>,
    wire: Arc<[Arc<str>]>,
}

/// An operation names policies that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoutePolicyError {
    /// It names none; leaving everything to the deployment is said with
    /// [`deployment_only`](kest_core::policy::deployment_only).
    #[error("no policy is named")]
    NoPolicy,
    /// A name is empty or over 256 bytes.
    #[error("policy name is empty or over 256 bytes")]
    Name,
    /// No engine knows it.
    #[error("policy {0} is not known to any engine")]
    Unknown(PolicyName),
    /// It stands there twice.
    #[error("policy {0} is named twice")]
    Twice(PolicyName),
}

impl RoutePolicies {
    pub(super) fn new(
        policies: &Policies,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Self, RoutePolicyError> {
        let mut read: Vec<PolicyName> = Vec::new();
        // Held until the names are registered, so that no reload can drop one in between.
        let mut in_use = policies.in_use();
        let set = policies.0.current.load();
        for name in names {
            let name = PolicyName::new(name).map_err(|_cause| RoutePolicyError::Name)?;
            if set.known(&name).is_none() {
                return Err(RoutePolicyError::Unknown(name));
            }
            if read.contains(&name) {
                return Err(RoutePolicyError::Twice(name));
            }
            read.push(name);
        }
        if read.is_empty() {
            return Err(RoutePolicyError::NoPolicy);
        }
        in_use.extend(read.iter().cloned());
        drop(in_use);
        let wire = wire_names(read.iter());
        Ok(Self { policies: policies.clone(), names: read, wire })
    }
}

#[async_trait]
impl Authorize for RoutePolicies {
    async fn decide(&self, request: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        let asking = Asking::of(&self.policies, request);
        if asking.set.has_tiers() && !asking.was_deployment_asked() {
            return Err(AuthorizeError::Failed(DeploymentNotAsked.into()));
        }
        let established = request.established().deviations().iter();
        let deviations: Vec<_> = established.map(|deviation| Arc::clone(&deviation.policy)).collect();
        let asked = Asked { tier: PolicyTier::Function, names: &self.wire, deviations: &deviations };
        let input = asking.input(asked)?;
        match asking.ask(self.names.iter(), PolicyTier::Function, &input).await {
            Ok(()) => {
                let mut context = PolicyContext::default();
                self.names.iter().for_each(|name| context.push(PolicyTier::Function, name));
                Ok(Decision::Allow(context))
            }
            Err(Refusal::Denied(denial)) => Ok(Decision::Deny(denial)),
            Err(Refusal::Unanswered(error)) => Err(error),
        }
    }
}

/// The configuration has tiers above the function's, and the service was built without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "deployment's policies were not asked: give Policies::deployment() to KestBuilder::deployment_policy()"
)]
struct DeploymentNotAsked;
