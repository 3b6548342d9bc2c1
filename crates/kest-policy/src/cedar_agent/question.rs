//! An input said in Cedar's JSON, or not said at all where Cedar would understand something else.

use kest_core::entry::{PolicyName, ResourceError};
use kest_core::{BoxError, parse_strict_json};
use serde_json::{Map, Value, json};

use crate::input::Input;

/// The action by which the agent's policies tell `policy` from others.
pub(super) fn action(policy: &PolicyName) -> String {
    entity("Action", policy.as_str())
}

/// The nesting that the parser reads; documents were bounded when they were made.
const DEEPEST: usize = 127;

/// What the agent is sent about `input`.
pub(super) fn question(action: &str, input: &Input) -> Result<String, NotCedar> {
    let document = parse_strict_json(input.canonical().as_bytes(), DEEPEST)
        .map_err(|cause| NotCedar::Json(cause.into()))?;
    let question = json!({
        "principal": entity("Workload", &input.subject().workload),
        "action": action,
        "resource": entity("Resource", input.object().cedar_id()?),
        "context": plain(document)?,
    });
    Ok(question.to_string())
}

/// Cedar reads only the spelling that it would write itself, and it escapes ids as Rust does.
fn entity(kind: &str, id: &str) -> String {
    format!("Kest::{kind}::\"{}\"", id.escape_debug())
}

/// The value without nulls, for which Cedar has no word; none if nothing is left.
fn plain(value: Value) -> Result<Option<Value>, NotCedar> {
    Ok(match value {
        Value::Null => None,
        Value::Bool(_) | Value::String(_) => Some(value),
        Value::Number(ref number) if number.is_i64() => Some(value),
        Value::Number(_) => return Err(NotCedar::Number),
        Value::Array(elements) => {
            let elements = elements.into_iter().filter_map(|element| plain(element).transpose());
            Some(Value::Array(elements.collect::<Result<_, _>>()?))
        }
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                if RESERVED.contains(&name.as_str()) {
                    return Err(NotCedar::Reserved);
                }
                kept.extend(plain(value)?.map(|value| (name, value)));
            }
            Some(Value::Object(kept))
        }
    })
}

/// The input cannot be said in Cedar's JSON.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotCedar {
    #[error("input is not json")]
    Json(#[source] BoxError),
    #[error("resource has no name in cedar")]
    Resource(#[from] ResourceError),
    #[error("a number is no 64-bit integer")]
    Number,
    #[error("an attribute has a name that cedar takes for an escape")]
    Reserved,
}

/// An object with one of these is read as an entity, a call or an expression instead of data.
const RESERVED: [&str; 3] = ["__entity", "__extn", "__expr"];

#[cfg(test)]
mod tests {
    use kest_core::Limits;

    use super::*;

    fn ask(id: &Value, attributes: &Value) -> Result<Value, NotCedar> {
        ask_text(id, attributes).map(|question| serde_json::from_str(&question).unwrap())
    }

    fn ask_text(id: &Value, attributes: &Value) -> Result<String, NotCedar> {
        let chain = json!({"operations": ["a", "b"], "principals": ["w", "w"],
            "resources": [null, "r"], "users": [null, null]});
        let environment = json!({"active_deviations": [], "is_root": true, "operation": "read",
            "policy_names": ["p"], "policy_tier": "function", "source_type": null});
        let subject = json!({"agent": null, "identity_source": "jwt", "issuer": "i", "roles": [], "scopes": ["s"],
            "taints": [], "task": null, "trust_score": 40, "user": "u", "workload": "w\"\n"});
        let document = json!({"chain": chain, "environment": environment, "identity": "w\"\n",
            "object": {"attributes": attributes, "id": id}, "subject": subject, "trust_score": 40});
        let input = Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap();
        let action = action(&PolicyName::new("kest/it's").unwrap());
        question(&action, &input)
    }

    #[test]
    fn question_is_the_document_in_the_words_of_cedar() {
        let asked =
            ask(&json!("x\\\"::y"), &json!({"n": -1, "deep": {"null": null, "list": [null, 1]}})).unwrap();
        assert_eq!(asked["principal"], r#"Kest::Workload::"w\"\n""#);
        assert_eq!(asked["action"], r#"Kest::Action::"kest/it\'s""#);
        assert_eq!(asked["resource"], r#"Kest::Resource::"x\\\"::y""#);
        let context = &asked["context"];
        assert_eq!(context["object"]["attributes"], json!({"n": -1, "deep": {"list": [1]}}));
        assert_eq!(context["chain"]["users"], json!([]));
        assert_eq!(context["chain"]["resources"], json!(["r"]));
        assert_eq!(context["subject"].get("agent"), None);
        assert_eq!(context["environment"].get("source_type"), None);
        assert_eq!((&context["identity"], &context["trust_score"]), (&json!("w\"\n"), &json!(40)));
    }

    #[test]
    fn resource_without_an_id_is_called_a_star_and_no_other_is() {
        assert_eq!(ask(&Value::Null, &json!({})).unwrap()["resource"], r#"Kest::Resource::"*""#);
        assert!(matches!(ask(&json!("*"), &json!({})), Err(NotCedar::Resource(ResourceError::Star))));
    }

    #[test]
    fn attributes_that_pass_themselves_off_as_entities_are_not_sent() {
        for reserved in RESERVED {
            for attributes in [
                json!({reserved: {"type": "Kest::Workload", "id": "admin"}}),
                json!({"a": {reserved: null}}),
                json!({"a": [{"b": {reserved: "ip(\"10.0.0.1\")"}}]}),
            ] {
                assert!(matches!(ask(&Value::Null, &attributes), Err(NotCedar::Reserved)), "{reserved}");
            }
        }
        assert!(ask(&Value::Null, &json!({"entity": 1, "__Entity": 2, "x__extn": 3})).is_ok());
    }

    /// Attack: an attribute with the name under which the parser passes itself JSON that is already written.
    #[test]
    fn names_of_the_parser_are_sent_as_they_are() {
        for attributes in [
            json!({"a": {"$serde_json::private::RawValue": "true"}}),
            json!({"a": [{"$serde_json::private::RawValue": "{\"__entity\":{}}"}]}),
            json!({"a": {"$serde_json::private::Number": "7"}}),
        ] {
            let asked = ask_text(&Value::Null, &attributes).unwrap();
            assert!(asked.contains(&attributes.to_string()), "{asked}");
        }
    }

    #[test]
    fn numbers_that_are_no_long_are_not_sent() {
        for number in [json!(0.5), json!(-1.5), json!(1e19), json!(1e300), json!(1e-7)] {
            let refused = ask(&Value::Null, &json!({"a": [{"b": number}]}));
            assert!(matches!(refused, Err(NotCedar::Number)), "{number}");
        }
        assert_eq!(ask(&Value::Null, &json!({"a": 1.0})).unwrap()["context"]["object"]["attributes"]["a"], 1);
    }
}
