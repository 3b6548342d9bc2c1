//! The seam to policy engines, and the only place where a permit is made.

use std::fmt;

use async_trait::async_trait;

use super::PolicyRequest;
use crate::BoxError;
use crate::entry::{EntryId, PolicyContext, PolicyName, PolicyTier};
use crate::slots::NoSlot;

/// Answers a request: closures, an engine in this process, a sidecar.
#[async_trait]
pub trait Authorize: fmt::Debug + Send + Sync {
    /// Decides about `request`.
    ///
    /// # Errors
    ///
    /// [`AuthorizeError`] when there is no decision; nothing runs then.
    async fn decide(&self, request: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError>;

    /// Whether it asks no policy at all: layers refuse to be built on nothing.
    fn is_empty(&self) -> bool {
        false
    }

    /// Whether it speaks for the tiers above an operation's own: layers refuse to be built on one.
    fn is_deployments(&self) -> bool {
        false
    }
}

/// Neither the operation nor the deployment names a policy: that would allow nothing, and is refused earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no policy is asked: name one, or say dangerous_allow_all()")]
pub struct NothingAsked;

/// What an engine found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Every policy named said yes. An empty list of policies allows nothing.
    Allow(PolicyContext),
    /// A policy said no.
    Deny(Denial),
}

/// Which policy said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    tier: PolicyTier,
    policy: PolicyName,
}

impl Denial {
    /// A no from `policy` of `tier`.
    #[must_use]
    pub fn new(tier: PolicyTier, policy: PolicyName) -> Self {
        Self { tier, policy }
    }

    /// The tier of the policy.
    #[must_use]
    pub fn tier(&self) -> PolicyTier {
        self.tier
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &PolicyName {
        &self.policy
    }
}

/// There is no permit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizeError {
    /// A policy said no.
    #[error("policy {} of tier {} denied", .0.policy(), .0.tier())]
    Denied(Denial),
    /// No policy was asked: that is a fault of the configuration and allows nothing.
    #[error("no policy was evaluated")]
    NoPolicy,
    /// The operation's own policy spoke for a tier that belongs to the deployment: a fault of the configuration.
    #[error("policy of the operation speaks for tier {0}")]
    ForeignTier(PolicyTier),
    /// The operation's own policy used a deviation; those come from the deployment's configuration only.
    #[error("policy of the operation uses a deviation")]
    ForeignDeviation,
    /// A policy could not be evaluated: counts as a no.
    #[error("policy failed")]
    Failed(#[source] BoxError),
    /// The engine did not answer; a retry may help.
    #[error("policy engine is unavailable")]
    Unavailable(#[source] BoxError),
    /// The engine computes for others and has no slot for this; a retry may help.
    #[error("policy engine has no free slot")]
    NoSlot(#[source] NoSlot),
}

/// Proof that policy allowed one operation once: names the policies that said yes, per tier.
///
/// Neither cloneable nor constructible elsewhere: one decision, one entry.
#[derive(Debug)]
pub struct Permit {
    entry_id: EntryId,
    policies: PolicyContext,
}

impl Permit {
    /// The entry that it was given for.
    #[must_use]
    pub fn entry_id(&self) -> EntryId {
        self.entry_id
    }

    /// The policies that said yes.
    #[must_use]
    pub fn policies(&self) -> &PolicyContext {
        &self.policies
    }

    pub(crate) fn into_policy_context(self) -> PolicyContext {
        self.policies
    }
}

/// Asks the deployment's policies and then the operation's own, and mints the [`Permit`]: step 5 of a request's life.
///
/// The operation's policy sees what the deployment's [established](PolicyRequest::established). It cannot speak for the
/// enterprise, platform and application tiers, nor use a deviation: these belong to the deployment.
///
/// # Errors
///
/// [`AuthorizeError`] for a no, for no answer, and for a yes that names no policy.
pub async fn authorize(
    deployment: Option<&dyn Authorize>,
    operation: &dyn Authorize,
    request: &PolicyRequest<'_>,
) -> Result<Permit, AuthorizeError> {
    let mut policies = match deployment {
        Some(deployment) => allowed(deployment.decide(request).await?)?,
        None => PolicyContext::default(),
    };
    let own = allowed(operation.decide(&request.after(&policies)).await?)?;
    check_own(operation, &own)?;
    policies.append(own);
    if policies.is_empty() {
        return Err(AuthorizeError::NoPolicy);
    }
    Ok(Permit { entry_id: request.entry_id(), policies })
}

fn allowed(decision: Decision) -> Result<PolicyContext, AuthorizeError> {
    match decision {
        Decision::Allow(policies) => Ok(policies),
        Decision::Deny(denial) => Err(AuthorizeError::Denied(denial)),
    }
}

/// What the operation's policy may claim to have evaluated.
fn check_own(operation: &dyn Authorize, own: &PolicyContext) -> Result<(), AuthorizeError> {
    for tier in [PolicyTier::Enterprise, PolicyTier::Platform, PolicyTier::Application] {
        if own.policies(tier).next().is_some() {
            return Err(AuthorizeError::ForeignTier(tier));
        }
    }
    if !own.deviations().is_empty() {
        return Err(AuthorizeError::ForeignDeviation);
    }
    // A policy that names nothing decided nothing, and nothing is not a yes.
    if own.is_empty() && !operation.is_empty() { Err(AuthorizeError::NoPolicy) } else { Ok(()) }
}
