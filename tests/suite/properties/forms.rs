//! An entry has one form: whatever else a trusted workload signs is no entry.

use kest_core::passport::Tips;
use kest_core::{Limits, UnverifiedPassport, Verifier};
use kest_tests::forge::{self, Forge, tip};
use kest_tests::keys::ring;
use serde_json::{Map, Value, json};

#[test]
fn payload_has_its_18_members_and_no_other() {
    let honest = honest();
    assert!(holds(&honest.sign()));
    let mut wrong = Vec::new();
    for pointer in ["", "/runtime", "/policy_context", "/policy_context/deviations/0"] {
        let before = honest.payload.pointer(pointer).unwrap().as_object().unwrap();
        let mut check = |what: &str, after: Value| {
            let mut forged = honest.clone();
            *forged.payload.pointer_mut(pointer).unwrap() = after;
            if holds(&forged.sign()) {
                wrong.push(format!("{pointer} {what}"));
            }
        };
        check("with another member", with(before, "zzz", &Value::Null));
        check("as an array of its values", sorted_values(before));
        for (name, value) in before {
            check(&format!("without {name}"), without(before, name));
            // A deviation needs neither approver nor reason.
            let may_be_null = ["approver", "reason"].contains(&name.as_str());
            for other in others(value).into_iter().filter(|other| !(may_be_null && other.is_null())) {
                check(&format!("with {name} = {other}"), with(before, name, &other));
            }
        }
    }
    assert!(wrong.is_empty(), "accepted:\n{}", wrong.join("\n"));
}

#[test]
fn protected_header_is_the_closed_object() {
    let honest = honest();
    let mut wrong = Vec::new();
    for header in [
        json!(["EdDSA", "JWS", "gateway-1"]),
        json!(["EdDSA", "JWS"]),
        json!([]),
        json!("EdDSA"),
        json!(null),
        json!({"alg": "EdDSA", "typ": "JWS", "cty": "json"}),
        json!({"alg": ["EdDSA"], "typ": "JWS"}),
    ] {
        let mut forged = honest.clone();
        forged.header = header.clone();
        if holds(&forged.sign()) {
            wrong.push(header.to_string());
        }
    }
    assert!(wrong.is_empty(), "accepted:\n{}", wrong.join("\n"));
}

#[test]
fn labels_with_json_inside_hold_the_object_that_is_asked_for() {
    let mut wrong = Vec::new();
    for (name, label) in [
        ("kest.identity", r#"[null,null,"alice"]"#),
        ("kest.identity", r#"{"agent":1,"task":null,"user":null}"#),
        ("kest.identity", r#"{"agent":null,"task":null,"user":"a","user":"b"}"#),
        ("kest.sanitizer", r#"["gateway","some reason"]"#),
        ("kest.sanitizer", r#"{"by":"gateway","by":"another","reason":"some reason"}"#),
        ("kest.sanitizer", r#"{"by":"gateway"}"#),
        ("kest.sanitizer", r#"{"by":"gateway","reason":""}"#),
        ("kest.sanitizer", r#"{"by":"gateway","reason":null}"#),
    ] {
        if holds(&honest().label(name, label).sign()) {
            wrong.push(format!("{name} = {label}"));
        }
    }
    assert!(wrong.is_empty(), "accepted:\n{}", wrong.join("\n"));
}

fn honest() -> Forge {
    let deviation = json!({"policy": "p2", "tier": "enterprise", "reason": "r", "approver": "a"});
    forge::entry("gateway", 1, &[]).with("/policy_context/deviations", json!([deviation]))
}

fn holds(entry: &str) -> bool {
    let limits = Limits::default();
    let entries = [entry.to_owned()];
    let tips = Tips::parse(&tip(&entries), &limits).unwrap();
    let carried = UnverifiedPassport::from_entries(entries, tips, &limits).unwrap();
    Verifier::new(limits).verify(carried, &ring()).is_ok()
}

fn with(object: &Map<String, Value>, name: &str, value: &Value) -> Value {
    let mut object = object.clone();
    object.insert(name.to_owned(), value.clone());
    Value::Object(object)
}

fn without(object: &Map<String, Value>, name: &str) -> Value {
    let mut object = object.clone();
    object.remove(name);
    Value::Object(object)
}

/// In the order of the canonical form: what a reader that fills its fields one by one would take.
fn sorted_values(object: &Map<String, Value>) -> Value {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| name.as_str());
    members.into_iter().map(|(_, value)| value.clone()).collect()
}

/// A value of every other type.
fn others(value: &Value) -> Vec<Value> {
    let one_of_each = [json!(null), json!(true), json!(1.5), json!("text"), json!([1]), json!({"a": 1})];
    let same = |other: &Value| std::mem::discriminant(other) == std::mem::discriminant(value);
    one_of_each.into_iter().filter(|other| !same(other)).collect()
}
