//! The seam to policy engines, and the only place where a permit is made.

use std::fmt;

use async_trait::async_trait;

use super::Inquiry;
use crate::BoxError;
use crate::entry::{EntryId, PolicyContext, PolicyName, Tier};

/// Answers an inquiry: closures, an engine in this process, a service next door.
#[async_trait]
pub trait Authorize: fmt::Debug + Send + Sync {
    /// Decides about `inquiry`.
    ///
    /// # Errors
    ///
    /// [`AuthorizeError`] when there is no decision; nothing runs then.
    async fn decide(&self, inquiry: &Inquiry<'_>) -> Result<Decision, AuthorizeError>;
}

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
    tier: Tier,
    policy: PolicyName,
}

impl Denial {
    /// A no from `policy` of `tier`.
    #[must_use]
    pub fn new(tier: Tier, policy: PolicyName) -> Self {
        Self { tier, policy }
    }

    /// The tier of the policy.
    #[must_use]
    pub fn tier(&self) -> Tier {
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
    /// A policy could not be evaluated: counts as a no.
    #[error("policy failed")]
    Failed(#[source] BoxError),
    /// The engine did not answer; a retry may help.
    #[error("policy engine is unavailable")]
    Unavailable(#[source] BoxError),
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

/// Asks `engine` and mints the [`Permit`]: step 5 of a request's life.
///
/// # Errors
///
/// [`AuthorizeError`] for a no, for no answer, and for a yes that names no policy.
pub async fn authorize(engine: &dyn Authorize, inquiry: &Inquiry<'_>) -> Result<Permit, AuthorizeError> {
    match engine.decide(inquiry).await? {
        Decision::Allow(policies) if policies.is_empty() => Err(AuthorizeError::NoPolicy),
        Decision::Allow(policies) => Ok(Permit { entry_id: inquiry.entry_id(), policies }),
        Decision::Deny(denial) => Err(AuthorizeError::Denied(denial)),
    }
}
