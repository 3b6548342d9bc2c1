//! One name's policies, ready to decide: what they are, and what they say about an input.

use cedar_policy::{
    AuthorizationError, Authorizer, Decision, Entities, EntityId, EntityTypeName, EntityUid, EvaluationError,
    PolicySet, Request, RequestEnv,
};
use kest_core::BoxError;

use super::shape::{Members, context};
use crate::engine::{EngineError, Verdict};
use crate::input::Input;

/// The permits and forbids of one name, and the only kind of request that they are asked about.
#[derive(Debug)]
pub(super) struct Decider {
    pub(super) policies: PolicySet,
    pub(super) request: RequestEnv,
    /// The groups of actions; policies are given no other entities.
    pub(super) entities: Entities,
    /// What the policies mention of the context.
    pub(super) context: Members,
    /// The length of the policies' text.
    pub(super) bytes: usize,
}

/// A policy came to no result. Says which and why, not over what; Cedar's own words are the cause.
#[derive(Debug, thiserror::Error)]
#[error("{reason} in policy {policy}")]
struct Errs {
    policy: Box<str>,
    reason: &'static str,
    #[source]
    cause: BoxError,
}

impl Decider {
    /// About how long it takes over `input`: Cedar has no loops, but a rule can look at the whole input.
    pub(super) fn work(&self, input: &Input) -> usize {
        self.bytes.saturating_mul(input.canonical().len())
    }

    /// What the policies say together. Cedar leaves out a policy that errs; here nothing is decided without it.
    pub(super) fn decide(&self, input: &Input) -> Result<Verdict, EngineError> {
        let request = self.request(input).map_err(EngineError::Failed)?;
        let response = Authorizer::new().is_authorized(&request, &self.policies, &self.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(EngineError::Failed(Errs::from(error).into()));
        }
        Ok(match response.decision() {
            Decision::Allow => Verdict::Allow,
            Decision::Deny => Verdict::Deny,
        })
    }

    fn request(&self, input: &Input) -> Result<Request, BoxError> {
        let context = context(&self.context, input.canonical())?;
        let workload = entity(self.request.principal(), &input.subject().workload);
        let resource = entity(self.request.resource(), input.object().cedar_id()?);
        // The context is of the declared types by its making, hence no schema here.
        Ok(Request::new(workload, self.request.action().clone(), resource, context, None)?)
    }
}

fn entity(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

impl From<&AuthorizationError> for Errs {
    fn from(error: &AuthorizationError) -> Self {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        let id: &str = error.policy_id().as_ref();
        let reason = if matches!(error.inner(), EvaluationError::IntegerOverflow(_)) {
            "a number outgrows 64 bits"
        } else if matches!(error.inner(), EvaluationError::RecursionLimit(_)) {
            "too little stack is left"
        } else {
            "evaluation fails"
        };
        Self { policy: id.into(), reason, cause: error.inner().clone().into() }
    }
}
