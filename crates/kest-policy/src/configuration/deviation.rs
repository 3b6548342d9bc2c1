//! One deviation: which policy an operation need not satisfy, why, who says so, and until when.

use std::sync::Arc;

use jiff::Timestamp;
use kest_core::entry::{Deviation, OperationName, PolicyName, PolicyTier};
use serde::Deserialize;
use toml::value::Datetime;

/// A deviation from one policy of a higher tier for one operation, approved and not expired when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedDeviation {
    tier: PolicyTier,
    policy: PolicyName,
    operation: OperationName,
    signed: Deviation,
    expires_millis: u64,
}

/// What is wrong with a deviation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviationProblem {
    /// A member is missing or empty.
    #[error("has no {0}")]
    Missing(&'static str),
    /// The tier does not exist, or is the function tier, which has no deviations.
    #[error("names no tier above the function's")]
    PolicyTier,
    /// The tier does not have the policy.
    #[error("names a policy that its tier does not have")]
    NotInTier,
    /// A name is over 256 bytes.
    #[error("has a name over 256 bytes")]
    Name,
    /// The expiry is not a date and time with an offset from UTC.
    #[error("does not say date, time and offset of its expiry")]
    Expiry,
    /// It is over.
    #[error("expired at {0}")]
    Expired(Timestamped),
    /// The same deviation stands there already.
    #[error("is there twice")]
    Twice,
}

/// A point in time as people write it: RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamped(Timestamp);

impl std::fmt::Display for Timestamped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The table `[[deviations]]` as it is written; every member is required, and looked for here so that a missing one
/// is reported under the policy's name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    policy: Option<Arc<str>>,
    tier: Option<Box<str>>,
    operation: Option<Arc<str>>,
    reason: Option<Arc<str>>,
    approver: Option<Arc<str>>,
    expires: Option<Datetime>,
}

impl Written {
    /// The policy that it names, for reports.
    pub(super) fn name(&self) -> &str {
        self.policy.as_deref().unwrap_or("of no name")
    }

    /// Checks everything that can be checked without knowing the tiers.
    pub(super) fn read(&self, unix_millis: u64) -> Result<ApprovedDeviation, DeviationProblem> {
        let policy = present(self.policy.as_ref(), "policy")?;
        let policy = PolicyName::new(Arc::clone(policy)).map_err(|_cause| DeviationProblem::Name)?;
        let operation = present(self.operation.as_ref(), "operation")?;
        let operation = OperationName::new(Arc::clone(operation)).map_err(|_cause| DeviationProblem::Name)?;
        let reason = present(self.reason.as_ref(), "reason")?;
        let approver = present(self.approver.as_ref(), "approver")?;
        let tier = match self.tier.as_deref().ok_or(DeviationProblem::Missing("tier"))? {
            "enterprise" => PolicyTier::Enterprise,
            "platform" => PolicyTier::Platform,
            "application" => PolicyTier::Application,
            _ => return Err(DeviationProblem::PolicyTier),
        };
        let expires = self.expires.ok_or(DeviationProblem::Missing("expires"))?;
        // Without an offset it cannot be said when that is: RFC 3339 section 4.4.
        let expires: Timestamp = expires.to_string().parse().map_err(|_cause| DeviationProblem::Expiry)?;
        let expires_millis = u64::try_from(expires.as_millisecond()).unwrap_or(0);
        if expires_millis <= unix_millis {
            return Err(DeviationProblem::Expired(Timestamped(expires)));
        }
        let signed = Deviation::new(tier, &policy, Arc::clone(reason), Arc::clone(approver));
        Ok(ApprovedDeviation { tier, policy, operation, signed, expires_millis })
    }
}

fn present<'it>(
    member: Option<&'it Arc<str>>,
    name: &'static str,
) -> Result<&'it Arc<str>, DeviationProblem> {
    member.filter(|text| !text.trim().is_empty()).ok_or(DeviationProblem::Missing(name))
}

impl ApprovedDeviation {
    /// The tier of the policy.
    #[must_use]
    pub fn tier(&self) -> PolicyTier {
        self.tier
    }

    /// The policy that need not be satisfied.
    #[must_use]
    pub fn policy(&self) -> &PolicyName {
        &self.policy
    }

    /// The one operation that it is for.
    #[must_use]
    pub fn operation(&self) -> &OperationName {
        &self.operation
    }

    /// What is signed into an entry that uses it.
    #[must_use]
    pub fn signed(&self) -> &Deviation {
        &self.signed
    }

    /// Whether it exempts `operation` at this time; one that expires while the service runs is over at once.
    #[must_use]
    pub fn covers(&self, operation: &OperationName, unix_millis: u64) -> bool {
        self.operation == *operation && unix_millis < self.expires_millis
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (self.tier, &self.policy, &self.operation) == (other.tier, &other.policy, &other.operation)
    }
}
