//! The seam behind which an engine evaluates one named policy over one input document.

use std::fmt;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_core::{BoxError, NoSlot};
use sha2::{Digest, Sha256};

use crate::input::Input;

/// Evaluates policies: Cedar, Rego, closures, a sidecar, or one of your own.
///
/// An engine decides about one policy at a time, so that a yes of one can never stand in for a no of another. What
/// it is asked is the whole of [`Input`]; it must look at nothing else that differs between callers, since decisions
/// are remembered by the input alone.
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync {
    /// A stable, short name of the kind of engine for logs and metrics, such as `cedar`.
    fn kind(&self) -> &'static str;

    /// What distinguishes its decisions from those of every other engine.
    fn identity(&self) -> EngineIdentity;

    /// The policies that it knows, in order of name: nothing else can be configured.
    fn names(&self) -> Vec<PolicyName>;

    /// Evaluates `policy` over `input`.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when there is neither a yes nor a no. Nothing is allowed then.
    async fn evaluate(&self, policy: &PolicyName, input: &Input) -> Result<Verdict, EngineError>;
}

/// What one policy said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer; everything else is an error")]
pub enum Verdict {
    /// Yes, in so many words.
    Allow,
    /// Anything else that is an answer.
    Deny,
}

/// There is no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine does not know the policy.
    #[error("policy {0} is not known to the engine")]
    UnknownPolicy(PolicyName),
    /// The policy could not be evaluated over this input: counts as a no.
    #[error("policy cannot be evaluated")]
    Failed(#[source] BoxError),
    /// The engine did not answer; a retry may help.
    #[error("policy engine did not answer")]
    Unavailable(#[source] BoxError),
    /// It computes for others and has no slot for this one; a retry may help.
    #[error("policy engine has no free slot")]
    NoSlot(#[from] NoSlot),
}

/// Tells engines apart in the decision cache: a digest of the kind and of everything it decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EngineIdentity([u8; 32]);

impl EngineIdentity {
    /// The identity of an engine of `kind` that decides by `parts`: its sources, or its address and settings.
    #[must_use]
    pub fn of<'it>(kind: &'it str, parts: impl IntoIterator<Item = &'it [u8]>) -> Self {
        let mut digest = Sha256::new();
        // Lengths keep neighbours apart: ("ab", "c") is not ("a", "bc").
        for part in std::iter::once(kind.as_bytes()).chain(parts) {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
