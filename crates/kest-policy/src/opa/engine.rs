//! The engine: what is posted, and when the answer is a yes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_http::{Endpoint, HttpError as Unanswered};
use serde_json::Value;

use super::OpaBuilder;
use crate::engine::{Engine, EngineError, EngineIdentity, Verdict};
use crate::input::Input;
use crate::remote::{AskError, RemoteEngine};

/// Policies that an OPA server evaluates.
#[derive(Debug)]
pub struct Opa {
    identity: EngineIdentity,
    path: Vec<Box<str>>,
    documents: BTreeMap<PolicyName, Endpoint>,
    remote: RemoteEngine,
}

impl Opa {
    /// Settings for the server at `base`, such as `http://127.0.0.1:8181`.
    pub fn builder(base: &str) -> OpaBuilder {
        OpaBuilder::new(base)
    }

    pub(super) fn new(
        base: &str,
        decision_path: &str,
        path: Vec<Box<str>>,
        documents: BTreeMap<PolicyName, Endpoint>,
        remote: RemoteEngine,
    ) -> Self {
        // The token is left out: it decides whether OPA answers, not what.
        let identity = EngineIdentity::of(KIND, [base.as_bytes(), decision_path.as_bytes()]);
        Self { identity, path, documents, remote }
    }

    /// Whether the server has a document for `policy`.
    pub(super) async fn has(&self, policy: &PolicyName, limit: usize) -> Result<bool, AskError> {
        let Some(url) = self.documents.get(policy) else { return Ok(false) };
        match self.remote.look(url, limit).await {
            // OPA leaves out the result when the document is undefined.
            Ok(answer) => Ok(answer.get("result").is_some()),
            Err(AskError::Unanswered(Unanswered::Status(404))) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Engine for Opa {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn identity(&self) -> EngineIdentity {
        self.identity
    }

    fn names(&self) -> Vec<PolicyName> {
        self.documents.keys().cloned().collect()
    }

    async fn evaluate(&self, policy: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        let url = self.documents.get(policy).ok_or_else(|| EngineError::UnknownPolicy(policy.clone()))?;
        let question = format!(r#"{{"input":{}}}"#, input.canonical());
        let answer = self.remote.ask(url, question).await?;
        Ok(verdict(&answer, &self.path))
    }
}

/// A yes is the JSON value `true` at `path` and nothing that any language takes for true.
fn verdict(answer: &Value, path: &[Box<str>]) -> Verdict {
    let decision = path.iter().try_fold(answer, |value, member| match value {
        Value::Object(members) => members.get(member.as_ref()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    });
    if decision == Some(&Value::Bool(true)) { Verdict::Allow } else { Verdict::Deny }
}

const KIND: &str = "opa";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(answer: &Value, path: &str, expected: Verdict) {
        let path: Vec<Box<str>> = path.split('.').map(Into::into).collect();
        assert_eq!(verdict(answer, &path), expected, "{answer}");
    }

    #[test]
    fn only_the_value_true_at_the_decision_path_is_a_yes() {
        check(&json!({"result": {"allow": true}}), "result.allow", Verdict::Allow);
        check(&json!({"result": true}), "result", Verdict::Allow);
        check(&json!({"result": {"a": {"b": true}}, "allow": false}), "result.a.b", Verdict::Allow);
        for truthy in [json!("true"), json!(1), json!({}), json!([true]), json!({"allow": true}), json!(null)]
        {
            check(&json!({"result": {"allow": truthy}}), "result.allow", Verdict::Deny);
        }
        for elsewhere in [
            json!({}),
            json!(true),
            json!({"result": true}),
            json!({"result": {}}),
            json!({"result": [{"allow": true}]}),
            json!({"allow": true}),
            json!({"result": {"Allow": true}}),
            json!({"result": {"allow": false}, "result.allow": true}),
        ] {
            check(&elsewhere, "result.allow", Verdict::Deny);
        }
    }

    #[test]
    fn lists_have_no_decision_path() {
        check(&json!({"result": [true]}), "result.0", Verdict::Deny);
    }
}
