//! Policies that are plain Rust: a name and a closure.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Authorize, AuthorizeError, Decision, Denial, PolicyRequest};
use crate::entry::{NameError, PolicyContext, PolicyName, PolicyTier};

/// A policy of the function tier that asks a closure.
///
/// # Errors
///
/// [`NameError`] when `name` is empty or too long.
///
/// ```
/// use kest_core::policy::policy_fn;
/// let trusted = policy_fn("trusted_data", |request| request.trust_score().value() >= 40)?;
/// # Ok::<(), kest_core::entry::NameError>(())
/// ```
pub fn policy_fn<Allows>(name: impl Into<Arc<str>>, allows: Allows) -> Result<PolicyFn<Allows>, NameError>
where
    Allows: Fn(&PolicyRequest<'_>) -> bool + Send + Sync,
{
    Ok(PolicyFn { name: PolicyName::new(name)?, allows })
}

/// See [`policy_fn`].
#[derive(Clone)]
pub struct PolicyFn<Allows> {
    name: PolicyName,
    allows: Allows,
}

impl<Allows> fmt::Debug for PolicyFn<Allows> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PolicyFn").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl<Allows> Authorize for PolicyFn<Allows>
where
    Allows: Fn(&PolicyRequest<'_>) -> bool + Send + Sync,
{
    async fn decide(&self, request: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        Ok(if (self.allows)(request) {
            allow(&self.name)
        } else {
            Decision::Deny(Denial::new(PolicyTier::Function, self.name.clone()))
        })
    }
}

/// Policies that must all allow, asked in order; the first no stops. None at all allows nothing.
#[must_use]
pub fn all_of(policies: impl IntoIterator<Item = Arc<dyn Authorize>>) -> AllOf {
    AllOf(policies.into_iter().collect())
}

/// See [`all_of`].
#[derive(Debug, Clone)]
pub struct AllOf(Vec<Arc<dyn Authorize>>);

#[async_trait]
impl Authorize for AllOf {
    fn is_empty(&self) -> bool {
        self.0.iter().all(|policy| policy.is_empty())
    }

    fn is_deployments(&self) -> bool {
        self.0.iter().any(|policy| policy.is_deployments())
    }

    async fn decide(&self, request: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        let mut allowed = PolicyContext::default();
        for policy in &self.0 {
            match policy.decide(request).await? {
                // A part that names no policy decided nothing, and nothing is not a yes.
                Decision::Allow(part) if part.is_empty() => return Err(AuthorizeError::NoPolicy),
                Decision::Allow(part) => allowed.append(part),
                Decision::Deny(denial) => return Ok(Decision::Deny(denial)),
            }
        }
        Ok(Decision::Allow(allowed))
    }
}

/// No policy beyond those of the deployment.
///
/// Building a layer with it for a service without a
/// [deployment policy](crate::AdmitterBuilder::deployment_policy) fails at once.
#[must_use]
pub fn deployment_only() -> DeploymentOnly {
    DeploymentOnly(())
}

/// See [`deployment_only`].
#[derive(Debug, Clone, Copy)]
pub struct DeploymentOnly(());

#[async_trait]
impl Authorize for DeploymentOnly {
    fn is_empty(&self) -> bool {
        true
    }

    async fn decide(&self, _inquiry: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        Ok(Decision::Allow(PolicyContext::default()))
    }
}

/// Allows everything, and signs `dangerous_allow_all` into every entry as the policy that did.
///
/// What is given up: all who reach the route may run it.
#[must_use]
pub fn dangerous_allow_all() -> AllowAll {
    AllowAll(())
}

/// See [`dangerous_allow_all`].
#[derive(Debug, Clone, Copy)]
pub struct AllowAll(());

#[async_trait]
impl Authorize for AllowAll {
    async fn decide(&self, _inquiry: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        PolicyName::new("dangerous_allow_all")
            .map(|name| allow(&name))
            .map_err(|cause| AuthorizeError::Failed(cause.into()))
    }
}

fn allow(name: &PolicyName) -> Decision {
    let mut policies = PolicyContext::default();
    policies.push(PolicyTier::Function, name);
    Decision::Allow(policies)
}
