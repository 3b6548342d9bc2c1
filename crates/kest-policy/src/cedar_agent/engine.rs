//! The engine: what is posted, and when the answer is a yes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use kest_core::BoxError;
use kest_core::entry::PolicyName;
use kest_http::Endpoint;
use serde_json::Value;

use super::CedarAgentBuilder;
use super::question::{action, question};
use crate::engine::{Engine, EngineError, EngineIdentity, Verdict};
use crate::input::Input;
use crate::remote::{NotAnAnswer, Opened, RemoteConfigError, RemoteEngine};

/// Policies that a Cedar agent evaluates.
#[derive(Debug)]
pub struct CedarAgent {
    identity: EngineIdentity,
    /// Each policy with its action as Cedar spells it.
    actions: BTreeMap<PolicyName, String>,
    is_authorized: Endpoint,
    policies: Endpoint,
    remote: RemoteEngine,
}

impl CedarAgent {
    /// Settings for the agent at `base`, such as `http://127.0.0.1:8180`.
    pub fn builder(base: &str) -> CedarAgentBuilder {
        CedarAgentBuilder::new(base)
    }

    pub(super) fn new(opened: Opened) -> Result<Self, RemoteConfigError> {
        let below = |name| {
            let url = opened.address.below(&["v1", name]);
            url.ok_or_else(|| RemoteConfigError::Malformed("nothing can lie below it".into()))
        };
        Ok(Self {
            // The key is left out: it decides whether the agent answers, not what.
            identity: EngineIdentity::of(KIND, [opened.address.as_str().as_bytes()]),
            is_authorized: below("is_authorized")?,
            policies: below("policies")?,
            actions: opened.names.into_iter().map(|name| (name.clone(), action(&name))).collect(),
            remote: opened.remote,
        })
    }

    /// The first policy whose action stands in no text of the agent, which has `limit` bytes to say so.
    pub(super) async fn missing(&self, limit: usize) -> Result<Option<PolicyName>, BoxError> {
        let answer = self.remote.look(&self.policies, limit).await?;
        let policies = answer.as_array().ok_or(NotAnAnswer)?;
        let texts = policies.iter().map(|policy| policy.get("content").and_then(Value::as_str));
        let texts: Vec<&str> = texts.collect::<Option<_>>().ok_or(NotAnAnswer)?;
        let missing = |action: &str| !texts.iter().any(|text| text.contains(action));
        Ok(self.actions.iter().find(|(_, action)| missing(action)).map(|(name, _)| name.clone()))
    }
}

#[async_trait]
impl Engine for CedarAgent {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn identity(&self) -> EngineIdentity {
        self.identity
    }

    fn names(&self) -> Vec<PolicyName> {
        self.actions.keys().cloned().collect()
    }

    async fn evaluate(&self, policy: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        let action = self.actions.get(policy).ok_or_else(|| EngineError::UnknownPolicy(policy.clone()))?;
        let question = question(action, input).map_err(|cause| EngineError::Failed(cause.into()))?;
        let answer = self.remote.ask(&self.is_authorized, question).await?;
        verdict(&answer)
    }
}

/// A yes is the text `Allow`, unless some policy could not be evaluated: it might have been the one that forbids.
fn verdict(answer: &Value) -> Result<Verdict, EngineError> {
    if answer.get("decision").and_then(Value::as_str) != Some("Allow") {
        return Ok(Verdict::Deny);
    }
    let errors = match answer.get("diagnostics") {
        Some(Value::Object(members)) => members.get("errors"),
        diagnostics => diagnostics,
    };
    match errors {
        None | Some(Value::Null) => Ok(Verdict::Allow),
        Some(Value::Array(errors)) if errors.is_empty() => Ok(Verdict::Allow),
        Some(_) => Err(EngineError::Failed(Box::new(PolicyErred))),
    }
}

/// What the agent says about it may repeat the input, so it is not kept.
#[derive(Debug, thiserror::Error)]
#[error("agent could not evaluate some policy")]
struct PolicyErred;

const KIND: &str = "cedar_agent";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_word_allow_is_a_yes() {
        for answer in [
            json!({"decision": "Allow"}),
            json!({"decision": "Allow", "diagnostics": {"reason": ["p"], "errors": []}}),
            json!({"decision": "Allow", "diagnostics": {}}),
        ] {
            assert_eq!(verdict(&answer).unwrap(), Verdict::Allow, "{answer}");
        }
        for answer in [
            json!({"decision": "Deny"}),
            json!({"decision": "Deny", "diagnostics": {"reason": [], "errors": ["x"]}}),
            json!({"decision": "allow"}),
            json!({"decision": "ALLOW"}),
            json!({"decision": " Allow"}),
            json!({"decision": true}),
            json!({"decision": ["Allow"]}),
            json!({"decision": {"Allow": true}}),
            json!({"allowed": true}),
            json!({}),
            json!("Allow"),
            json!(["Allow"]),
            json!(true),
        ] {
            assert_eq!(verdict(&answer).unwrap(), Verdict::Deny, "{answer}");
        }
    }

    #[test]
    fn yes_beside_a_policy_that_erred_is_no_yes() {
        for diagnostics in [
            json!({"errors": ["while evaluating policy0"]}),
            json!({"errors": [{}]}),
            json!({"errors": "x"}),
            json!({"errors": true}),
            json!(["x"]),
            json!("x"),
        ] {
            let refused = verdict(&json!({"decision": "Allow", "diagnostics": diagnostics}));
            assert!(matches!(refused, Err(EngineError::Failed(_))), "{diagnostics}");
        }
    }
}
