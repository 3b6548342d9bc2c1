//! Reads and writes trust bundles: JWK Sets (RFC 7517 section 5) of Ed25519 keys.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::entry::EntryHash;
use crate::file::{FileError, read_guarded_file};
use crate::strict_json::{StrictJsonError, parse_strict_object};

use super::{KeyId, KeyRing, KeyRingError, NotAfter, PublicKey, WorkloadId};

/// Nesting of a key set: certificate chains of foreign keys are the deepest that is usual.
const BUNDLE_DEPTH: usize = 16;

/// Bytes of a trust bundle in a file.
const BUNDLE_FILE_BYTES: u64 = 1024 * 1024;

/// A trust bundle that was read: the ring, and what was left out of it.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    ring: KeyRing,
    skipped: Vec<SkipReason>,
    sequence: Option<u64>,
}

impl Bundle {
    /// Reads a JWK Set, or a single JWK, from a regular file of at most 1 MiB, some thousands of keys, that others may
    /// not write.
    ///
    /// # Errors
    ///
    /// [`BundleError`] as for [`from_json`](Self::from_json), and when the file cannot be read or is of another kind.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        Self::from_json(&read_guarded_file(path.as_ref(), BUNDLE_FILE_BYTES)?)
    }

    /// Reads a JWK Set, or a single JWK, of any size that the caller accepts.
    ///
    /// Keys of other types are skipped and reported by [`skipped`](Self::skipped).
    ///
    /// # Errors
    ///
    /// [`BundleError`] when the text is no key set, a key is weak or private, or a `kid` is ambiguous.
    pub fn from_json(text: &[u8]) -> Result<Self, BundleError> {
        let text = parse_strict_object(text, BUNDLE_DEPTH).map_err(BundleError::NotAKeySet)?;
        let mut bundle = Self::default();
        match text.get("keys") {
            None => bundle.add(&text)?,
            Some(Value::Array(keys)) => {
                for key in keys {
                    bundle.add(key.as_object().ok_or(BundleError::NotAnObject)?)?;
                }
            }
            Some(_) => return Err(BundleError::NotAnObject),
        }
        if let Some(sequence) = text.get(SEQUENCE) {
            bundle.sequence = Some(sequence.as_u64().ok_or(BundleError::Sequence)?);
        }
        Ok(bundle)
    }

    /// The trusted keys.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// The trusted keys, by value.
    #[must_use]
    pub fn into_ring(self) -> KeyRing {
        self.ring
    }

    /// Why keys were left out, in order.
    #[must_use]
    pub fn skipped(&self) -> &[SkipReason] {
        &self.skipped
    }

    /// Which in the row of bundles of its writer this one is: the member `spiffe_sequence` of the SPIFFE trust bundle
    /// format, section 4.1.1; none where its writer does not count.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// The JWK Set of `ring`, ordered by workload and `kid`.
    ///
    /// # Errors
    ///
    /// Only when JSON cannot be written, which does not happen for texts.
    pub fn to_json(ring: &KeyRing) -> Result<String, serde_json::Error> {
        Self::to_json_numbered(ring, None)
    }

    /// The SHA-256 of the file that `kest bundle` writes of `ring` where it is not numbered: [`to_json`](Self::to_json), and the end of
    /// a line. Two bundles with the same keys have the same one, however they are written.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json).
    pub fn digest(ring: &KeyRing) -> Result<EntryHash, serde_json::Error> {
        Ok(EntryHash::of_bytes((Self::to_json(ring)? + "\n").as_bytes()))
    }

    /// The same with a [`sequence`](Self::sequence).
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json).
    pub fn to_json_numbered(ring: &KeyRing, sequence: Option<u64>) -> Result<String, serde_json::Error> {
        let mut keys: Vec<Jwk> = ring
            .keys()
            .map(|(workload, key_id, key)| Jwk {
                kty: "OKP",
                crv: "Ed25519",
                x: URL_SAFE_NO_PAD.encode(key.as_bytes()),
                kid: key_id.as_str().into(),
                principal: workload.as_str().into(),
                not_after: ring.not_after(key_id).map(NotAfter::unix_seconds),
            })
            .collect();
        keys.sort_by(|one, other| (&one.principal, &one.kid).cmp(&(&other.principal, &other.kid)));
        serde_json::to_string(&Written { keys, sequence })
    }

    fn add(&mut self, jwk: &Map<String, Value>) -> Result<(), BundleError> {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str);
        if text("kty") != Some("OKP") || text("crv") != Some("Ed25519") {
            self.skipped.push(SkipReason::OtherType);
            return Ok(());
        }
        // RFC 7517 section 4.2: a key for encryption signs nothing.
        if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
            self.skipped.push(SkipReason::OtherUse);
            return Ok(());
        }
        if jwk.contains_key("d") {
            return Err(BundleError::Private);
        }
        let (Some(kid), Some(x)) = (text("kid"), text("x")) else { return Err(BundleError::Incomplete) };
        let mut bytes = [0_u8; 32];
        if URL_SAFE_NO_PAD.decode_slice(x, &mut bytes) != Ok(32) {
            return Err(BundleError::Incomplete);
        }
        let principal = match jwk.get("principal") {
            None => kid,
            Some(principal) => principal.as_str().ok_or(BundleError::Incomplete)?,
        };
        let workload = WorkloadId::new(principal).map_err(|_cause| BundleError::Incomplete)?;
        let key_id = KeyId::new(kid).map_err(|_cause| BundleError::Incomplete)?;
        let key = PublicKey::from_bytes(&bytes).map_err(|_cause| BundleError::Weak(key_id.clone()))?;
        match jwk.get("not_after") {
            None => self.ring.trust(workload, key_id, key),
            Some(end) => {
                let end = end.as_u64().and_then(|seconds| NotAfter::from_unix_seconds(seconds).ok());
                let end = end.ok_or_else(|| BundleError::NotAfter(key_id.clone()))?;
                self.ring.trust_until(workload, key_id, key, end)
            }
        }
        .map_err(BundleError::Conflict)
    }
}

