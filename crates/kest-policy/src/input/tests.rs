//! The document's canonical form, and that nothing in it is left out of its digest.

use kest_core::Limits;
use serde_json::{Value, json};

use super::*;

/// A document with something in every member.
pub(crate) fn document() -> Value {
    json!({
        "chain": {
            "operations": ["fetch", "parse"], "principals": ["spiffe://x/a", "spiffe://x/b"],
            "resources": [null, "r1"], "users": ["alice", null],
        },
        "environment": {
            "active_deviations": ["d"], "declared": {"región": "eu"}, "hop_proof": "signature", "is_root": false, "operation": "reserve", "parent_hash": "00ff",
            "policy_names": ["p"], "policy_tier": "function", "source_type": "internet",
            "tip_age_seconds": 20,
        },
        "identity": "spiffe://x/c",
        "object": {
            "attributes": {"level": 2, "név": ["ő"]}, "id": "stock/7",
            "history": {"operations": ["parse"], "principals": ["spiffe://x/b"], "users": ["ada"]},
        },
        "subject": {
            "agent": "bot", "claims": {"plan": "gold"}, "identity_source": "jwt", "issuer": "https://i", "roles": ["ops"],
            "scopes": ["read"], "taints": ["web"], "task": "buy", "tenant": "acme", "trust_score": 40,
            "user": "alice", "workload": "spiffe://x/c",
        },
        "trust_score": 40,
    })
}

pub(crate) fn input(document: &Value) -> Input {
    Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// Changes the value at every pointer below `value`, one at a time.
fn changed(value: &Value) -> Vec<(String, Value)> {
    fn walk(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(&format!("{path}/{name}"), value, found));
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    walk(&format!("{path}/{index}"), element, found);
                }
                found.push((path.to_owned(), json!([])));
            }
            Value::String(text) => found.push((path.to_owned(), json!(format!("{text}2")))),
            Value::Number(_) => found.push((path.to_owned(), json!(41))),
            Value::Bool(flag) => found.push((path.to_owned(), json!(!flag))),
            Value::Null => found.push((path.to_owned(), json!("now known"))),
        }
    }
    let mut pointers = Vec::new();
    walk("", value, &mut pointers);
    let change = |(pointer, other): (String, Value)| {
        let mut document = value.clone();
        *document.pointer_mut(&pointer).unwrap() = other;
        (pointer, document)
    };
    pointers.into_iter().map(change).collect()
}

#[test]
fn canonical_form_is_the_oracles() {
    for (pointer, document) in changed(&document()) {
        let oracle = serde_json_canonicalizer::to_string(&document).unwrap();
        assert_eq!(input(&document).canonical(), oracle, "{pointer}");
    }
}

#[test]
fn every_member_makes_another_digest() {
    let (original, variants) = (input(&document()), changed(&document()));
    assert_eq!(variants.len(), 51);
    for (pointer, document) in variants {
        assert_ne!(input(&document).digest(), original.digest(), "{pointer}");
        assert_ne!(input(&document), original, "{pointer}");
    }
}

#[test]
fn null_is_not_the_text_null_nor_absent() {
    let with = |pointer: &str, value: Value| {
        let mut document = document();
        *document.pointer_mut(pointer).unwrap() = value;
        *input(&document).digest()
    };
    let subject = ["user", "agent", "task", "issuer", "tenant"].map(|name| format!("/subject/{name}"));
    for member in subject.iter().map(String::as_str).chain(["/object/id"]) {
        assert_ne!(with(member, Value::Null), with(member, json!("null")), "{member}");
        assert_ne!(with(member, Value::Null), with(member, json!("")), "{member}");
    }
}

#[test]
fn names_cannot_move_from_one_list_into_another() {
    let with = |roles: Value, scopes: Value| {
        let mut document = document();
        document["subject"]["roles"] = roles;
        document["subject"]["scopes"] = scopes;
        *input(&document).digest()
    };
    assert_ne!(with(json!(["a"]), json!([])), with(json!([]), json!(["a"])));
    assert_ne!(with(json!(["a", "b"]), json!([])), with(json!(["a\",\"b"]), json!([])));
}

#[test]
fn document_of_another_shape_is_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut document = document();
        change(&mut document);
        Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap_err()
    };
    assert!(matches!(refused(&|it| it["token"] = json!("x")), InputError::Malformed(_)));
    assert!(matches!(refused(&|it| it["subject"]["admin"] = json!(true)), InputError::Malformed(_)));
    assert!(matches!(refused(&|it| it["trust_score"] = json!("40")), InputError::Malformed(_)));
    assert!(matches!(refused(&|it| it["trust_score"] = json!(101)), InputError::TrustScore));
    assert!(matches!(refused(&|it| it["subject"]["trust_score"] = json!(101)), InputError::TrustScore));
    assert!(matches!(refused(&|it| it["object"]["attributes"] = json!([])), InputError::Attributes));
    assert!(matches!(refused(&|it| it["subject"]["claims"] = json!("gold")), InputError::Declared));
    assert!(matches!(refused(&|it| it["environment"]["declared"] = json!([])), InputError::Declared));
    assert!(matches!(refused(&|it| it["object"]["id"] = json!("x".repeat(300_000))), InputError::TooLong(_)));
    let twice = br#"{"identity":"a","identity":"b"}"#;
    assert!(matches!(Input::from_json(twice, &Limits::default()), Err(InputError::Malformed(_))));
}
