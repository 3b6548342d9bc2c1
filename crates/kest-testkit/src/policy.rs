//! A policy that answers as it is told, and remembers what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kest_core::Authorize;
use kest_core::entry::{PolicyContext, PolicyName, PolicyTier};
use kest_core::policy::{AuthorizeError, Decision, Denial, PolicyRequest};

/// What a policy was asked, kept after the request is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskedPolicy {
    /// The operation.
    pub operation: String,
    /// The user on whose behalf.
    pub user: Option<String>,
    /// The program that acts.
    pub agent: Option<String>,
    /// The task or scope.
    pub task: Option<String>,
    /// The id of what it acts on.
    pub resource: Option<String>,
    /// How far the data can be trusted that reach the operation.
    pub trust: u8,
    /// The taints that reach the operation.
    pub taints: Vec<String>,
    /// Whether it starts a lineage.
    pub is_root: bool,
    /// Through how many entries it came.
    pub hops: usize,
}

impl AskedPolicy {
    fn of(asked: &PolicyRequest<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            operation: asked.operation().to_string(),
            user: owned(asked.user()),
            agent: owned(asked.agent()),
            task: owned(asked.task()),
            resource: owned(asked.resource().id()),
            trust: asked.trust_score().value(),
            taints: asked.taints().iter().map(str::to_owned).collect(),
            is_root: asked.is_root(),
            hops: asked.arrival().lineage().passport().map_or(0, kest_core::Passport::len),
        }
    }
}

/// What a [`RecordingPolicy`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyAnswer {
    /// Yes.
    Allow,
    /// No.
    Deny,
    /// It could not be evaluated, which counts as a no.
    Fail,
    /// Its engine does not answer.
    Unavailable,
    /// It never answers.
    Silent,
}

/// A policy that answers as it is told and remembers what it was asked. Clones are the same policy.
///
/// ```
/// use kest_testkit::{PolicyAnswer, RecordingPolicy, TestKest};
///
/// let kit = TestKest::new(["gateway"]);
/// let policy = RecordingPolicy::new(PolicyAnswer::Allow);
/// let admission = kit.admission("greet").policy(policy.clone()).admit();
/// # drop(admission);
/// assert_eq!(policy.asked()[0].operation, "greet");
/// assert_eq!(policy.asked()[0].user.as_deref(), Some("alice"));
/// ```
#[derive(Debug, Clone)]
pub struct RecordingPolicy(Arc<Mutex<Recorded>>);

#[derive(Debug)]
struct Recorded {
    answer: PolicyAnswer,
    asked: Vec<AskedPolicy>,
}

impl RecordingPolicy {
    /// The name under which it is signed into entries.
    pub const NAME: &'static str = "recording_policy";

    /// A policy that says this.
    #[must_use]
    pub fn new(answer: PolicyAnswer) -> Self {
        Self(Arc::new(Mutex::new(Recorded { answer, asked: Vec::new() })))
    }

    /// Says this from now on.
    pub fn answer(&self, answer: PolicyAnswer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answer = answer;
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<AskedPolicy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    fn record(&self, asked: &PolicyRequest<'_>) -> PolicyAnswer {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.asked.push(AskedPolicy::of(asked));
        recorded.answer
    }
}

#[async_trait]
impl Authorize for RecordingPolicy {
    async fn decide(&self, inquiry: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        let answer = self.record(inquiry);
        let name = PolicyName::new(Self::NAME).map_err(|cause| AuthorizeError::Failed(cause.into()))?;
        match answer {
            PolicyAnswer::Allow => {
                let mut policies = PolicyContext::default();
                policies.push(PolicyTier::Function, &name);
                Ok(Decision::Allow(policies))
            }
            PolicyAnswer::Deny => Ok(Decision::Deny(Denial::new(PolicyTier::Function, name))),
            PolicyAnswer::Fail => Err(AuthorizeError::Failed("a policy of this test fails".into())),
            PolicyAnswer::Unavailable => {
                Err(AuthorizeError::Unavailable("an engine of this test is away".into()))
            }
            PolicyAnswer::Silent => std::future::pending().await,
        }
    }
}
