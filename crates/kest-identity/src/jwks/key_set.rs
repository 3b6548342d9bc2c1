//! Reads a JSON Web Key Set so that one bad key never takes the good ones with it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use kest_core::{BoxError, Limits, parse_strict_object};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{KeyUse, NamedKey, VerificationKey};
use crate::jwt::Algorithm;

/// The usable keys of an issuer, by key id.
///
/// Keys that must not be used are left out and counted by reason, and never take the good ones with them.
///
/// A set without any usable key is a set all the same: no token of the issuer holds then, whatever was published before.
/// An issuer that replaces its keys takes the old ones back, also when the new ones are of a kind that is not read here,
/// and keeping a withdrawn key alive is worse than refusing. An endpoint that is merely broken answers with something
/// else than a key set; that is a [`KeySetError`], and leaves the known keys in use.
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
        Self::read(json, KeyUse::Tokens, limits)
    }

    /// Reads the keys for JWT-SVIDs in a SPIFFE bundle, which is a JWK Set whose keys say what they are for (SPIFFE Trust
    /// Domain and Bundle section 4.2), or in what an OIDC discovery provider makes of it. Keys for X.509-SVIDs are left
    /// out.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_spiffe_bundle(json: &[u8], limits: &Limits) -> Result<Self, KeySetError> {
        Self::read(json, KeyUse::Svids, limits)
    }

    pub(crate) fn read(json: &[u8], key_use: KeyUse, limits: &Limits) -> Result<Self, KeySetError> {
        if json.len() > limits.key_set_bytes {
            return Err(KeySetError::TooLong(json.len()));
        }
        let wire: Wire<'_> = serde_json::from_slice(json).map_err(|cause| not_a_key_set(&cause))?;
        Ok(Self::collect(wire.keys, limits, |raw| read_key(raw, key_use, limits)))
    }

    /// Takes keys that `read` finds usable, up to the limit; those after that are not read at all.
    ///
    /// Only usable keys count, so that no number of bad ones before a good one pushes it out. A key id may stand for
    /// several keys as long as each checks other algorithms.
    pub(crate) fn collect<Raw>(
        keys: impl IntoIterator<Item = Raw>,
        limits: &Limits,
        read: impl Fn(Raw) -> Result<(String, VerificationKey), SkippedKey>,
    ) -> Self {
        let mut set = Self { keys: HashMap::new(), skipped: BTreeMap::new() };
        let mut read_keys: HashMap<String, Vec<VerificationKey>> = HashMap::new();
        let mut room = limits.key_set_keys;
        for raw in keys {
            if room == 0 {
                set.skip(SkippedKey::TooMany, 1);
                continue;
            }
            match read(raw) {
                Ok((key_id, key)) => {
                    room -= 1;
                    read_keys.entry(key_id).or_default().push(key);
                }
                Err(reason) => set.skip(reason, 1),
            }
        }
        for (key_id, keys) in read_keys {
            let (key, left_out) = VerificationKey::joined(keys);
            set.skip(SkippedKey::DoubledKeyId, left_out);
            set.keys.extend(key.map(|key| (key_id, Arc::new(key))));
        }
        set
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

    /// The first `most` keys by id that check `algorithm`.
    pub(crate) fn that_check(&self, algorithm: Algorithm, most: usize) -> Vec<NamedKey> {
        let able = self.keys.iter().filter(|(_, key)| key.can_check(algorithm));
        let mut named: Vec<_> =
            able.map(|(key_id, key)| NamedKey { key_id: key_id.clone(), key: Arc::clone(key) }).collect();
        named.sort_unstable_by(|one, other| one.key_id.cmp(&other.key_id));
        named.truncate(most);
        named
    }

    /// The ids of the usable keys, sorted.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.keys.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// The keys that were left out, by reason.
    pub(crate) fn all_skipped(&self) -> Vec<(SkippedKey, usize)> {
        self.skipped.iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    /// Takes the values of `previous` for the keys that are the same there, so that a pointer tells them apart.
    pub(crate) fn keep_unchanged(&mut self, previous: &Self) {
        for (key_id, key) in &mut self.keys {
            if let Some(known) = previous.keys.get(key_id).filter(|known| known.is_same_as(key)) {
                *key = Arc::clone(known);
            }
        }
    }

    fn skip(&mut self, reason: SkippedKey, count: usize) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
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
    /// Another key of the set has the same `kid` and checks the same algorithm.
    DoubledKeyId,
    /// Signatures under it prove nothing: a modulus that is short or even, an exponent that is tiny or even, a point of
    /// small order.
    Weak,
    /// Its primes were made by a faulty library: CVE-2017-15361.
    Roca,
    /// A shared secret, which must never be published and cannot tell who signed.
    Symmetric,
    /// The private part was published with it.
    Private,
    /// It stands after the first `Limits::key_set_keys` usable ones.
    TooMany,
}

impl SkippedKey {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::Unsupported,
        Self::NotForVerifying,
        Self::NoKeyId,
        Self::DoubledKeyId,
        Self::Weak,
        Self::Roca,
        Self::Symmetric,
        Self::Private,
        Self::TooMany,
    ];

    /// A name of the reason for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NotForVerifying => "not_for_verifying",
            Self::NoKeyId => "no_key_id",
            Self::DoubledKeyId => "doubled_key_id",
            Self::Weak => "weak",
            Self::Roca => "roca",
            Self::Symmetric => "symmetric",
            Self::Private => "private",
            Self::TooMany => "too_many",
        }
    }
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

fn read_key(
    raw: &RawValue,
    key_use: KeyUse,
    limits: &Limits,
) -> Result<(String, VerificationKey), SkippedKey> {
    let members = parse_strict_object(raw.get().as_bytes(), limits.json_depth);
    VerificationKey::for_use(key_use, &members.map_err(|_counted| SkippedKey::Malformed)?)
}

#[cfg(test)]
#[path = "key_set/tests.rs"]
mod tests;
