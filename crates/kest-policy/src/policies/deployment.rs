//! The tiers that no operation can leave out: enterprise, platform, application.

use async_trait::async_trait;
use kest_core::Authorize;
use kest_core::entry::{PolicyContext, PolicyName, PolicyTier};
use kest_core::policy::{AuthorizeError, Decision, PolicyRequest};

use super::Policies;
use super::ask::{Asking, Refusal, wire_names};
use crate::configuration::ApprovedDeviation;
use crate::input::Asked;
use crate::telemetry;

/// The deployment's policies: the tiers of the configuration in force, less what an operation is exempted from.
#[derive(Debug, Clone)]
pub struct Deployment {
    policies: Policies,
}

impl Deployment {
    pub(super) fn new(policies: Policies) -> Self {
        Self { policies }
    }
}

#[async_trait]
impl Authorize for Deployment {
    fn is_empty(&self) -> bool {
        !self.policies.0.current.load().has_tiers()
    }

    fn is_deployments(&self) -> bool {
        true
    }

    async fn decide(&self, request: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        let asking = Asking::of(&self.policies, request);
        let now = self.policies.0.plan.clock.unix_millis();
        let approved = asking.set.deviations(request.operation(), now);
        let mut context = PolicyContext::default();
        for tier in PolicyTier::ALL {
            let due = || due(asking.set.configuration.tier(tier), tier, &approved);
            if due().next().is_none() {
                continue;
            }
            let names = wire_names(due());
            let deviations = names_of(&approved);
            let input = asking.input(Asked { tier, names: &names, deviations: &deviations })?;
            match asking.ask(due(), tier, &input).await {
                Ok(()) => due().for_each(|name| context.push(tier, name)),
                Err(Refusal::Denied(denial)) => return Ok(Decision::Deny(denial)),
                Err(Refusal::Unanswered(error)) => return Err(error),
            }
        }
        for deviation in approved {
            record(deviation, request);
            context.push_deviation(deviation.signed().clone());
        }
        asking.mark_deployment_asked();
        Ok(Decision::Allow(context))
    }
}

/// What of `tier` is to be asked.
fn due<'it>(
    names: &'it [PolicyName],
    tier: PolicyTier,
    approved: &'it [&ApprovedDeviation],
) -> impl Iterator<Item = &'it PolicyName> {
    let is_left_out = move |name: &PolicyName| {
        approved.iter().any(|deviation| deviation.tier() == tier && deviation.policy() == name)
    };
    names.iter().filter(move |name| !is_left_out(name))
}

fn names_of(approved: &[&ApprovedDeviation]) -> Vec<std::sync::Arc<str>> {
    approved.iter().map(|deviation| deviation.policy().as_str().into()).collect()
}

/// The people who answer for the policy must be able to see each use.
fn record(deviation: &ApprovedDeviation, request: &PolicyRequest<'_>) {
    let (tier, operation) = (deviation.tier().as_str(), request.operation().as_str());
    telemetry::deviated(deviation.policy(), tier, operation);
    tracing::warn!(
        kest.entry_id = %request.entry_id(),
        kest.operation = operation,
        kest.workload_id = %request.workload(),
        tier,
        policy = %deviation.policy(),
        approver = deviation.signed().approver.as_deref(),
        "policy left out by approved deviation"
    );
}
