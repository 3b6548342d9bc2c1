//! Reads a JSON Web Key Set so that one bad key never takes the good ones with it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use kest_core::{BoxError, Limits, parse_strict_object};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::VerificationKey;

/// The usable keys of an issuer, by key id.
///
/// Keys that must not be used are left out and counted by reason. A set without any usable key is a set: the issuer
/// says that it has none, so no token of it holds.
#[derive(Clone)]
pub struct KeySet {
    keys: HashMap<String, Arc<VerificationKey>>,
    skipped: BTreeMap<SkippedKey, usize>,
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517 section 5).
    ///
    /// # Errors
    ///
    /// [`KeySetError`] when the text as a whole is too long or is no JWK Set. Single keys are no error.
    ///
    /// ```
    /// use kest_identity::{KeySet, SkippedKey};
    ///
    /// let json = br#"{"keys": [
    ///     {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ///     {"kty": "oct", "kid": "2", "k": "c2VjcmV0"}
    /// ]}"#;
    /// let keys = KeySet::from_json(json, &kest_core::Limits::default()).unwrap();
    /// assert_eq!((keys.len(), keys.skipped(SkippedKey::Symmetric)), (1, 1));
    /// ```
    pub fn from_json(json: &[u8], limits: &Limits) -> Result<Self, KeySetError> {
        if json.len() > limits.key_set_bytes {
            return Err(KeySetError::TooLong(json.len()));
        }
        let wire: Wire<'_> = serde_json::from_slice(json).map_err(|cause| not_a_key_set(&cause))?;
        let mut set = Self { keys: HashMap::new(), skipped: BTreeMap::new() };
        let mut seen = HashSet::new();
        for (position, raw) in wire.keys.into_iter().enumerate() {
            if position >= limits.key_set_keys {
                set.skip(SkippedKey::TooMany);
                continue;
            }
            match read_key(raw, limits) {
                Ok((key_id, key)) => set.add(key_id, key, &mut seen),
                Err(reason) => set.skip(reason),
            }
        }
        Ok(set)
    }

    /// The number of usable keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a usable key of that id.
    #[must_use]
    pub fn contains(&self, key_id: &str) -> bool {
        self.keys.contains_key(key_id)
    }

    /// How many keys were left out for `reason`.
    #[must_use]
    pub fn skipped(&self, reason: SkippedKey) -> usize {
        self.skipped.get(&reason).copied().unwrap_or_default()
    }

    /// How many keys were left out.
    #[must_use]
    pub fn skipped_keys(&self) -> usize {
        self.skipped.values().sum()
    }

    pub(crate) fn key(&self, key_id: &str) -> Option<&Arc<VerificationKey>> {
        self.keys.get(key_id)
    }

    /// Adds a key, unless its id was seen before: then nobody can know which one is meant, and both go.
    fn add(&mut self, key_id: String, key: VerificationKey, seen: &mut HashSet<String>) {
        if !seen.insert(key_id.clone()) {
            self.skip(SkippedKey::DoubledKeyId);
            if self.keys.remove(&key_id).is_some() {
                self.skip(SkippedKey::DoubledKeyId);
            }
            return;
        }
        self.keys.insert(key_id, Arc::new(key));
    }

    fn skip(&mut self, reason: SkippedKey) {
        *self.skipped.entry(reason).or_default() += 1;
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeySet")
            .field("keys", &self.keys.len())
            .field("skipped", &self.skipped)
            .finish()
    }
}

/// Why a key of a set was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SkippedKey {
    /// Not a JWK: a member is missing, of the wrong type, not canonical base64url, or stands twice.
    Malformed,
    /// A type, curve, algorithm or size that is not checked here.
    Unsupported,
    /// `use` or `key_ops` keep it for something else.
    NotForVerifying,
    /// It has no `kid`, so no token can name it.
    NoKeyId,
    /// Another usable key of the set has the same `kid`.
    DoubledKeyId,
    /// Signatures under it prove nothing.
    Weak,
    /// A shared secret, which must never be published and cannot tell who signed.
    Symmetric,
    /// The private part was published with it.
    Private,
    /// It stands after the first `Limits::key_set_keys` ones.
    TooMany,
}

/// A text is not a JSON Web Key Set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Longer than `Limits::key_set_bytes`.
    #[error("key set is {0} bytes, over the limit")]
    TooLong(usize),
    /// Not a JSON object with one array `keys`.
    #[error("text is not a key set")]
    NotAKeySet(#[source] BoxError),
}

/// The raw keys of a set; written by hand because a derived reader also takes an array for the object.
struct Wire<'json> {
    keys: Vec<&'json RawValue>,
}

