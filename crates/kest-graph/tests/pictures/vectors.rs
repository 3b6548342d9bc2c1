//! The page's own verifier and kest-core give every vector one verdict: the same kind, at the same entry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// Asks the page and kest-core about these cases: of which they differ in what `of` takes of verdict, kind and place.
async fn differing(cases: &[Value], of: impl Fn(&Value) -> Value) -> Vec<String> {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "page.html", &drawn("accept.json", "one_entry").to_html());
    browser.ask(json!({"do": "open", "path": path})).await;
    let ring = vector_ring();
    let keys = Bundle::to_json(&ring).unwrap();
    let questions: Vec<Value> = cases.iter().map(|case| question(case, &keys)).collect();
    let theirs = browser.ask(json!({"do": "verify", "cases": questions})).await;
    let theirs = theirs.as_array().unwrap();
    assert_eq!(theirs.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs) {
        let ours = match Verifier::new(limits()).verify(carried(case), &ring) {
            Ok(_) => json!(["verified", null, null]),
            Err(error) => json!(["refused", error.kind().as_str(), error.index()]),
        };
        let theirs = json!([theirs["verdict"], theirs["kind"], theirs["index"]]);
        if of(&ours) != of(&theirs) {
            wrong.push(format!("{}: {ours} here, {theirs} in the page", case["name"]));
        }
    }
    wrong
}

#[tokio::test]
async fn page_and_verifier_agree_on_every_vector() {
    let mut cases = Vec::new();
    for file in ["accept.json", "refuse.json", "ours.json"] {
        cases.extend(vectors(file).as_array().unwrap().clone());
    }
    assert!(cases.len() > 200);
    assert_eq!(differing(&cases, |whole| whole.clone()).await, Vec::<String>::new());
}

/// Every byte of a payload and a signature, changed: neither side lets one pass.
#[tokio::test]
async fn changed_bytes_of_an_entry_pass_neither_side() {
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
    let place = |whole: &Value| json!([whole[0], whole[2]]);
    assert_eq!(differing(&cases, place).await, Vec::<String>::new());
    let holds = |case: &&Value| Verifier::new(limits()).verify(carried(case), &vector_ring()).is_ok();
    assert_eq!(cases.iter().find(holds), None);
}

/// Numbers as people and programs write them, in the members that are free in form: what one side finds wrong, the other does.
#[tokio::test]
async fn numbers_in_free_members_get_one_verdict_from_both_sides() {
    let whole = crate::support::vector("accept.json", "chain_of_two");
    let mut cases = Vec::new();
    for number in NUMBERS {
        for (member, value) in [
            ("environment", format!("{{\"n\":{number}}}")),
            ("environment", format!("{{\"n\":[{number},{{\"m\":{number}}}]}}")),
            ("otel_context", format!("{{\"n\":{number}}}")),
            ("labels", format!("{{\"n\":{number}}}")),
            ("labels", format!("{{\"n\":[{number}]}}")),
            ("trust_score", (*number).to_owned()),
            ("timestamp_ms", (*number).to_owned()),
        ] {
            let mut case = whole.clone();
            case["name"] = json!(format!("{number} in {member}"));
            case["passport"][0] = json!(with_member(whole["passport"][0].as_str().unwrap(), member, &value));
            cases.push(case);
        }
    }
    // One of them is the entry as it was.
    assert_eq!(differing(&cases, |whole| whole.clone()).await, Vec::<String>::new());
}

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "0.0",
    "1.0",
    "1e0",
    "10",
    "-1",
    "1.5",
    "0.1",
    "1e2",
    "1E2",
    "100",
    "1e21",
    "1e+21",
    "1e-7",
    "0.0000001",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740991",
    "-9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "1e400",
    "-1e400",
    "5e-324",
    "4e-324",
    "1e-400",
    "1.7976931348623157e+308",
    "01",
    "+1",
    ".5",
    "1.",
    "NaN",
    "2.0000000000000001",
    "1e23",
    "9007199254740993.0",
    "333333333.33333329",
];

/// The same entry with this text for a member, which no one signed.
fn with_member(compact: &str, member: &str, value: &str) -> String {
    let parts: Vec<&str> = compact.split('.').collect();
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let members: serde_json::Map<String, Value> = serde_json::from_str(&payload).unwrap();
    let mut names: Vec<&String> = members.keys().collect();
    names.sort_unstable();
    let written = names.iter().map(|name| {
        let own = if name.as_str() == member { value.to_owned() } else { members[*name].to_string() };
        format!("\"{name}\":{own}")
    });
    let payload = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(payload), parts[2])
}
