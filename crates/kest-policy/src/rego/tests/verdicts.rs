//! What is a yes, what is a no, and that an error is neither.

use super::*;

#[tokio::test]
async fn only_the_boolean_true_is_a_yes() {
    for no in ["false", "\"true\"", "1", "null", "{}", "{true}", "[true]", "{\"allow\": true}"] {
        assert_eq!(said(&format!("allow := {no}"), json!({})).await.unwrap(), Verdict::Deny, "{no}");
    }
    for no in [
        "allow contains true",
        "allow[x] := true if some x in [true]",
        "allow if false",
        "default allow := false",
    ] {
        assert_eq!(said(no, json!({})).await.unwrap(), Verdict::Deny, "{no}");
    }
    for yes in ["allow := true", "allow if 1 < 2", "default allow := true", "import rego.v1\nallow if true"] {
        assert_eq!(said(yes, json!({})).await.unwrap(), Verdict::Allow, "{yes}");
    }
}

/// Attack: what errs is undefined in Rego, and `not` makes a yes of what is undefined.
#[tokio::test]
async fn policy_that_errs_is_no_yes() {
    let x = "input.object.attributes.x";
    let zero = "input.object.attributes.zero";
    for rules in [
        format!("allow if not to_number({x}) == 1"),
        format!("allow if not 1 / {zero} == 1"),
        format!("allow if not 1 % {zero} == 1"),
        format!("allow if not denied\ndenied if to_number({x}) == 1"),
        format!("allow if not denied\ndenied if 1 / {zero} == 1"),
        format!("allow if not denied({x})\ndenied(it) if to_number(it) == 1"),
        format!("allow if not denied[1]\ndenied contains it if it := to_number({x})"),
        format!("allow if not denied.a\ndenied[\"a\"] := to_number({x})"),
        format!("allow if not denied\ndenied if every it in [{x}] {{ to_number(it) == 1 }}"),
        format!("allow if count([it | it := to_number({x})]) == 0"),
        format!("default allow := true\nallow := false if to_number({x}) == 1"),
        format!("allow := false if to_number({x}) == 1 else := true"),
        format!("allow if true\nallow if to_number({x}) == 1"),
        format!("allow if not lower({zero}) == \"a\""),
    ] {
        let answer = said(&rules, json!({"x": "abc", "zero": 0})).await;
        assert!(matches!(answer, Err(EngineError::Failed(_))), "{rules}: {answer:?}");
    }
}

#[tokio::test]
async fn rule_with_two_values_is_no_yes() {
    for rules in [
        "allow := true\nallow := false",
        "default allow := true\nallow := 1 if input.is_it\nallow := 2 if input.is_it",
        "allow if not both\nboth := true if input.is_it\nboth := false if input.is_it",
        "allow if not both(1)\nboth(x) := true if x == 1\nboth(x) := false if x == 1",
    ] {
        let rules = rules.replace("input.is_it", "input.object.attributes.x");
        let answer = said(&rules, json!({"x": true})).await;
        assert!(matches!(answer, Err(EngineError::Failed(_))), "{rules}: {answer:?}");
    }
}

/// Attack: a superscript is a number and no digit, which regorus panics on.
#[tokio::test]
async fn policy_that_panics_the_engine_is_no_yes() {
    let rules = "allow if not sprintf(input.object.attributes.x, [1]) == \"\"";
    let answer = said(rules, json!({"x": "%²d"})).await;
    assert!(matches!(answer, Err(EngineError::Failed(_))), "{answer:?}");
}

#[tokio::test]
async fn error_names_the_line_and_quotes_nothing_of_the_input() {
    let rules = "allow if {\n  lower(input.object.attributes.x) == \"a\"\n}";
    let Err(EngineError::Failed(cause)) = said(rules, json!({"x": {"card": "4929-hidden"}})).await else {
        panic!("is no error");
    };
    assert_eq!(cause.to_string(), "policy errs at 0.rego:3");
    assert!(cause.source().is_none() && !format!("{cause:?}").contains("hidden"));
}

#[tokio::test]
async fn policy_is_called_by_its_package_with_slashes_or_dots() {
    let rego =
        rego(&["package kest.trust\nallow := true", "package kest.lib\nallow.x := true\nallowed := true"]);
    assert_eq!(rego.names(), [name("kest/trust")]);
    for known in ["kest/trust", "kest.trust"] {
        assert_eq!(rego.evaluate(&name(known), &input(json!({}))).await.unwrap(), Verdict::Allow);
    }
    for unknown in
        ["data.kest.trust", "data/kest/trust", "kest/trust/allow", "kest/lib", "kest", "trust", "/"]
    {
        let answer = rego.evaluate(&name(unknown), &input(json!({}))).await;
        assert!(matches!(answer, Err(EngineError::UnknownPolicy(it)) if it == name(unknown)), "{unknown}");
    }
}

