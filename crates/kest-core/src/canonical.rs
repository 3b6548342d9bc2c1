//! Gives the one byte form of a JSON text (RFC 8785) and refuses texts that have none.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The RFC 8785 bytes of the JSON text `json`.
///
/// The text must be I-JSON (RFC 7493): UTF-8, no member twice, no lone surrogates, integers within ±(2^53−1).
/// Nesting is bounded by `depth`.
///
/// # Errors
///
/// [`CanonicalizeError`] says which of these rules is broken.
///
/// ```
/// let canonical = kest_core::canonicalize(br#"{"z": 3, "a": 1, "m": 2}"#, 64).unwrap();
/// assert_eq!(canonical, br#"{"a":1,"m":2,"z":3}"#);
/// ```
pub fn canonicalize(json: &[u8], depth: usize) -> Result<Vec<u8>, CanonicalizeError> {
    let value = parse_strict(json, depth)?;
    serde_json_canonicalizer::to_vec(&value).map_err(CanonicalizeError::Json)
}

/// Parses I-JSON, refusing what `serde_json` would let pass.
pub(crate) fn parse_strict(json: &[u8], depth: usize) -> Result<Value, CanonicalizeError> {
    check_depth(json, depth)?;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Strict.deserialize(&mut deserializer).map_err(CanonicalizeError::Json)?;
    deserializer.end().map_err(CanonicalizeError::Json)?;
    check_integers(json)?;
    Ok(value)
}

/// A text has no canonical form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalizeError {
    /// Not JSON, or a member stands twice, or a string is not Unicode.
    #[error("text is not I-JSON")]
    Json(#[source] serde_json::Error),
    /// RFC 7493 section 2.2: such integers are not interoperable.
    #[error("integer is outside the range that every reader keeps exactly")]
    Integer,
    /// Arrays and objects are nested too deeply.
    #[error("nesting is deeper than {0}")]
    Depth(usize),
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an I-JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Self)?;
            if object.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// Nesting is checked on the bytes, before anything recurses.
fn check_depth(json: &[u8], limit: usize) -> Result<(), CanonicalizeError> {
    let mut depth = 0_usize;
    for byte in outside_strings(json) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth > limit {
            return Err(CanonicalizeError::Depth(limit));
        }
    }
    Ok(())
}

/// An integer literal must survive being read as a double; `serde_json` turns larger ones into floats silently.
fn check_integers(json: &[u8]) -> Result<(), CanonicalizeError> {
    const LARGEST: u64 = (1 << 53) - 1;
    let mut digits: Option<u64> = None;
    let mut integer = true;
    let done = |digits: &mut Option<u64>, integer: &mut bool| {
        let fits = digits.is_none_or(|value| !*integer || value <= LARGEST);
        *digits = None;
        *integer = true;
        if fits { Ok(()) } else { Err(CanonicalizeError::Integer) }
    };
    for byte in outside_strings(json) {
        match byte {
            b'0'..=b'9' => {
                let digit = u64::from(byte - b'0');
                digits = Some(digits.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            }
            b'.' | b'e' | b'E' if digits.is_some() => integer = false,
            b'+' | b'-' if digits.is_some() => {}
            _ => done(&mut digits, &mut integer)?,
        }
    }
    done(&mut digits, &mut integer)
}

/// The bytes of `json` that belong to no string; each string leaves one quotation mark.
fn outside_strings(json: &[u8]) -> impl Iterator<Item = u8> {
    let mut inside = false;
    let mut escaped = false;
    json.iter().copied().filter(move |byte| {
        if !inside {
            inside = *byte == b'"';
            return true;
        }
        match (escaped, *byte) {
            (true, _) => escaped = false,
            (false, b'\\') => escaped = true,
            (false, b'"') => inside = false,
            (false, _) => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: Option<&str>) {
        let found = canonicalize(text.as_bytes(), 64).ok().map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref(), canonical, "{text}");
    }

    #[test]
    fn integers_beyond_doubles_have_no_canonical_form() {
        check("9007199254740991", Some("9007199254740991"));
        check("[-9007199254740991]", Some("[-9007199254740991]"));
        check("9007199254740992", None);
        check("{\"a\":100000000000000000000}", None);
        check("18446744073709551615", None);
        check("9007199254740992.0", Some("9007199254740992"));
        check("1e20", Some("100000000000000000000"));
        check("1E-7", Some("1e-7"));
        check("\"100000000000000000000\"", Some("\"100000000000000000000\""));
    }

    #[test]
    fn duplicate_members_and_lone_surrogates_are_refused() {
        check(r#"{"a":1,"a":2}"#, None);
        check(r#"{"a":1,"\u0061":2}"#, None);
        check(r#""\ud800""#, None);
        check("\u{feff}1", None);
        check("1 2", None);
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units() {
        check(
            "{\"\u{e000}\":1,\"\u{1f600}\":2,\"a\":[0.0,-0.0,1.50]}",
            Some("{\"a\":[0,0,1.5],\"\u{1f600}\":2,\"\u{e000}\":1}"),
        );
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused_before_recursion() {
        let deep = "[".repeat(100_000);
        assert!(matches!(canonicalize(deep.as_bytes(), 64), Err(CanonicalizeError::Depth(64))));
        check(r#"["[[[[", {"b": [1]}]"#, Some(r#"["[[[[",{"b":[1]}]"#));
    }
}
