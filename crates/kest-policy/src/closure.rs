//! Policies that are plain Rust, under names that a configuration can put into any tier.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use kest_core::entry::{NameError, PolicyName};

use crate::engine::{Engine, EngineError, EngineIdentity, Verdict};
use crate::input::Input;

type Allows = Arc<dyn Fn(&Input) -> bool + Send + Sync>;

/// An engine made of closures over the input document.
///
/// A closure must decide by the input alone: its answer is remembered for every caller with the same input.
///
/// ```
/// use kest_policy::Closures;
/// let closures = Closures::default()
///     .with("known_user", |input| input.subject().user.is_some())?
///     .with("clean_data", |input| !input.subject().taints.iter().any(|taint| &**taint == "llm"))?;
/// # drop(closures);
/// # Ok::<(), kest_core::entry::NameError>(())
/// ```
#[derive(Clone)]
pub struct Closures {
    policies: BTreeMap<PolicyName, Allows>,
    identity: EngineIdentity,
}

impl Default for Closures {
    fn default() -> Self {
        // Two closures cannot be compared, so every set of them is an engine of its own.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self { policies: BTreeMap::new(), identity: EngineIdentity::of(KIND, [number.as_slice()]) }
    }
}

impl Closures {
    /// Adds a policy called `name`; one of the same name is replaced.
    ///
    /// # Errors
    ///
    /// [`NameError`] when `name` is empty or longer than 256 bytes.
    pub fn with(
        self,
        name: impl Into<Arc<str>>,
        allows: impl Fn(&Input) -> bool + Send + Sync + 'static,
    ) -> Result<Self, NameError> {
        let mut policies = self.policies;
        policies.insert(PolicyName::new(name)?, Arc::new(allows));
        // A set with another closure in it decides differently: it gets an identity of its own.
        Ok(Self { policies, ..Self::default() })
    }
}

#[async_trait]
impl Engine for Closures {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn identity(&self) -> EngineIdentity {
        self.identity
    }

    fn names(&self) -> Vec<PolicyName> {
        self.policies.keys().cloned().collect()
    }

    async fn evaluate(&self, policy: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        let allows = self.policies.get(policy).ok_or_else(|| EngineError::UnknownPolicy(policy.clone()))?;
        Ok(if allows(input) { Verdict::Allow } else { Verdict::Deny })
    }
}

impl fmt::Debug for Closures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.policies.keys()).finish()
    }
}

const KIND: &str = "closure";
