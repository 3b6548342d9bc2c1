//! What Rego policies may decide, what is refused before they do, and how long they may take.
#![expect(clippy::needless_pass_by_value, reason = "`json!` is read best where it is used")]

mod reads;
mod refusals;
mod time;
mod verdicts;

use kest_core::Limits;
use kest_core::entry::PolicyName;
use serde_json::{Value, json};

use super::Rego;
use crate::engine::{Engine as _, EngineError, Verdict};
use crate::input::Input;
use crate::load::{LoadErrors, Source};

/// The document with every member that there is, and `attributes` for what a test is about.
fn document(attributes: Value) -> Value {
    json!({
        "chain": {"operations": ["a"], "principals": ["w"], "resources": [null], "users": ["u"]},
        "environment": {
            "active_deviations": ["d"], "hop_proof": "none", "is_root": false, "operation": "buy", "parent_hash": "0",
            "policy_names": ["p"], "policy_tier": "function", "source_type": "http"
        },
        "identity": "spiffe://example.org/cart",
        "object": {
            "attributes": attributes, "history": {"operations": ["a"], "principals": ["w"], "users": ["u"]},
            "id": "order-7",
        },
        "subject": {
            "agent": "browser", "identity_source": "jwt", "issuer": "https://issuer.example", "roles": ["clerk"],
            "scopes": ["read"], "taints": ["external"], "task": "t", "tenant": "acme", "trust_score": 70,
            "user": "alice", "workload": "spiffe://example.org/cart"
        },
        "trust_score": 70
    })
}

fn input(attributes: Value) -> Input {
    Input::from_json(document(attributes).to_string().as_bytes(), &Limits::default()).unwrap()
}

fn name(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

/// Compiles texts that are called `0.rego`, `1.rego` and so on.
fn compile(texts: &[&str], limits: &Limits) -> Result<Rego, LoadErrors> {
    let source = |(index, text): (usize, &&str)| Source::text(format!("{index}.rego"), *text);
    Rego::compile(&texts.iter().enumerate().map(source).collect::<Vec<_>>(), limits)
}

fn rego(texts: &[&str]) -> Rego {
    compile(texts, &Limits::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What the rules of the package `p` say about `attributes`.
async fn said(rules: &str, attributes: Value) -> Result<Verdict, EngineError> {
    rego(&[&format!("package p\n{rules}\n")]).evaluate(&name("p"), &input(attributes)).await
}
