//! Gives the one byte form of a JSON text (RFC 8785) and refuses texts that have none.

use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::strict_json::{StrictJsonError, parse_strict_json};

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
    let value = parse_strict_json(json, depth).map_err(CanonicalizeError::Json)?;
    check_integers(json)?;
    let written =
        if is_plain(&value) { serde_json::to_vec(&value) } else { serde_json_canonicalizer::to_vec(&value) };
    written.map_err(CanonicalizeError::NotWritable)
}

/// Whether plain JSON of `value` is canonical: its names are ASCII, so that bytes are ordered as UTF-16 is, and stand in order; its
/// numbers are integers, and were looked at. Texts are escaped alike in both forms.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(members) => {
            members.keys().all(|name| name.is_ascii())
                && members.keys().is_sorted()
                && members.values().all(is_plain)
        }
    }
}

/// Whether `value`, written as plain JSON, is exactly `text`: compared as it is written, and kept nowhere.
pub(crate) fn is_written_as(value: &impl Serialize, text: &[u8]) -> bool {
    let mut left = Left(text);
    serde_json::to_writer(&mut left, value).is_ok() && left.0.is_empty()
}

/// What is still to be written of an expected text.
struct Left<'text>(&'text [u8]);

impl io::Write for Left<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(piece).ok_or(io::ErrorKind::InvalidData)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text has no canonical form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalizeError {
    /// Not JSON, or a member stands twice, or a string is not Unicode, or the nesting is too deep.
    #[error("text is not i-json")]
    Json(#[source] StrictJsonError),
    /// RFC 7493 section 2.2: such integers are not interoperable.
    #[error("integer is outside the range that every reader keeps exactly")]
    Integer,
    /// An object was asked for, and this is something else.
    #[error("text is no json object")]
    NotAnObject,
    /// The canonical form cannot be written, which does not happen for what was read.
    #[error("canonical form cannot be written")]
    NotWritable(#[source] serde_json::Error),
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

    /// Both ways to write a value give the bytes that the sorter gives.
    #[test]
    fn plain_values_are_written_as_all_others_are() {
        let every_character: String =
            (0..0x300).chain([0xfeff, 0xffff, 0x1_f600]).filter_map(char::from_u32).collect();
        let every_character = serde_json::to_string(&every_character).unwrap();
        let (mut plain, mut others) = (0, 0);
        for text in [
            r#"{"a":1,"b":[true,null,{"c":-1}],"z":{"":0}}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":{"z":1,"b":{"y":0,"x":0}}}"#,
            r#"{"A":1,"_":2,"a":3,"~":4,"\u007f":5}"#,
            r#"{"\u0001":1,"\"":2,"\\":3}"#,
            "[9007199254740991,-9007199254740991,0,10,-10]",
            "[-0,1.0,1e0,100000000000000000000.0,0.1]",
            "{\"\u{e000}\":1,\"\u{1f600}\":2}",
            &every_character,
            &format!(r#"{{"a":{every_character}}}"#),
        ] {
            let value = parse_strict_json(text.as_bytes(), 64).unwrap();
            let sorted = serde_json_canonicalizer::to_vec(&value).unwrap();
            assert_eq!(canonicalize(text.as_bytes(), 64).unwrap(), sorted, "{text}");
            if is_plain(&value) { plain += 1 } else { others += 1 }
        }
        assert!(plain >= 6 && others >= 2, "{plain} plain, {others} others");
    }

    #[test]
    fn other_text_than_the_written_one_is_noticed_at_every_byte() {
        let value = serde_json::json!({"a": [1, "b\n"], "c": null});
        let text = value.to_string();
        assert!(is_written_as(&value, text.as_bytes()));
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] ^= 1;
            assert!(!is_written_as(&value, &other), "{place}");
            assert!(!is_written_as(&value, &text.as_bytes()[..place]), "{place}");
        }
        assert!(!is_written_as(&value, format!("{text} ").as_bytes()));
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(matches!(canonicalize(deep.as_bytes(), 64), Err(CanonicalizeError::Json(_))));
        check(r#"["[[[[", {"b": [1]}]"#, Some(r#"["[[[[",{"b":[1]}]"#));
    }
}
