//! Asks one policy after the other within one set, whatever replaces that set meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kest_core::entry::{PolicyName, PolicyTier};
use kest_core::policy::{AuthorizeError, Denial, PolicyRequest};

use super::Policies;
use super::set::{Known, Set};
use crate::engine::{EngineError, Verdict};
use crate::input::{Asked, Common, Input, InputError};
use crate::telemetry;

/// One request being answered: the set in force when it began, and what its tiers share of the input.
#[derive(Debug)]
pub(super) struct Asking {
    policies: Policies,
    pub(super) set: Arc<Set>,
    common: Result<Common, Arc<InputError>>,
    deployment_asked: AtomicBool,
}

/// An [`Asking`] that belongs to the request, or to this question alone.
pub(super) enum AskingOf<'request> {
    PolicyRequest(&'request Asking),
    Question(Box<Asking>),
}

impl std::ops::Deref for AskingOf<'_> {
    type Target = Asking;

    fn deref(&self) -> &Asking {
        match self {
            Self::PolicyRequest(asking) => asking,
            Self::Question(asking) => asking,
        }
    }
}

impl Asking {
    /// What this request began with: a reload in the middle of it changes nothing for it.
    pub(super) fn of<'it>(policies: &Policies, request: &PolicyRequest<'it>) -> AskingOf<'it> {
        match request.memo(|| Self::begin(policies, request)) {
            Some(asking) if Arc::ptr_eq(&asking.policies.0, &policies.0) => AskingOf::PolicyRequest(asking),
            // The request began with other policies than these.
            _ => AskingOf::Question(Box::new(Self::begin(policies, request))),
        }
    }

    fn begin(policies: &Policies, request: &PolicyRequest<'_>) -> Self {
        let set = policies.0.current.load_full();
        let common = Common::of(request, set.configuration.parent_hash()).map_err(Arc::new);
        Self { policies: policies.clone(), set, common, deployment_asked: AtomicBool::new(false) }
    }

    pub(super) fn mark_deployment_asked(&self) {
        self.deployment_asked.store(true, Ordering::Release);
    }

    pub(super) fn was_deployment_asked(&self) -> bool {
        self.deployment_asked.load(Ordering::Acquire)
    }

    /// The document for the policies of one tier.
    pub(super) fn input(&self, asked: Asked<'_>) -> Result<Input, AuthorizeError> {
        let failed = |cause: Arc<InputError>| AuthorizeError::Failed(cause.into());
        let common = self.common.as_ref().map_err(|cause| failed(Arc::clone(cause)))?;
        let limit = self.policies.0.plan.limits.policy_input_bytes;
        common.input(asked, limit).map_err(|cause| failed(Arc::new(cause)))
    }

    /// Asks every one of `names`, in order; the first no stops.
    pub(super) async fn ask(
        &self,
        names: impl Iterator<Item = &PolicyName>,
        tier: PolicyTier,
        input: &Input,
    ) -> Result<(), Refusal> {
        for name in names {
            let known = self.set.known(name);
            let known = known.ok_or_else(|| failed(EngineError::UnknownPolicy(name.clone())))?;
            match self.verdict(known, tier, input).await {
                Ok(Verdict::Allow) => {}
                Ok(Verdict::Deny) => return Err(Refusal::Denied(Denial::new(tier, name.clone()))),
                Err(error) => return Err(unanswered(error)),
            }
        }
        Ok(())
    }

    async fn verdict(
        &self,
        known: &Known,
        tier: PolicyTier,
        input: &Input,
    ) -> Result<Verdict, Arc<EngineError>> {
        let evaluation = self.evaluate(known, input);
        let verdict = self.policies.0.decisions.get(known.key, input, evaluation).await;
        telemetry::decided(&known.name, tier.as_str(), verdict.as_ref().ok().copied());
        verdict
    }

    async fn evaluate(&self, known: &Known, input: &Input) -> Result<Verdict, EngineError> {
        let clock = &self.policies.0.plan.clock;
        let began = clock.now();
        let verdict = known.engine.evaluate(&known.name, input).await;
        let took = clock.now().duration_since(began).unwrap_or(Duration::ZERO);
        telemetry::evaluated(known.engine.kind(), took, verdict.as_ref().err());
        if let Err(error) = &verdict {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(policy = %known.name, engine = known.engine.kind(), cause, "{error}");
        }
        verdict
    }
}

/// Why policies did not all allow.
#[derive(Debug)]
pub(super) enum Refusal {
    Denied(Denial),
    Unanswered(AuthorizeError),
}

fn failed(error: EngineError) -> Refusal {
    unanswered(Arc::new(error))
}

fn unanswered(error: Arc<EngineError>) -> Refusal {
    Refusal::Unanswered(match *error {
        EngineError::Unavailable(_) => AuthorizeError::Unavailable(error.into()),
        EngineError::NoSlot(taken) => AuthorizeError::NoSlot(taken),
        EngineError::UnknownPolicy(_) | EngineError::Failed(_) => AuthorizeError::Failed(error.into()),
    })
}

/// The names as the document carries them.
pub(super) fn wire_names<'it, Names>(names: Names) -> Arc<[Arc<str>]>
where
    Names: Iterator<Item = &'it PolicyName>,
{
    names.map(|name| Arc::from(name.as_str())).collect()
}
