//! Claims that a service keeps and the environment that it declares: seen as a copy of the schema declares them, or not at all.

use super::*;

/// The built-in schema with these two types declared in it.
fn declaring(claims: &str, declared: &str) -> String {
    let schema = Cedar::BUILT_IN_SCHEMA;
    assert!(schema.contains("type Claims = {};") && schema.contains("type Declared = {};"));
    schema
        .replace("type Claims = {};", &format!("type Claims = {{ {claims} }};"))
        .replace("type Declared = {};", &format!("type Declared = {{ {declared} }};"))
}

/// The document with these claims and this environment; `null` leaves one out.
fn saying(claims: Value, declared: Value) -> Input {
    let mut document = document();
    for (pointer, name, value) in [("/subject", "claims", claims), ("/environment", "declared", declared)] {
        if !value.is_null() {
            document.pointer_mut(pointer).unwrap()[name] = value;
        }
    }
    input(&document)
}

#[test]
fn claims_and_declared_environments_decide_where_the_schema_declares_them() {
    let schema = declaring("plan?: String", "region?: String");
    let policy = permit_when(
        r#"context.subject has claims && context.subject.claims has plan && context.subject.claims.plan == "gold"
            && context.environment has declared && context.environment.declared has region
            && context.environment.declared.region == "eu""#,
    );
    let said =
        |claims: Value, declared: Value| decide(&policy, Some(&schema), &saying(claims, declared)).unwrap();
    assert_eq!(said(json!({"plan": "gold"}), json!({"region": "eu"})), Verdict::Allow);
    for (claims, declared) in [
        (json!({"plan": "free"}), json!({"region": "eu"})),
        (json!({"plan": "gold"}), json!({"region": "us"})),
        (json!({"other": "gold"}), json!({"region": "eu"})),
        (Value::Null, json!({"region": "eu"})),
        (json!({"plan": "gold"}), Value::Null),
    ] {
        assert_eq!(said(claims.clone(), declared.clone()), Verdict::Deny, "{claims} {declared}");
    }
}

/// Attack: a claim of another type than the policy was checked with, so that a comparison is not what it seems.
#[test]
fn claim_of_another_type_than_declared_decides_nothing() {
    let schema = declaring("plan?: String", "");
    let policy = permit_when(
        r#"context.subject has claims && context.subject.claims has plan && context.subject.claims.plan != "free""#,
    );
    for claim in [json!(1), json!(["gold"]), json!({"plan": "gold"}), json!(true)] {
        assert_eq!(
            failure(decide(&policy, Some(&schema), &saying(json!({"plan": claim}), Value::Null))),
            "policy input has no string that the schema declares at subject.claims.plan"
        );
    }
}

#[test]
fn policy_about_a_claim_that_the_schema_does_not_declare_does_not_load() {
    let policy = permit_when(r#"context.subject has claims && context.subject.claims.plan == "gold""#);
    let told = refused(&[("p.cedar", &policy)], None);
    assert!(told.contains("p.cedar:1: is not valid"), "{told}");
}
