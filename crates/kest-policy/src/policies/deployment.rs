//! The tiers that no operation can leave out: enterprise, platform, application.

use async_trait::async_trait;
use kest_core::Authorize;
use kest_core::entry::{PolicyContext, PolicyName, Tier};
use kest_core::policy::{AuthorizeError, Decision, Inquiry};

use super::Policies;
use super::ask::{Asking, Refusal, wire_names};
use crate::configuration::Exemption;
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

    async fn decide(&self, inquiry: &Inquiry<'_>) -> Result<Decision, AuthorizeError> {
        let asking = Asking::of(&self.policies, inquiry);
        let now = self.policies.0.plan.clock.unix_millis();
        let exemptions = asking.set.exemptions(inquiry.operation(), now);
        let mut context = PolicyContext::default();
        for tier in Tier::ALL {
            let due = || due(asking.set.configuration.tier(tier), tier, &exemptions);
            if due().next().is_none() {
                continue;
            }
            let names = wire_names(due());
            let deviations = deviations(&exemptions);
            let input = asking.input(Asked { tier, names: &names, deviations: &deviations })?;
            match asking.ask(due(), tier, &input).await {
                Ok(()) => due().for_each(|name| context.push(tier, name)),
                Err(Refusal::Denied(denial)) => return Ok(Decision::Deny(denial)),
                Err(Refusal::Unanswered(error)) => return Err(error),
            }
        }
        for exemption in exemptions {
            record(exemption, inquiry);
            context.push_deviation(exemption.signed().clone());
        }
        asking.mark_deployment_asked();
        Ok(Decision::Allow(context))
    }
}

/// What of `tier` is to be asked.
fn due<'it>(
    names: &'it [PolicyName],
    tier: Tier,
    exemptions: &'it [&Exemption],
) -> impl Iterator<Item = &'it PolicyName> {
    let exempted = move |name: &PolicyName| {
        exemptions.iter().any(|exemption| exemption.tier() == tier && exemption.policy() == name)
    };
    names.iter().filter(move |name| !exempted(name))
}

fn deviations(exemptions: &[&Exemption]) -> Vec<std::sync::Arc<str>> {
    exemptions.iter().map(|exemption| exemption.policy().as_str().into()).collect()
}

/// The people who answer for the policy must be able to see each use.
fn record(exemption: &Exemption, inquiry: &Inquiry<'_>) {
    let (tier, operation) = (exemption.tier().as_str(), inquiry.operation().as_str());
    telemetry::deviated(exemption.policy(), tier, operation);
    tracing::warn!(
        kest.entry_id = %inquiry.entry_id(),
        kest.operation = operation,
        kest.workload_id = %inquiry.workload(),
        tier,
        policy = %exemption.policy(),
        approver = exemption.signed().approver.as_deref(),
        "policy left out by approved deviation"
    );
}
