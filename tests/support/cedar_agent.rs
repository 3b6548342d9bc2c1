//! A server that speaks the Cedar agent's REST API and evaluates with `cedar-policy`.
//!
//! The real agent is in no package registry, so this one stands in for it: it reads ids and context with the same
//! calls, evaluates all its policies together as the agent does, and knows no entities.

use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::opa::Sidecar;

/// An agent with these policies, each an id and a text.
pub async fn cedar_agent(policies: &[(&str, &str)]) -> Sidecar {
    let mut set = PolicySet::new();
    let mut list = Vec::new();
    for (id, content) in policies {
        set.add(Policy::parse(Some(PolicyId::new(id)), content).unwrap()).unwrap();
        list.push(json!({"id": id, "content": content}));
    }
    let list = Value::Array(list).to_string();
    Sidecar::answering(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/policies") => (StatusCode::OK, list.clone()),
        ("POST", "/v1/is_authorized") => match read(&request.body) {
            Some(question) => (StatusCode::OK, answer(&question, &set).to_string()),
            None => (StatusCode::BAD_REQUEST, json!({"reason": "not a question"}).to_string()),
        },
        _ => (StatusCode::NOT_FOUND, "{}".to_owned()),
    })
    .await
}

/// The question in `body`, if Cedar can read it.
fn read(body: &str) -> Option<Request> {
    let body: Value = serde_json::from_str(body).ok()?;
    let id = |name: &str| EntityUid::from_str(body[name].as_str()?).ok();
    let context = Context::from_json_value(body["context"].clone(), None).ok()?;
    Request::new(id("principal")?, id("action")?, id("resource")?, context, None).ok()
}

fn answer(question: &Request, policies: &PolicySet) -> Value {
    let response = Authorizer::new().is_authorized(question, policies, &Entities::empty());
    let decision = match response.decision() {
        Decision::Allow => "Allow",
        Decision::Deny => "Deny",
    };
    let reason: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
    json!({"decision": decision, "diagnostics": {"reason": reason, "errors": errors}})
}
