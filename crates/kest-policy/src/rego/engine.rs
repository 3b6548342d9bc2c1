//! The engine: finds the policy, evaluates it at once, and moves what takes long off the request's task.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_core::{BoxError, Limits, Share, Slots};
use memchr::memmem::Finder;
use regorus::Value;
use serde::de::DeserializeSeed as _;

use super::compile::compile;
use super::evaluator::{Evaluator, Fault};
use super::names::Entry;
use super::reads::Reads;
use crate::engine::{Engine, EngineError, EngineIdentity, Verdict};
use crate::input::Input;
use crate::load::{LoadErrors, Source};

/// Rego policies, evaluated in this process; see [the module](super) for what they may and may not do.
pub struct Rego {
    pub(super) policies: BTreeMap<PolicyName, Arc<Policy>>,
    evaluator: Arc<Evaluator>,
    identity: EngineIdentity,
    slots: Slots,
    time: Time,
}

/// One policy.
pub(super) struct Policy {
    pub(super) entry: Entry,
    /// Whether the last evaluation was over the time for a request's own task.
    pub(super) slow: AtomicBool,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Time {
    /// On the request's own task.
    at_once: Duration,
    /// On a blocking thread.
    elsewhere: Duration,
    /// Until a blocking thread has answered, waiting for a slot included.
    answer: Duration,
}

impl Rego {
    /// Parses and checks `modules`, which are one tree of packages.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with everything that is wrong with them, each with its file and mostly its line.
    pub fn compile(modules: &[Source], limits: &Limits) -> Result<Self, LoadErrors> {
        let (policies, engine) = compile(modules, limits)?;
        let policy = |entry| Arc::new(Policy { entry, slow: AtomicBool::new(false) });
        let mut texts: Vec<_> = modules.iter().map(|module| module.as_str().as_bytes()).collect();
        texts.sort_unstable();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let time = Time {
            at_once: limits.policy_at_once.min(limits.policy_evaluation),
            elsewhere: limits.policy_evaluation,
            answer: limits.policy_wait.saturating_add(limits.policy_evaluation),
        };
        Ok(Self {
            policies: policies.into_iter().map(|(name, entry)| (name, policy(entry))).collect(),
            evaluator: Arc::new(Evaluator::new(engine, modules.to_vec(), processors)),
            identity: EngineIdentity::of(KIND, texts),
            slots: Slots::of_process(),
            time,
        })
    }

    /// Takes what computes for long from `slots`; from those of the whole process otherwise.
    #[must_use]
    pub fn slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }

    /// `kest/trust` and `kest.trust` are the same policy.
    fn find(&self, name: &PolicyName) -> Option<&Arc<Policy>> {
        let slashed = || PolicyName::new(name.as_str().replace('.', "/")).ok();
        self.policies.get(name).or_else(|| self.policies.get(&slashed()?))
    }

    /// Evaluates `policy` on a blocking thread, as soon as it is the caller's turn.
    async fn elsewhere(
        &self,
        policy: Arc<Policy>,
        input: Value,
        share: Share,
    ) -> Result<Verdict, EngineError> {
        let gone = |cause: BoxError| EngineError::Unavailable(cause);
        let slot = self.slots.enter(share).await?;
        let (evaluator, time) = (Arc::clone(&self.evaluator), self.time);
        let evaluation = tokio::task::spawn_blocking(move || {
            // Kept until the evaluation ends, also when no request waits for it any more.
            let _slot = slot;
            // A machine that paused makes any policy look slow: one that is quick now is quick again.
            let quick = evaluator.value(&policy.entry.path, input.clone(), time.at_once);
            if !matches!(quick, Err(Fault::Time(_))) {
                policy.slow.store(false, Ordering::Relaxed);
                return quick;
            }
            evaluator.value(&policy.entry.path, input, time.elsewhere)
        });
        verdict(evaluation.await.map_err(|cause| gone(cause.into()))?)
    }
}

#[async_trait]
impl Engine for Rego {
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
        let known = self.find(policy).ok_or_else(|| EngineError::UnknownPolicy(policy.clone()))?;
        let share = input.share();
        let input = value_of(&known.entry.reads, input.canonical()).map_err(EngineError::Failed)?;
        if !known.slow.load(Ordering::Relaxed) {
            match self.evaluator.value(&known.entry.path, input.clone(), self.time.at_once) {
                Err(Fault::Time(_)) => known.slow.store(true, Ordering::Relaxed),
                answer => return verdict(answer),
            }
        }
        let answer = self.elsewhere(Arc::clone(known), input, share);
        match tokio::time::timeout(self.time.answer, answer).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(EngineError::Unavailable(elapsed.into())),
        }
    }
}

impl fmt::Debug for Rego {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rego").field("policies", &self.names()).finish_non_exhaustive()
    }
}

/// What `reads` says of the input as the interpreter has it, or nothing where it would understand something else.
fn value_of(reads: &Reads, document: &str) -> Result<Value, BoxError> {
    // The interpreter takes an object with this member for the number in its string. In canonical JSON what ends like a
    // name with a colon is one: inside of strings the quotation mark is escaped.
    if NUMBER.find(document.as_bytes()).is_some() {
        return Err("policy input has a member whose name the interpreter takes for a number".into());
    }
    let mut text = serde_json::Deserializer::from_str(document);
    let value = reads.deserialize(&mut text)?;
    text.end()?;
    Ok(value)
}

/// Only `true` is a yes.
fn verdict(answer: Result<Value, Fault>) -> Result<Verdict, EngineError> {
    match answer {
        Ok(Value::Bool(true)) => Ok(Verdict::Allow),
        Ok(_) => Ok(Verdict::Deny),
        Err(fault) => Err(EngineError::Failed(fault.into())),
    }
}

static NUMBER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#"$serde_json::private::Number":"#));

const KIND: &str = "rego";
