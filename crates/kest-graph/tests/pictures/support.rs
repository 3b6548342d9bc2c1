//! Lineages to draw, and what is asked of every picture.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::passport::Tips;
use kest_core::signature::{Bundle, KeyRing};
use kest_core::{Limits, Passport, UnverifiedPassport, Verifier};
use kest_graph::Graph;
use serde_json::{Value, json};

/// The limits of the program: passports may be longer than those that travel.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.passport_bytes = 4 * 1024 * 1024;
    limits
}

/// The vectors of the workspace.
pub(crate) fn vectors(file: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn vector_ring() -> KeyRing {
    Bundle::from_json(vectors("keys.json").to_string().as_bytes()).unwrap().into_ring()
}

pub(crate) fn vector(file: &str, name: &str) -> Value {
    vectors(file).as_array().unwrap().iter().find(|case| case["name"] == name).unwrap().clone()
}

/// The passport of a vector with the tips that it announces.
pub(crate) fn carried(case: &Value) -> UnverifiedPassport {
    let entries = case["passport"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned());
    let tips = case["chain_tip"].as_str().map(|tips| Tips::parse(tips, &limits()).unwrap());
    UnverifiedPassport::dangerous_from_entries(entries, tips, &limits()).unwrap()
}

/// The vector, drawn under the keys of the vectors.
pub(crate) fn drawn(file: &str, name: &str) -> Graph {
    Graph::verify(carried(&vector(file, name)), &Verifier::new(limits()), &vector_ring())
}

pub(crate) fn verified(passport: &Passport, ring: &KeyRing) -> Graph {
    let entries = passport.entries().iter().map(|entry| entry.compact());
    let carried = UnverifiedPassport::from_entries(entries, passport.tips(), &limits()).unwrap();
    Graph::verify(carried, &Verifier::new(limits()), ring)
}

/// An entry that no one signed, with `text` in every member and label that is a text.
pub(crate) fn all_over(text: &str, parents: &[&str]) -> String {
    let label = |value: Value| value.to_string();
    let payload = json!({
        "operation": text, "classification": text, "schema_version": text, "entry_id": text,
        "content_hash": text, "input_hash": text, "metadata": text, "trust_score": 40,
        "runtime": {"name": text, "version": text}, "environment": {text: text}, "otel_context": {text: text},
        "added_taints": [text], "removed_taints": [text], "taints": [text, "other"],
        "parent_ids": parents, "timestamp_ms": 1_767_225_600_000_i64,
        "labels": {
            "principal": text, "trace_id": text, "kest.issuer": text, "kest.tenant": text, "kest.origin": text,
            "kest.identity_source": text, "kest.resource_id": text, "kest.resource_attr": text, text: text,
            "kest.identity": label(json!({"user": text, "agent": text, "task": text})),
            "kest.sanitizer": label(json!({"by": text, "reason": text})),
        },
        "policy_context": {
            "enterprise_policies": [text], "platform_policies": [text], "app_policies": [text],
            "function_policies": [text],
            "deviations": [{"tier": text, "policy": text, "reason": text, "approver": text}],
        },
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.AAAA", part(&json!({"alg": "EdDSA", "typ": "JWS", "kid": text})), part(&payload))
}

/// An entry that no one signed, with `value` in place of every member but the labels, and of every label.
fn all_instead(value: &Value, parents: &[&str]) -> String {
    let (part, mut parts) = (|value: &Value| URL_SAFE_NO_PAD.encode(value.to_string()), Vec::new());
    let whole = all_over("x", parents);
    for text in whole.split('.').take(2) {
        parts.push(serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap());
    }
    for (name, member) in parts[1].as_object_mut().unwrap() {
        match name.as_str() {
            "parent_ids" => {}
            "labels" | "runtime" => {
                member.as_object_mut().unwrap().values_mut().for_each(|it| *it = value.clone())
            }
            "policy_context" => {
                for list in member.as_object_mut().unwrap().values_mut() {
                    *list = json!([value, {"policy": value, "reason": value, "approver": value}]);
                }
            }
            _ => *member = value.clone(),
        }
    }
    let sanitizer = json!({"by": value, "reason": value}).to_string();
    if value.is_array() {
        parts[1]["labels"]["kest.sanitizer"] = sanitizer.into();
        parts[1]["labels"]["kest.identity"] =
            json!({"user": value, "agent": value, "task": value}).to_string().into();
    }
    format!("{}.{}.AAAA", part(&parts[0]), part(&parts[1]))
}

/// Two entries, of which each member is `value`: not the text or number that belongs there.
pub(crate) fn all_instead_graph(value: &Value) -> Graph {
    let first = all_instead(value, &["0"]);
    let second = all_instead(value, &[&kest_core::entry::EntryHash::of(&first).to_hex()]);
    Graph::unchecked(&UnverifiedPassport::dangerous_from_entries([first, second], None, &limits()).unwrap())
}

/// A lineage of such entries, each after the one before and after one that is named by the text and not there.
pub(crate) fn all_over_graph(texts: &[&str]) -> Graph {
    let mut entries: Vec<String> = Vec::new();
    let mut before = String::from("0");
    for text in texts {
        let parents = if entries.is_empty() { vec!["0"] } else { vec![before.as_str(), *text] };
        entries.push(all_over(text, &parents));
        before = kest_core::entry::EntryHash::of(entries.last().unwrap()).to_hex();
    }
    Graph::unchecked(&UnverifiedPassport::dangerous_from_entries(entries, None, &limits()).unwrap())
}

/// Strings that do something where they are not taken for text.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "&lt;b&gt;&#60;&amp;",
    "]]><x>",
    "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>",
    "\"]; click n0 call alert(1); x[\"",
    "\"] --> evil[\"x",
    "%%{init: {\"securityLevel\": \"loose\"}}%%",
    "`markdown` **bold** [a](javascript:alert(1))",
    "1. a list",
    "#quot;#lt;ﬂ°°60¶ßﬂ°quot¶ß",
    "end\nsubgraph x",
    "\"]; n9 [URL=\"javascript:alert(1)\", label=\"",
    "\\N\\G\\l\\n\\\\",
    "<<table><tr><td>x</td></tr></table>>",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m",
    "a\r\nb\u{85}c\u{2028}d\u{2029}e\u{b}f\u{c}g\u{0}h\u{7f}",
    "\u{202e}gnp.exe\u{202c}\u{2066}x\u{2069}\u{200f}\u{61c}",
    "a\u{200b}b\u{200d}c\u{2060}d\u{feff}e\u{ad}f\u{3164}g\u{115f}h\u{2800}i\u{e0041}\u{fe0f}",
    "z\u{335}\u{322}\u{489}\u{301}\u{302}\u{303}\u{304}\u{305}",
    "\u{a0}\u{2003}\u{3000} ",
    "",
    "__proto__",
    "constructor",
    "{{7*7}}${7*7}#{7*7}",
    "\u{ffff}\u{fffe}\u{fdd0}\u{10ffff}\u{e000}",
    "漢字かな🙂 Zoë עברית العربية",
];

/// A file of this test, by name.
pub(crate) fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What Graphviz makes of a digraph.
pub(crate) fn graphviz(digraph: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "lineage.dot", digraph);
    let run = Command::new("dot").args(["-Tsvg", &path]).output();
    let run = run.expect("Graphviz is not installed: `cargo xtask test` does it");
    assert!(run.status.success() && run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}
