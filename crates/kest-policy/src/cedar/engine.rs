//! The engine: which policies it has, and what each says about an input.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_core::{Limits, Slots};
use tokio::runtime::Handle;

use super::compile::{Deciders, compile};
use crate::engine::{Engine, EngineError, EngineIdentity, Verdict};
use crate::input::Input;
use crate::load::{LoadErrors, Source};

/// Cedar policies, evaluated in this process; see the [module](super) for how they are named and what they see.
pub struct Cedar {
    identity: EngineIdentity,
    deciders: Deciders,
    slots: Slots,
}

impl Cedar {
    /// The schema that policies are validated against when no other is given: what Kest fills in, and the attributes
    /// that the policies of the library ask for.
    ///
    /// A schema of your own is best a copy of it with another `type Attributes`.
    pub const BUILT_IN_SCHEMA: &str = include_str!("../../policies/kest.cedarschema");

    /// Reads `policies` and validates them strictly against `schema`, else against [`Self::BUILT_IN_SCHEMA`].
    ///
    /// Every name gets an action `Kest::Action::"<name>"` if the schema declares none. This blocks: do it at start.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with everything that is wrong, in order of the sources, the schema first.
    pub fn compile(
        policies: &[Source],
        schema: Option<&Source>,
        limits: &Limits,
    ) -> Result<Self, LoadErrors> {
        let built_in = Source::text("kest.cedarschema", Self::BUILT_IN_SCHEMA);
        let schema = schema.unwrap_or(&built_in);
        let deciders = compile(policies, schema, limits)?;
        let texts = policies.iter().flat_map(|source| [source.name(), source.as_str()]);
        let parts = std::iter::once(schema.as_str()).chain(texts).map(str::as_bytes);
        Ok(Self { identity: EngineIdentity::of(KIND, parts), deciders, slots: Slots::of_process() })
    }

    /// Takes what computes for long from `slots`; from those of the whole process otherwise.
    #[must_use]
    pub fn slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }
}

#[async_trait]
impl Engine for Cedar {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn identity(&self) -> EngineIdentity {
        self.identity
    }

    fn names(&self) -> Vec<PolicyName> {
        self.deciders.keys().cloned().collect()
    }

    async fn evaluate(&self, policy: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        let Some(decider) = self.deciders.get(policy) else {
            return Err(EngineError::UnknownPolicy(policy.clone()));
        };
        match Handle::try_current() {
            Ok(runtime) if decider.work(input) > INLINE_WORK => {
                let slot = self.slots.enter(input.share()).await?;
                let (decider, input) = (Arc::clone(decider), input.clone());
                let decided = runtime.spawn_blocking(move || {
                    // Kept until the evaluation ends, also when no request waits for it any more.
                    let _slot = slot;
                    decider.decide(&input)
                });
                let decided = decided.await;
                decided.map_err(|cause| EngineError::Failed(cause.into()))?
            }
            _ => decider.decide(input),
        }
    }
}

impl fmt::Debug for Cedar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cedar").field("policies", &self.deciders.keys()).finish_non_exhaustive()
    }
}

const KIND: &str = "cedar";

/// Bytes of policy times bytes of input that are worth no thread of their own: well under a millisecond.
const INLINE_WORK: usize = 8 * 1024 * 1024;