/// Why a key of a bundle is not in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// Not an Ed25519 key: it cannot sign entries.
    OtherType,
    /// A key that is not meant for signatures.
    OtherUse,
}

/// A trust bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file is away, too long, open to writers, or not a regular file.
    #[error("trust bundle cannot be read")]
    File(#[from] FileError),
    /// The text is neither a JWK Set nor a JWK.
    #[error("trust bundle is no jwk set")]
    NotAKeySet(#[source] StrictJsonError),
    /// `keys` is no list, or a key is no object.
    #[error("trust bundle is no list of jwks")]
    NotAnObject,
    /// An Ed25519 key lacks `kid` or a readable `x`.
    #[error("key of the trust bundle lacks kid or x")]
    Incomplete,
    /// A key of small order.
    #[error("key of the trust bundle is weak: {0}")]
    Weak(KeyId),
    /// A key ends at no time: one that never ends would be trusted longer than its writer meant.
    #[error("not_after of a key of the trust bundle is not a time in seconds: {0}")]
    NotAfter(KeyId),
    /// `spiffe_sequence` does not count.
    #[error("spiffe_sequence of the trust bundle is not a whole number")]
    Sequence,
    /// A private key has no place in a bundle that is handed around.
    #[error("trust bundle contains a private key")]
    Private,
    /// A `kid` is claimed twice.
    #[error("trust bundle contradicts itself")]
    Conflict(#[source] KeyRingError),
}

#[derive(Serialize)]
struct Written {
    keys: Vec<Jwk>,
    #[serde(rename = "spiffe_sequence", skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

#[derive(Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: String,
    principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<u64>,
}

/// SPIFFE Trust Domain and Bundle, section 4.1.1.
const SEQUENCE: &str = "spiffe_sequence";

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn read(keys: &str) -> Result<Bundle, BundleError> {
        Bundle::from_json(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
    }

    #[cfg(unix)]
    #[test]
    fn bundle_is_a_regular_file_of_bounded_length() {
        let path = std::env::temp_dir().join(format!("kest-bundle-{}", std::process::id()));
        let mut text = Bundle::to_json(&KeyRing::new()).unwrap();
        std::fs::write(&path, &text).unwrap();
        assert_eq!(Bundle::from_file(&path).unwrap().ring().keys().count(), 0);
        text.extend(std::iter::repeat_n(' ', 1024 * 1024));
        std::fs::write(&path, &text).unwrap();
        let long = Bundle::from_file(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(long, Err(BundleError::File(FileError::TooLong(_)))), "{long:?}");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let pipe = Bundle::from_file(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(pipe, Err(BundleError::File(FileError::NotAFile))), "{pipe:?}");
    }

    #[test]
    fn key_without_principal_signs_for_its_kid_and_other_types_are_skipped() {
        let bundle = read(&format!(
            r#"{{"kty":"RSA","n":"x","e":"AQAB","kid":"r"}},{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","kid":"cart"}}"#
        ))
        .unwrap();
        assert!(bundle.ring().knows(&WorkloadId::new("cart").unwrap()));
        assert_eq!(bundle.skipped(), [SkipReason::OtherType]);
        let again = Bundle::from_json(Bundle::to_json(bundle.ring()).unwrap().as_bytes()).unwrap();
        assert_eq!(again.ring().keys().count(), 1);
    }

    #[test]
    fn kid_claimed_by_two_principals_is_an_error() {
        let key = |principal| {
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","kid":"k","principal":"{principal}"}}"#)
        };
        let read = read(&format!("{},{}", key("a"), key("b")));
        assert!(matches!(read, Err(BundleError::Conflict(KeyRingError::KeyIdOfTwoWorkloads(_)))));
    }

    #[test]
    fn kid_of_two_keys_and_a_fifth_key_are_errors_and_the_same_key_twice_is_not() {
        use crate::random::OsRandom;
        use crate::signature::Ed25519Signer;
        let cart = || WorkloadId::new("cart").unwrap();
        let fresh = || Ed25519Signer::generate(cart(), &OsRandom).unwrap().public_key().clone();
        let id = |name: &str| KeyId::new(name).unwrap();
        let mut ring = KeyRing::new();
        let first = fresh();
        ring.trust(cart(), id("1"), first.clone()).unwrap();
        assert_eq!(ring.trust(cart(), id("1"), first), Ok(()));
        assert_eq!(ring.trust(cart(), id("1"), fresh()), Err(KeyRingError::KeyIdOfTwoKeys(id("1"))));
        for name in ["2", "3", "4"] {
            ring.trust(cart(), id(name), fresh()).unwrap();
        }
        assert_eq!(ring.trust(cart(), id("5"), fresh()), Err(KeyRingError::TooManyKeys(cart())));
        assert_eq!(ring.keys().count(), 4);
    }

    #[test]
    fn end_and_sequence_are_read_and_written() {
        let text = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","kid":"k","principal":"cart","not_after":1000}}],"spiffe_sequence":7}}"#
        );
        let bundle = Bundle::from_json(text.as_bytes()).unwrap();
        assert_eq!(bundle.sequence(), Some(7));
        assert_eq!(
            bundle.ring().not_after(&KeyId::new("k").unwrap()).map(NotAfter::unix_seconds),
            Some(1000)
        );
        assert_eq!(Bundle::to_json_numbered(bundle.ring(), Some(7)).unwrap(), text);
    }

    /// A bundle is the same however its writer spelled it, and another as soon as a key ends at another time.
    #[test]
    fn digest_is_that_of_the_keys_in_the_one_spelling() {
        let key = format!(r#""kty":"OKP","crv":"Ed25519","x":"{GOOD}","kid":"k","principal":"cart""#);
        let digest = |key: &str| Bundle::digest(read(&format!("{{{key}}}")).unwrap().ring()).unwrap();
        let written = format!("{{\"keys\":[{{{key}}}]}}\n");
        assert_eq!(digest(&key), EntryHash::of_bytes(written.as_bytes()));
        assert_eq!(digest(&format!(r#" "use": "sig", {key}"#)), digest(&key));
        assert_ne!(digest(&format!(r#"{key},"not_after":1000"#)), digest(&key));
    }

    #[test]
    fn end_that_is_no_time_does_not_make_a_key_without_end() {
        for end in [r#""1000""#, "-1", "1.5", "1795000000000", "null", "[]"] {
            let read =
                read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","kid":"k","not_after":{end}}}"#));
            assert!(matches!(read, Err(BundleError::NotAfter(_))), "{end}");
        }
        for sequence in [r#""7""#, "-1", "1.5", "null"] {
            let text = format!(r#"{{"keys":[],"spiffe_sequence":{sequence}}}"#);
            assert!(matches!(Bundle::from_json(text.as_bytes()), Err(BundleError::Sequence)), "{sequence}");
        }
    }

    #[test]
    fn arrays_in_place_of_objects_are_errors_and_encryption_keys_are_skipped() {
        let array = format!(r#"["OKP","Ed25519","{GOOD}",null,"k","a"]"#);
        assert!(matches!(read(&array), Err(BundleError::NotAnObject)));
        assert!(matches!(Bundle::from_json(br#"{"keys":{}}"#), Err(BundleError::NotAnObject)));
        let skipped =
            read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","kid":"k","use":"enc"}}"#)).unwrap();
        assert_eq!(skipped.skipped(), [SkipReason::OtherUse]);
        assert_eq!(skipped.ring().keys().count(), 0);
    }

    #[test]
    fn weak_and_private_keys_are_errors() {
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        assert!(matches!(
            read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{zero}","kid":"k"}}"#)),
            Err(BundleError::Weak(_))
        ));
        for d in ["null", r#""AAAA""#] {
            let private = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","d":{d},"kid":"k"}}"#);
            assert!(matches!(read(&private), Err(BundleError::Private)));
        }
    }
}
