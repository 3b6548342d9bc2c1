//! What one entry says, read as leniently as it can be: proof is the verifier's business, showing is this crate's.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use kest_core::entry::PolicyTier;
use kest_core::parse_strict_json;
use serde_json::Value;

/// What stands in an entry; what is missing or of another type is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) operation: Option<String>,
    pub(crate) workload: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) sanitizer: Option<Sanitizer>,
    pub(crate) trust: Option<i64>,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) taints: Vec<String>,
    pub(crate) parents: Vec<String>,
    /// Each with its tier.
    pub(crate) policies: Vec<(&'static str, String)>,
    pub(crate) deviations: Vec<Deviated>,
    pub(crate) timestamp_ms: Option<i64>,
    /// The SHA-256 of what the operation made; `None` where it signs none.
    pub(crate) content: Option<String>,
}

/// Who set trust or removed taints, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sanitizer {
    pub(crate) by: Option<String>,
    pub(crate) reason: Option<String>,
}

/// A policy that was left out, why, and by whose leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deviated {
    pub(crate) tier: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) approver: Option<String>,
}

impl Claims {
    /// Reads a compact entry; `None` where it has no payload that is an object.
    pub(crate) fn read(compact: &str) -> Option<Self> {
        let payload = compact.split('.').nth(1)?;
        let payload = json(&LENIENT.decode(payload).ok()?)?;
        payload.is_object().then(|| Self::of(&payload))
    }

    fn of(payload: &Value) -> Self {
        let label = |name: &str| text(payload.get("labels").and_then(|labels| labels.get(name)));
        let nested = |name: &str| -> Value {
            label(name).and_then(|label| json(label.as_bytes())).unwrap_or_default()
        };
        let identity = nested("kest.identity");
        let name = |member: &str| text(identity.get(member)).filter(|name| !name.is_empty());
        let sanitizer = label("kest.sanitizer").map(|_| {
            let declared = nested("kest.sanitizer");
            Sanitizer { by: text(declared.get("by")), reason: text(declared.get("reason")) }
        });
        let context = payload.get("policy_context").unwrap_or(&Value::Null);
        Self {
            operation: text(payload.get("operation")),
            workload: label("principal"),
            user: name("user"),
            agent: name("agent"),
            task: name("task"),
            source: label("kest.identity_source"),
            issuer: label("kest.issuer"),
            tenant: label("kest.tenant"),
            origin: label("kest.origin"),
            resource: label("kest.resource_id"),
            sanitizer,
            trust: payload.get("trust_score").and_then(Value::as_i64),
            added: texts(payload.get("added_taints")),
            removed: texts(payload.get("removed_taints")),
            taints: texts(payload.get("taints")),
            parents: texts(payload.get("parent_ids")),
            policies: policies(context),
            deviations: items(context.get("deviations")).map(deviated).collect(),
            timestamp_ms: payload.get("timestamp_ms").and_then(Value::as_i64),
            content: text(payload.get("content_hash")).filter(|hash| !hash.is_empty()),
        }
    }
}

/// Every object is an object, also one with a name that `serde_json` keeps for itself; what is no unambiguous JSON is read all
/// the same.
fn json(bytes: &[u8]) -> Option<Value> {
    parse_strict_json(bytes, DEPTH).ok().or_else(|| serde_json::from_slice(bytes).ok())
}

/// Nesting that is looked into.
const DEPTH: usize = 128;

fn policies(context: &Value) -> Vec<(&'static str, String)> {
    let members = ["enterprise_policies", "platform_policies", "app_policies", "function_policies"];
    let tiers = PolicyTier::ALL.into_iter().zip(members);
    let named = tiers.map(|(tier, member)| (tier.as_str(), texts(context.get(member))));
    named.flat_map(|(tier, names)| names.into_iter().map(move |name| (tier, name))).collect()
}

fn deviated(value: &Value) -> Deviated {
    Deviated {
        tier: text(value.get("tier")),
        policy: text(value.get("policy")),
        reason: text(value.get("reason")),
        approver: text(value.get("approver")),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    items(value).filter_map(|item| text(Some(item))).collect()
}

/// A broken passport is looked at for what is in it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Option<Claims> {
        Claims::read(&format!("e30.{}.AA", LENIENT.encode(payload)))
    }

    #[test]
    fn entry_of_any_shape_is_survived() {
        let deep = format!("{{\"taints\":{}{}}}", "[".repeat(500), "]".repeat(500));
        for payload in ["", "1", "[]", "{", "\u{0}", deep.as_str()] {
            assert_eq!(read(payload), None, "{payload}");
        }
        for compact in ["", ".", "a.b", "a.!.c"] {
            assert_eq!(Claims::read(compact), None, "{compact}");
        }
    }

    /// Attack: members with a name by which `serde_json` passes itself JSON that is already written.
    #[test]
    fn names_of_the_parser_hide_nothing() {
        let free = r#"{"$serde_json::private::RawValue":"no json"}"#;
        let named = r#"{"$serde_json::private::RawValue":"{\"user\":\"mallory\"}","user":"alice"}"#;
        let identity = Value::from(named);
        let claims = read(&format!(
            r#"{{"environment":{free},"labels":{{"kest.identity":{identity},"principal":"cart"}},"operation":"pay","otel_context":{free}}}"#
        ));
        let expected = Claims {
            operation: Some("pay".into()),
            workload: Some("cart".into()),
            user: Some("alice".into()),
            ..Claims::default()
        };
        assert_eq!(claims, Some(expected));
    }

    #[test]
    fn members_of_another_type_are_left_out() {
        let claims = read(
            r#"{"operation":1,"labels":{"principal":null,"kest.identity":"{\"user\":{}}","kest.sanitizer":"["},
                "trust_score":1.5,"content_hash":["x"],"taints":["a",1],"policy_context":{"deviations":[1],"app_policies":{}}}"#,
        );
        let expected = Claims {
            sanitizer: Some(Sanitizer::default()),
            taints: vec!["a".into()],
            deviations: vec![Deviated::default()],
            ..Claims::default()
        };
        assert_eq!(claims, Some(expected));
    }
}
