//! `kest policy input`: a document that is one, and explanations that leave nothing out and make nothing up.

use std::collections::{BTreeMap, BTreeSet};

use kest_core::Limits;
use kest_policy::Input;
use serde_json::{Value, json};

use crate::support::kest;

/// The one member that is explained and not there.
const ABSENT: &str = "environment.parent_hash";

fn example() -> Value {
    kest(["policy", "input", "--json"], b"").json()
}

/// The explanations by member: what form it has and what it means.
fn explanations() -> BTreeMap<String, (String, String)> {
    let run = kest(["policy", "input"], b"");
    let lines = run.stderr.lines().map(|line| {
        let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
        let mut column = || columns.next().unwrap_or_else(|| panic!("{line}")).to_owned();
        (column(), (column(), column()))
    });
    lines.collect()
}

/// The paths of all members, but for those of objects that the service or an issuer fills.
fn members(document: &Value) -> BTreeMap<String, Value> {
    fn walk(prefix: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if !["object.attributes", "environment.declared", "subject.claims"].contains(&path.as_str()) {
                walk(&path, value, found);
            }
            found.insert(path, value.clone());
        }
    }
    let mut found = BTreeMap::new();
    walk("", document, &mut found);
    found
}

#[test]
fn example_is_a_document_and_leaves_no_member_out() {
    let printed = kest(["policy", "input", "--json"], b"");
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let read = Input::from_json(&printed.stdout, &Limits::default()).unwrap();
    assert_eq!(format!("{}\n", read.canonical()), printed.text());
}

#[test]
fn example_for_people_is_the_same_document() {
    let run = kest(["policy", "input"], b"");
    assert_eq!((run.code, run.json()), (Some(0), example()));
    assert!(run.text().lines().count() > 20);
}

#[test]
fn every_member_is_explained_and_every_explanation_has_its_member() {
    let mut explained: BTreeSet<String> = explanations().into_keys().collect();
    assert!(explained.remove(ABSENT));
    let members: BTreeSet<String> = members(&example()).into_keys().collect();
    assert_eq!(explained, members);
}

#[test]
fn forms_are_those_of_the_members() {
    let explanations = explanations();
    for (path, value) in members(&example()) {
        let (form, meaning) = &explanations[&path];
        assert!(meaning.len() > 5, "{path}");
        let fits = match form.as_str() {
            "object" | "object, or absent" => value.is_object(),
            "boolean" => value.is_boolean(),
            "integer" | "integer, or absent" => value.is_u64(),
            "string" | "string or null" => value.is_string(),
            "strings" => value.as_array().unwrap().iter().all(Value::is_string),
            "strings or nulls" => value.as_array().unwrap().iter().all(|it| it.is_string() || it.is_null()),
            other => panic!("{path} is {other}"),
        };
        assert!(fits, "{path} is not of the form {form}");
        assert_eq!(is_document_with(&path, &Value::Null), form == "string or null", "{path}");
    }
}

#[test]
fn parent_hash_is_explained_as_the_member_that_defeats_remembering() {
    assert!(is_document_with(ABSENT, &json!("0")));
    assert!(!is_document_with("environment.parent", &json!("0")));
    let (form, meaning) = &explanations()[ABSENT];
    assert_eq!(form, "string, or absent");
    assert!(meaning.contains("unless the deployment asks") && meaning.contains("unique to each request"));
}

/// Whether the example is still a document with `value` at `path`.
fn is_document_with(path: &str, value: &Value) -> bool {
    let mut document = example();
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let parent =
        parent.split('.').filter(|part| !part.is_empty()).fold(&mut document, |at, part| &mut at[part]);
    parent[name] = value.clone();
    let read = Input::from_json(document.to_string().as_bytes(), &Limits::default());
    read.is_ok_and(|read| serde_json::from_str::<Value>(read.canonical()).unwrap() == document)
}

#[test]
fn lists_of_the_lineage_are_parallel_and_doubled_members_agree() {
    let example = example();
    let lengths: BTreeSet<usize> =
        example["chain"].as_object().unwrap().values().map(|list| list.as_array().unwrap().len()).collect();
    assert_eq!(lengths, BTreeSet::from([2]));
    assert_eq!(example["identity"], example["subject"]["workload"]);
    assert_eq!(example["trust_score"], example["subject"]["trust_score"]);
}
