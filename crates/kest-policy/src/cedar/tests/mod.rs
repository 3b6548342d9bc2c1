//! Proofs that Cedar policies are named, validated and evaluated as promised, and the rig that they share.

mod attributes;
mod decisions;
mod faults;
mod naming;
mod nesting;
mod own_words;
mod schemas;
mod seen;

use kest_core::Limits;
use kest_core::entry::PolicyName;
use serde_json::{Value, json};

use super::Cedar;
use crate::engine::{Engine as _, EngineError, Verdict};
use crate::input::Input;
use crate::load::{LoadErrors, Source};

/// An input with something in every member, and nothing in one element of each list that may have nothing.
fn document() -> Value {
    json!({
        "chain": {
            "operations": ["fetch", "parse"], "principals": ["spiffe://x/a", "spiffe://x/b"],
            "resources": [null, "r1"], "users": ["ada", null],
        },
        "environment": {
            "active_deviations": ["d"], "hop_proof": "peer", "is_root": false, "operation": "reserve", "parent_hash": "00ff",
            "policy_names": ["p"], "policy_tier": "function", "source_type": "internet",
            "tip_age_seconds": 20,
        },
        "identity": "spiffe://x/c",
        "object": {
            "attributes": {"level": 2}, "id": "stock/7",
            "history": {"operations": ["parse"], "principals": ["spiffe://x/b"], "users": ["ada"]},
        },
        "subject": {
            "agent": "bot", "identity_source": "jwt", "issuer": "https://i", "roles": ["ops"],
            "scopes": ["read"], "taints": ["web"], "task": "buy", "tenant": "acme", "trust_score": 40,
            "user": "ada", "workload": "spiffe://x/c",
        },
        "trust_score": 40,
    })
}

/// The document with `value` at `pointer`.
fn with(pointer: &str, value: Value) -> Input {
    let mut document = document();
    *document.pointer_mut(pointer).unwrap() = value;
    input(&document)
}

/// The document with these attributes of the resource, which need not be what Cedar can say.
fn with_attributes(attributes: Value) -> Input {
    with("/object/attributes", attributes)
}

fn input(document: &Value) -> Input {
    Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn name(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

fn compile(files: &[(&str, &str)], schema: Option<&str>) -> Result<Cedar, LoadErrors> {
    let sources: Vec<_> = files.iter().map(|(name, text)| Source::text(*name, *text)).collect();
    let schema = schema.map(|text| Source::text("my.cedarschema", text));
    Cedar::compile(&sources, schema.as_ref(), &Limits::default())
}

/// The built-in schema with `attributes` declared and no others.
fn schema(attributes: &str) -> String {
    let (before, rest) = Cedar::BUILT_IN_SCHEMA.split_once("type Attributes = {").unwrap();
    let (_, after) = rest.split_once("};").unwrap();
    format!("{before}type Attributes = {{ {attributes} }};{after}")
}

/// Everything wrong with `files`, a line each.
#[track_caller]
fn refused(files: &[(&str, &str)], schema: Option<&str>) -> String {
    compile(files, schema).unwrap_err().to_string()
}

/// What the file `p.cedar` with this `text` decides about `input` by the name `p`.
#[track_caller]
fn decide(text: &str, schema: Option<&str>, input: &Input) -> Result<Verdict, EngineError> {
    let cedar = compile(&[("p.cedar", text)], schema).unwrap_or_else(|errors| panic!("{errors}"));
    evaluate(&cedar, "p", input)
}

fn evaluate(cedar: &Cedar, policy: &str, input: &Input) -> Result<Verdict, EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(cedar.evaluate(&name(policy), input))
}

/// The cause of a failed evaluation.
#[track_caller]
fn failure(outcome: Result<Verdict, EngineError>) -> String {
    match outcome {
        Err(EngineError::Failed(cause)) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A policy with this condition.
fn permit_when(condition: &str) -> String {
    format!("permit(principal, action, resource) when {{ {condition} }};")
}
