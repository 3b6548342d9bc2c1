//! What one entry claims: its unverified payload, as far as it can be read.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use kest_core::entry::EntryHash;
use kest_core::parse_strict_json;
use serde::Serialize;
use serde_json::Value;

/// The claims of one entry; what is missing or of another type is `null` or left out of its list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Claimed {
    pub(crate) index: usize,
    /// The SHA-256 of the compact text: the one member that is computed and not claimed.
    pub(crate) hash: String,
    /// Why nothing else is shown.
    pub(crate) problem: Option<&'static str>,
    pub(crate) operation: Option<String>,
    pub(crate) principal: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) trust_score: Option<i64>,
    pub(crate) taints: Vec<String>,
    pub(crate) parents: Vec<String>,
}

impl Claimed {
    /// Reads the entry at `index`, which the library bounded in length already.
    pub(crate) fn read(index: usize, compact: &str) -> Self {
        let bare = Self { index, hash: EntryHash::of(compact).to_hex(), ..Self::default() };
        let mut parts = compact.split('.');
        let (Some(header), Some(payload), Some(_signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self { problem: Some("bad_parts"), ..bare };
        };
        let payload = match decode(payload) {
            Ok(payload) if payload.is_object() => payload,
            Ok(_) => {
                return Self { problem: Some("bad_payload"), ..bare };
            }
            Err(problem) => {
                return Self { problem: Some(problem), ..bare };
            }
        };
        let key_id = decode(header).ok().and_then(|header| text(header.get("kid")));
        bare.with_payload(&payload, key_id)
    }

    fn with_payload(self, payload: &Value, key_id: Option<String>) -> Self {
        let label = |name| payload.get("labels").and_then(|labels| labels.get(name));
        let identity: Value = label("kest.identity")
            .and_then(Value::as_str)
            .and_then(|label| json(label.as_bytes()))
            .unwrap_or_default();
        Self {
            operation: text(payload.get("operation")),
            principal: text(label("principal")),
            key_id,
            user: text(identity.get("user")),
            agent: text(identity.get("agent")),
            task: text(identity.get("task")),
            trust_score: payload.get("trust_score").and_then(Value::as_i64),
            taints: texts(payload.get("taints")),
            parents: texts(payload.get("parent_ids")),
            ..self
        }
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| text(Some(item))).collect()
}

fn decode(part: &str) -> Result<Value, &'static str> {
    let bytes = LENIENT.decode(part).map_err(|_cause| "bad_base64")?;
    json(&bytes).ok_or("bad_payload")
}

/// Every object is an object, also one with a name that `serde_json` keeps for itself; what is no unambiguous JSON is read all
/// the same. `serde_json` stops at 128 levels of nesting by itself.
fn json(bytes: &[u8]) -> Option<Value> {
    parse_strict_json(bytes, 128).ok().or_else(|| serde_json::from_slice(bytes).ok())
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

    fn read(payload: &str) -> Claimed {
        Claimed::read(0, &format!("e30.{}.AA", LENIENT.encode(payload)))
    }

    #[test]
    fn payload_of_any_shape_is_survived() {
        let nested = format!("{{\"taints\":{}{}}}", "[".repeat(500), "]".repeat(500));
        for payload in ["", "1", "[]", "{", "\u{0}", nested.as_str()] {
            assert_eq!(read(payload).problem, Some("bad_payload"), "{payload}");
        }
        for compact in ["", ".", "a.b", "a.b.c.d", "a.b.c"] {
            assert!(Claimed::read(0, compact).problem.is_some(), "{compact}");
        }
    }

    /// Attack: a member with a name by which `serde_json` passes itself JSON that is already written.
    #[test]
    fn names_of_the_parser_hide_nothing() {
        let free = r#"{"$serde_json::private::RawValue":"no json"}"#;
        let claimed = read(&format!(r#"{{"environment":{free},"operation":"pay","trust_score":40}}"#));
        let bare = Claimed { hash: claimed.hash.clone(), ..Claimed::default() };
        assert_eq!(claimed, Claimed { operation: Some("pay".into()), trust_score: Some(40), ..bare });
    }

    #[test]
    fn members_of_another_type_are_not_shown() {
        let claimed = read(
            r#"{"operation":1,"labels":{"principal":null,"kest.identity":"{\"user\":{}}"},"trust_score":1.5,
                "taints":["a",1],"parent_ids":{}}"#,
        );
        let bare = Claimed { hash: claimed.hash.clone(), taints: vec!["a".into()], ..Claimed::default() };
        assert_eq!(claimed, bare);
    }
}