impl<'json> Deserialize<'json> for Wire<'json> {
    fn deserialize<D: Deserializer<'json>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WireVisitor)
    }
}

struct WireVisitor;

impl<'json> Visitor<'json> for WireVisitor {
    type Value = Wire<'json>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key set")
    }

    fn visit_map<A: MapAccess<'json>>(self, mut members: A) -> Result<Wire<'json>, A::Error> {
        let mut keys = None;
        while let Some(name) = members.next_key::<String>()? {
            if name != "keys" {
                members.next_value::<IgnoredAny>()?;
            } else if keys.replace(members.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("keys"));
            }
        }
        Ok(Wire { keys: keys.ok_or_else(|| A::Error::missing_field("keys"))? })
    }
}

/// Keeps where the text failed and drops the parser's message, which may repeat some of it.
fn not_a_key_set(cause: &serde_json::Error) -> KeySetError {
    KeySetError::NotAKeySet(Box::new(Position { line: cause.line(), column: cause.column() }))
}

#[derive(Debug, thiserror::Error)]
#[error("json fails at line {line} column {column}")]
struct Position {
    line: usize,
    column: usize,
}

fn read_key(raw: &RawValue, limits: &Limits) -> Result<(String, VerificationKey), SkippedKey> {
    let members = parse_strict_object(raw.get().as_bytes(), limits.json_depth);
    VerificationKey::from_jwk(&members.map_err(|_counted| SkippedKey::Malformed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn read(keys: &[&str]) -> KeySet {
        let json = format!(r#"{{"keys":[{}],"other":{{}}}}"#, keys.join(","));
        KeySet::from_json(json.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn bad_keys_leave_the_good_one() {
        let twice = GOOD.replace(r#""kty":"OKP""#, r#""kty":"OKP","kty":"OKP""#).replace("good", "bad");
        for (bad, reason) in [
            ("null", SkippedKey::Malformed),
            ("[[[[]]]]", SkippedKey::Malformed),
            (r#""text""#, SkippedKey::Malformed),
            ("{}", SkippedKey::Malformed),
            (twice.as_str(), SkippedKey::Malformed),
            (r#"{"kty":"quantum","kid":"q"}"#, SkippedKey::Unsupported),
            (r#"{"kty":"oct","kid":"good","k":"AQ"}"#, SkippedKey::Symmetric),
            (&GOOD.replace(r#""kid":"good","#, ""), SkippedKey::NoKeyId),
            (&GOOD.replace("11q", "@@@"), SkippedKey::Malformed),
            (&GOOD.replace(r#""kid""#, r#""use":"enc","kid""#), SkippedKey::NotForVerifying),
            (&GOOD.replace(r#""kid""#, r#""d":"AQ","kid""#), SkippedKey::Private),
        ] {
            for keys in [[bad, GOOD], [GOOD, bad]] {
                let set = read(&keys);
                assert!(set.contains("good"), "{bad}");
                assert_eq!((set.len(), set.skipped_keys(), set.skipped(reason)), (1, 1, 1), "{bad}");
            }
        }
    }

    #[test]
    fn doubled_key_id_takes_all_its_keys() {
        let other = GOOD.replace("good", "other");
        let set = read(&[GOOD, &other, GOOD, GOOD]);
        assert!(set.contains("other") && !set.contains("good"));
        assert_eq!(set.skipped(SkippedKey::DoubledKeyId), 3);
    }

    #[test]
    fn keys_over_the_limit_are_not_read() {
        let mut limits = Limits::default();
        limits.key_set_keys = 1;
        let json = format!(r#"{{"keys":[{GOOD},{}]}}"#, GOOD.replace("good", "late"));
        let set = KeySet::from_json(json.as_bytes(), &limits).unwrap();
        assert!(set.contains("good") && !set.contains("late"));
        assert_eq!(set.skipped(SkippedKey::TooMany), 1);
    }

    #[test]
    fn text_that_is_no_key_set_is_an_error() {
        let deep = format!(r#"{{"keys":[{}1{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(KeySet::from_json(deep.as_bytes(), &Limits::default()).unwrap().len(), 0);
        let nested = "[".repeat(200_000);
        for json in
            ["", "null", "[]", "[[]]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>", &nested]
        {
            let refused = KeySet::from_json(json.as_bytes(), &Limits::default());
            assert!(matches!(refused, Err(KeySetError::NotAKeySet(_))), "{json:.20}");
        }
        let long = vec![b' '; Limits::default().key_set_bytes + 1];
        assert!(matches!(KeySet::from_json(&long, &Limits::default()), Err(KeySetError::TooLong(_))));
    }
}