#[tokio::test]
async fn library_is_shared_and_each_policy_is_decided_by_its_own_allow() {
    let rego = rego(&[
        "package kest.yes\nimport data.kest.lib\nallow if lib.trusted",
        "package kest.no\nimport data.kest.lib as l\nallow if not l.trusted",
        "package kest.lib\ntrusted if input.subject.trust_score >= least\nleast := 70",
    ]);
    assert_eq!(rego.names(), [name("kest/no"), name("kest/yes")]);
    let input = input(json!({}));
    assert_eq!(rego.evaluate(&name("kest/yes"), &input).await.unwrap(), Verdict::Allow);
    assert_eq!(rego.evaluate(&name("kest/no"), &input).await.unwrap(), Verdict::Deny);
}

#[tokio::test]
async fn package_may_be_spread_over_sources_when_one_has_the_allow() {
    let rego = rego(&["package p\nallow if helped", "package p\nhelped if input.subject.user == \"alice\""]);
    assert_eq!(rego.evaluate(&name("p"), &input(json!({}))).await.unwrap(), Verdict::Allow);
}

#[tokio::test]
async fn every_member_of_the_input_can_be_read() {
    let document = document(json!({"a": {"b": [1]}}));
    let mut read = 0;
    for (member, value) in document.as_object().unwrap() {
        let mut paths = vec![(member.clone(), value)];
        for (inner, value) in value.as_object().into_iter().flatten() {
            paths.push((format!("{member}.{inner}"), value));
        }
        for (path, value) in paths {
            let rules = format!("allow if input.{path} == {value}");
            assert_eq!(said(&rules, json!({"a": {"b": [1]}})).await.unwrap(), Verdict::Allow, "{path}");
            read += 1;
        }
    }
    assert_eq!(read, 32);
    let deep = said("allow if input.object.attributes.a.b[0] == 1", json!({"a": {"b": [1]}})).await;
    assert_eq!(deep.unwrap(), Verdict::Allow);
}

/// Attack: what one caller's evaluation left behind decides for the next caller.
#[tokio::test]
async fn nothing_of_one_evaluation_is_left_for_the_next() {
    let rego = rego(&["package p\nallow if to_number(level) > 3\nlevel := levels[_]
        levels contains input.object.attributes.level if input.subject with input.subject as 1"]);
    for _ in 0..3 {
        for (level, allowed) in [(json!("9"), Some(true)), (json!("x"), None), (json!("1"), Some(false))] {
            let answer = rego.evaluate(&name("p"), &input(json!({"level": level}))).await.ok();
            assert_eq!(answer.map(|it| it == Verdict::Allow), allowed, "{level}");
        }
        let answer = rego.evaluate(&name("p"), &input(json!({}))).await;
        assert_eq!(answer.unwrap(), Verdict::Deny);
    }
}

#[test]
fn identity_is_that_of_the_texts_in_any_order() {
    let (a, b) = ("package a\nallow := true", "package b\nallow := true");
    assert_eq!(rego(&[a, b]).identity(), rego(&[b, a]).identity());
    assert_ne!(rego(&[a, b]).identity(), rego(&[a]).identity());
    assert_ne!(rego(&[a]).identity(), rego(&["package a\nallow := false"]).identity());
    assert_eq!(rego(&[a]).kind(), "rego");
}

/// What a service keeps of tokens and says of its surroundings decides; what is not there is undefined, and no yes.
#[tokio::test]
async fn claims_and_declared_environments_decide_and_absent_ones_do_not() {
    let policy = rego(&["package p\n\
        allow if { input.subject.claims.plan == \"gold\"; input.environment.declared.region == \"eu\" }\n"]);
    let said = async |claims: Value, declared: Value| {
        let mut document = document(json!({}));
        for (pointer, name, value) in [("/subject", "claims", claims), ("/environment", "declared", declared)]
        {
            if !value.is_null() {
                document.pointer_mut(pointer).unwrap()[name] = value;
            }
        }
        let input = Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap();
        policy.evaluate(&name("p"), &input).await.unwrap()
    };
    let gold = || json!({"plan": "gold"});
    assert_eq!(said(gold(), json!({"region": "eu"})).await, Verdict::Allow);
    assert_eq!(said(gold(), json!({"region": "us"})).await, Verdict::Deny);
    assert_eq!(said(json!({"plan": ["gold"]}), json!({"region": "eu"})).await, Verdict::Deny);
    assert_eq!(said(Value::Null, json!({"region": "eu"})).await, Verdict::Deny);
    assert_eq!(said(gold(), Value::Null).await, Verdict::Deny);
}

/// Attack: a claim or an attribute with a name under which the parser passes itself values.
#[tokio::test]
async fn names_of_the_parser_do_not_turn_objects_into_what_they_hold() {
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
        let held = json!({"level": {name: "7"}, "list": [{name: "7"}]});
        for rules in
            ["allow if input.object.attributes.level == 7", "allow if input.object.attributes.list[_] == 7"]
        {
            assert!(!matches!(said(rules, held.clone()).await, Ok(Verdict::Allow)), "{rules} {name}");
        }
    }
    // In a text they are a text.
    let text = json!({"level": "$serde_json::private::Number", "a\\": "\"$serde_json::private::Number\":"});
    let rules = r#"allow if input.object.attributes.level == "$serde_json::private::Number""#;
    assert_eq!(said(rules, text).await.unwrap(), Verdict::Allow);
}
