//! A JSON object in its one byte form: what a service says in its own words.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::canonical::{CanonicalizeError, canonicalize};

/// A JSON object in canonical form (RFC 8785): the environment of an operation, and what an entry carries of it.
///
/// ```
/// use kest_core::JsonObject;
///
/// let region = JsonObject::parse(r#"{ "region": "eu", "canary": false }"#)?;
/// assert_eq!(region.as_str(), r#"{"canary":false,"region":"eu"}"#);
/// assert!(JsonObject::parse("[]").is_err());
/// # Ok::<(), kest_core::CanonicalizeError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct JsonObject(
    /// Nothing where it has no member, so that an operation that says nothing allocates nothing.
    Option<Arc<str>>,
);

const EMPTY: &str = "{}";

/// Nesting of an object: the members of an entry that hold it are one level further out.
const DEPTH: usize = 8;

impl JsonObject {
    /// Reads a JSON object.
    ///
    /// # Errors
    ///
    /// [`CanonicalizeError`] when it is no object, or has no canonical form.
    pub fn parse(json: &str) -> Result<Self, CanonicalizeError> {
        Self::of_bytes(json.as_bytes())
    }

    /// What `value` is as JSON.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`CanonicalizeError::NotWritable`] for a value that cannot be written.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, CanonicalizeError> {
        Self::of_bytes(&serde_json::to_vec(value).map_err(CanonicalizeError::NotWritable)?)
    }

    fn of_bytes(json: &[u8]) -> Result<Self, CanonicalizeError> {
        let canonical = canonicalize(json, DEPTH)?;
        if canonical.first() != Some(&b'{') {
            return Err(CanonicalizeError::NotAnObject);
        }
        Ok(Self::from_canonical(&String::from_utf8_lossy(&canonical)))
    }

    /// Takes what stands in a payload whose bytes are canonical.
    pub(crate) fn from_canonical(text: &str) -> Self {
        Self((text != EMPTY).then(|| text.into()))
    }

    /// Its canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(EMPTY)
    }

    /// Whether it has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for JsonObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be about people.
        write!(formatter, "JsonObject({} bytes)", self.as_str().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_with_one_form_are_read() {
        for wrong in ["", "[]", "1", "null", "{", r#"{"a":1,"a":2}"#, r#"{"a":9007199254740993}"#, "{}{}"] {
            assert!(JsonObject::parse(wrong).is_err(), "{wrong}");
        }
        let deep = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(JsonObject::parse(&deep(DEPTH - 1)).is_ok());
        assert!(JsonObject::parse(&deep(DEPTH)).is_err());
        let empty = JsonObject::default();
        assert_eq!((empty.as_str(), empty.is_empty()), ("{}", true));
        assert_eq!(JsonObject::parse(" { } ").unwrap(), empty);
    }

    #[test]
    fn values_are_written_in_canonical_form() {
        let value = std::collections::BTreeMap::from([("b", 1.0), ("a", 1e21)]);
        assert_eq!(JsonObject::of(&value).unwrap().as_str(), r#"{"a":1e+21,"b":1}"#);
        assert!(JsonObject::of("text").is_err());
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", JsonObject::parse(r#"{"user":"alice"}"#).unwrap());
        assert_eq!(shown, "JsonObject(16 bytes)");
    }
}
