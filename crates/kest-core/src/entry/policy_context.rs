//! Records which policies said yes, per tier, and which deviations were used.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::PolicyName;

/// A level of the policy hierarchy; they are evaluated in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PolicyTier {
    /// Rules of the whole organisation.
    Enterprise,
    /// Rules of the platform that the service runs on.
    Platform,
    /// Rules of the application.
    Application,
    /// Rules of one operation.
    Function,
}

impl PolicyTier {
    /// Every tier, in the order of evaluation.
    pub const ALL: [Self; 4] = [Self::Enterprise, Self::Platform, Self::Application, Self::Function];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enterprise => "enterprise",
            Self::Platform => "platform",
            Self::Application => "application",
            Self::Function => "function",
        }
    }
}

impl fmt::Display for PolicyTier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A signed deviation from one policy of a higher tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deviation {
    // Sorted, so that plain JSON is already canonical.
    /// Who approved it.
    pub approver: Option<Arc<str>>,
    /// The policy that was not evaluated.
    pub policy: Arc<str>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// The policy's tier.
    pub tier: Arc<str>,
}

/// The member `policy_context`: what was really evaluated, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicyContext {
    // Sorted, so that plain JSON is already canonical.
    app_policies: Vec<Arc<str>>,
    deviations: Vec<Deviation>,
    enterprise_policies: Vec<Arc<str>>,
    function_policies: Vec<Arc<str>>,
    platform_policies: Vec<Arc<str>>,
}

impl Deviation {
    /// Records that `policy` of `tier` was left out, why, and who approved it.
    #[must_use]
    pub fn new(
        tier: PolicyTier,
        policy: &PolicyName,
        reason: impl Into<Arc<str>>,
        approver: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            approver: Some(approver.into()),
            policy: policy.as_str().into(),
            reason: Some(reason.into()),
            tier: tier.as_str().into(),
        }
    }
}

impl PolicyContext {
    /// Records that `policy` of `tier` said yes.
    pub fn push(&mut self, tier: PolicyTier, policy: &PolicyName) {
        let list = match tier {
            PolicyTier::Enterprise => &mut self.enterprise_policies,
            PolicyTier::Platform => &mut self.platform_policies,
            PolicyTier::Application => &mut self.app_policies,
            PolicyTier::Function => &mut self.function_policies,
        };
        list.push(policy.as_str().into());
    }

    /// Records a deviation that was used.
    pub fn push_deviation(&mut self, deviation: Deviation) {
        self.deviations.push(deviation);
    }

    /// Adds what another engine recorded, after what is here.
    pub fn append(&mut self, other: Self) {
        self.enterprise_policies.extend(other.enterprise_policies);
        self.platform_policies.extend(other.platform_policies);
        self.app_policies.extend(other.app_policies);
        self.function_policies.extend(other.function_policies);
        self.deviations.extend(other.deviations);
    }

    /// The policies of `tier` that said yes, in order of evaluation.
    pub fn policies(&self, tier: PolicyTier) -> impl Iterator<Item = &str> {
        let list = match tier {
            PolicyTier::Enterprise => &self.enterprise_policies,
            PolicyTier::Platform => &self.platform_policies,
            PolicyTier::Application => &self.app_policies,
            PolicyTier::Function => &self.function_policies,
        };
        list.iter().map(AsRef::as_ref)
    }

    /// The deviations that were used.
    #[must_use]
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// How many names and deviations are recorded.
    pub(crate) fn len(&self) -> usize {
        let lists =
            [&self.enterprise_policies, &self.platform_policies, &self.app_policies, &self.function_policies];
        lists.into_iter().map(Vec::len).sum::<usize>() + self.deviations.len()
    }

    /// Whether no policy is recorded at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        PolicyTier::ALL.into_iter().all(|tier| self.policies(tier).next().is_none())
    }
}
