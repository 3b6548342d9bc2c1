//! The page's own verifier and kest-core give every vector one verdict: the same kind, at the same entry.

use kest_core::signature::Bundle;
use kest_core::{Limits, Verifier};
use kest_servers::browser::Browser;
use serde_json::{Value, json};

use crate::support::{carried, drawn, limits, vector_ring, vectors, written};

fn question(case: &Value, keys: &str) -> Value {
    let Limits { entries, entry_bytes, parents, taints, taint_bytes, labels, policies, json_depth, .. } =
        limits();
    let passport = carried(case);
    let tips = passport
        .announced_tips()
        .map(|tips| tips.as_slice().iter().map(|it| it.to_hex()).collect::<Vec<_>>());
    json!({
        "passport": passport.dangerous_entries().collect::<Vec<_>>(), "tips": tips, "keys": keys,
        "limits": {
            "entries": entries, "entry_bytes": entry_bytes, "parents": parents, "taints": taints,
            "taint_bytes": taint_bytes, "labels": labels, "policies": policies, "json_depth": json_depth,
        },
    })
}

#[tokio::test]
async fn page_and_verifier_agree_on_every_vector() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "page.html", &drawn("accept.json", "one_entry").to_html());
    browser.ask(json!({"do": "open", "path": path})).await;
    let ring = vector_ring();
    let keys = Bundle::to_json(&ring).unwrap();
    let mut cases = Vec::new();
    for file in ["accept.json", "refuse.json", "ours.json"] {
        cases.extend(vectors(file).as_array().unwrap().clone());
    }
    assert!(cases.len() > 200);
    let questions: Vec<Value> = cases.iter().map(|case| question(case, &keys)).collect();
    let theirs = browser.ask(json!({"do": "verify", "cases": questions})).await;
    let mut wrong = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs.as_array().unwrap()) {
        let ours = match Verifier::new(limits()).verify(carried(case), &ring) {
            Ok(_) => json!(["verified", null, null]),
            Err(error) => json!(["refused", error.kind().as_str(), error.index()]),
        };
        let theirs = json!([theirs["verdict"], theirs["kind"], theirs["index"]]);
        if ours != theirs {
            wrong.push(format!("{}: {ours} here, {theirs} in the page", case["name"]));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Every byte of a payload and a signature, changed: neither side lets one pass.
#[tokio::test]
async fn changed_bytes_of_an_entry_pass_neither_side() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "page.html", &drawn("accept.json", "one_entry").to_html());
    browser.ask(json!({"do": "open", "path": path})).await;
    let ring = vector_ring();
    let keys = Bundle::to_json(&ring).unwrap();
    let whole = crate::support::vector("accept.json", "chain_of_two");
    let mut cases = Vec::new();
    for entry in 0..2 {
        let text = whole["passport"][entry].as_str().unwrap().to_owned();
        for place in (0..text.len()).step_by(7) {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let mut case = whole.clone();
            case["passport"][entry] = json!(String::from_utf8(bytes).unwrap());
            cases.push(case);
        }
    }
    let questions: Vec<Value> = cases.iter().map(|case| question(case, &keys)).collect();
    let theirs = browser.ask(json!({"do": "verify", "cases": questions})).await;
    for (case, theirs) in cases.iter().zip(theirs.as_array().unwrap()) {
        let error = Verifier::new(limits()).verify(carried(case), &ring).unwrap_err();
        let ours = json!(["refused", error.index()]);
        assert_eq!(json!([theirs["verdict"], theirs["index"]]), ours, "{theirs} {error}");
    }
}
