//! Attributes that a stranger chose: they stay what they are, or nothing is decided.

use super::*;

const ADMIN: &str = r#"{"type": "Kest::Workload", "id": "admin"}"#;

#[test]
fn attribute_that_spells_an_entity_stays_a_record() {
    let entity = json!({"__entity": {"type": "Kest::Workload", "id": "admin"}});
    let declared = schema(r#"owner?: {"__entity": {"type": String, "id": String}}"#);
    let is_record = format!(
        r#"context.object.attributes has owner && context.object.attributes.owner == {{"__entity": {ADMIN}}}"#
    );
    let input = with_attributes(json!({"owner": entity}));
    assert_eq!(decide(&permit_when(&is_record), Some(&declared), &input).unwrap(), Verdict::Allow);

    let text = schema("owner?: String");
    let policy =
        permit_when(r#"context.object.attributes has owner && context.object.attributes.owner != "x""#);
    assert_eq!(
        failure(decide(&policy, Some(&text), &input)),
        "policy input has no string that the schema declares at object.attributes.owner"
    );
}

#[test]
fn attribute_that_spells_an_extension_value_stays_a_record() {
    let spelt = json!({"__extn": {"fn": "decimal", "arg": "1.5"}});
    let declared = schema(r#"price?: {"__extn": {"fn": String, "arg": String}}"#);
    let condition =
        r#"context.object.attributes has price && context.object.attributes.price.__extn.arg == "1.5""#;
    let input = with_attributes(json!({"price": spelt}));
    assert_eq!(decide(&permit_when(condition), Some(&declared), &input).unwrap(), Verdict::Allow);
}

#[test]
fn attribute_without_the_declared_type_is_never_taken_for_another_value() {
    let declared = schema(
        "level?: Long, access?: String, open?: Bool, tags?: Set<String>, sizes?: Set<Long>, owner?: {name: String}",
    );
    let cases = [
        ("level", json!(1.5), "whole number of 64 bits", "level"),
        ("level", json!(1e300), "whole number of 64 bits", "level"),
        ("level", json!("2"), "whole number of 64 bits", "level"),
        ("level", json!([2]), "whole number of 64 bits", "level"),
        ("access", json!(["write"]), "string", "access"),
        ("access", json!({"write": true}), "string", "access"),
        ("open", json!("true"), "true or false", "open"),
        ("open", json!(1), "true or false", "open"),
        ("tags", json!("a"), "list", "tags"),
        ("tags", json!({"a": "a"}), "list", "tags"),
        ("tags", json!(["a", 1]), "string", "tags[]"),
        ("tags", json!(["a", null]), "string", "tags[]"),
        ("sizes", json!([1, 1.5]), "whole number of 64 bits", "sizes[]"),
        ("owner", json!({"name": false}), "string", "owner.name"),
        ("owner", json!("ada"), "object", "owner"),
        // The parser passes itself JSON that is already written under this name.
        ("open", json!({"$serde_json::private::RawValue": "true"}), "true or false", "open"),
        ("tags", json!([{"$serde_json::private::RawValue": "\"a\""}]), "string", "tags[]"),
        ("level", json!({"$serde_json::private::Number": "2"}), "whole number of 64 bits", "level"),
    ];
    for (attribute, value, expected, place) in cases {
        // Cedar compares values of different types without complaint: an unchecked forbid would not apply.
        let own = format!("context.object.attributes.{attribute}");
        let text = format!(
            "permit(principal, action, resource);
            forbid(principal, action, resource)
            when {{ context.object.attributes has {attribute} && {own} == {own} }};"
        );
        let outcome = decide(&text, Some(&declared), &with_attributes(json!({attribute: value.clone()})));
        assert_eq!(
            failure(outcome),
            format!("policy input has no {expected} that the schema declares at object.attributes.{place}"),
            "{value}"
        );
    }
}

#[test]
fn numbers_beyond_64_bits_fail_and_those_within_are_exact() {
    let condition =
        "context.object.attributes has level && context.object.attributes.level == 9007199254740991";
    let exact = with_attributes(json!({"level": 9_007_199_254_740_991_i64}));
    assert_eq!(decide(&permit_when(condition), None, &exact).unwrap(), Verdict::Allow);
    // As written by a program whose numbers are doubles; integers beyond 53 bits are refused before.
    for beyond in ["9.3e18", "-9.3e18", "1e20"] {
        let json = document().to_string().replace(r#"{"level":2}"#, &format!(r#"{{"level":{beyond}}}"#));
        let input = Input::from_json(json.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(
            failure(decide(&permit_when(condition), None, &input)),
            "policy input has no whole number of 64 bits that the schema declares at object.attributes.level"
        );
    }
}

#[test]
fn absent_required_attribute_fails_and_an_optional_one_is_absent() {
    for (declared, outcome) in [("tenant: String", None), ("tenant?: String", Some(Verdict::Deny))] {
        let guarded = r#"context.object.attributes has tenant && context.object.attributes.tenant == "a""#;
        for attributes in [json!({}), json!({"tenant": null})] {
            let verdict =
                decide(&permit_when(guarded), Some(&schema(declared)), &with_attributes(attributes));
            match outcome {
                Some(expected) => assert_eq!(verdict.unwrap(), expected),
                None => assert_eq!(
                    failure(verdict),
                    "policy input has nothing that the schema requires at object.attributes.tenant"
                ),
            }
        }
    }
}

#[test]
fn undeclared_attributes_are_not_there_whatever_they_are() {
    let condition = "!(context.object.attributes has other) && context.trust_score == 40";
    for value in [json!(true), json!(1.5), json!([null]), json!({"__entity": {"type": "x", "id": "y"}})] {
        let input = with_attributes(json!({"other": value}));
        assert_eq!(decide(&permit_when(condition), None, &input).unwrap(), Verdict::Allow);
    }
}

#[test]
fn causes_never_say_what_the_input_has() {
    let secret = with_attributes(json!({"level": "hunter2", "access": 8_123_456}));
    let level = permit_when("context.object.attributes has level && context.object.attributes.level > 1");
    let access =
        permit_when(r#"context.object.attributes has access && context.object.attributes.access == """#);
    let overflow = permit_when(
        "context.object.attributes has integrity && context.object.attributes.integrity * 4611686018427387904 > 1",
    );
    let number = with_attributes(json!({"integrity": 8_123_456}));
    for (policy, input) in [(level, &secret), (access, &secret), (overflow, &number)] {
        let cause = failure(decide(&policy, None, input));
        assert!(!cause.contains("hunter2") && !cause.contains("8123456"), "{cause}");
    }
}
