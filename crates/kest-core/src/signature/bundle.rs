//! Reads and writes trust bundles: JWK Sets (RFC 7517 section 5) of Ed25519 keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{KeyId, KeyRing, KeyRingError, PublicKey, WorkloadId};

/// A trust bundle that was read: the ring, and what was left out of it.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    ring: KeyRing,
    skipped: Vec<SkipReason>,
}

impl Bundle {
    /// Reads a JWK Set, or a single JWK, of any size that the caller accepts.
    ///
    /// Keys of other types are skipped and reported by [`skipped`](Self::skipped).
    ///
    /// # Errors
    ///
    /// [`BundleError`] when the text is no key set, a key is weak or private, or a `kid` is ambiguous.
    pub fn from_json(text: &[u8]) -> Result<Self, BundleError> {
        let set: Set = serde_json::from_slice(text).map_err(BundleError::NotAKeySet)?;
        let keys = match set {
            Set::Many { keys } => keys,
            Set::One(key) => vec![*key],
        };
        let mut bundle = Self::default();
        for key in keys {
            bundle.add(key)?;
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

    /// The JWK Set of `ring`, ordered by principal and `kid`.
    ///
    /// # Errors
    ///
    /// Only when JSON cannot be written, which does not happen for texts.
    pub fn to_json(ring: &KeyRing) -> Result<String, serde_json::Error> {
        let mut keys: Vec<Jwk> = ring
            .keys()
            .map(|(workload, key_id, key)| Jwk {
                kty: "OKP".into(),
                crv: Some("Ed25519".into()),
                x: Some(URL_SAFE_NO_PAD.encode(key.as_bytes())),
                d: None,
                kid: Some(key_id.as_str().into()),
                principal: Some(workload.as_str().into()),
            })
            .collect();
        keys.sort_by(|one, other| (&one.principal, &one.kid).cmp(&(&other.principal, &other.kid)));
        serde_json::to_string(&Written { keys })
    }

    fn add(&mut self, jwk: Jwk) -> Result<(), BundleError> {
        if jwk.kty != "OKP" || jwk.crv.as_deref() != Some("Ed25519") {
            self.skipped.push(SkipReason::OtherType);
            return Ok(());
        }
        if jwk.d.is_some() {
            return Err(BundleError::Private);
        }
        let kid = jwk.kid.ok_or(BundleError::Incomplete)?;
        let mut bytes = [0_u8; 32];
        let x = jwk.x.ok_or(BundleError::Incomplete)?;
        if URL_SAFE_NO_PAD.decode_slice(x.as_bytes(), &mut bytes) != Ok(32) {
            return Err(BundleError::Incomplete);
        }
        let workload = WorkloadId::new(jwk.principal.as_deref().unwrap_or(&kid))
            .map_err(|_cause| BundleError::Incomplete)?;
        let key_id = KeyId::new(kid).map_err(|_cause| BundleError::Incomplete)?;
        let key = PublicKey::from_bytes(&bytes).map_err(|_cause| BundleError::Weak(key_id.clone()))?;
        self.ring.trust(workload, key_id, key).map_err(BundleError::Conflict)
    }
}

/// Why a key of a bundle is not in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// Not an Ed25519 key: it cannot sign entries.
    OtherType,
}

/// A trust bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The text is neither a JWK Set nor a JWK.
    #[error("trust bundle is no jwk set")]
    NotAKeySet(#[source] serde_json::Error),
    /// An Ed25519 key lacks `kid` or a readable `x`.
    #[error("key of the trust bundle lacks kid or x")]
    Incomplete,
    /// A key of small order.
    #[error("key of the trust bundle is weak: {0}")]
    Weak(KeyId),
    /// A private key has no place in a bundle that is handed around.
    #[error("trust bundle contains a private key")]
    Private,
    /// A `kid` is claimed twice.
    #[error("trust bundle contradicts itself")]
    Conflict(#[source] KeyRingError),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Set {
    Many { keys: Vec<Jwk> },
    One(Box<Jwk>),
}

#[derive(Serialize)]
struct Written {
    keys: Vec<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    #[serde(skip_serializing)]
    d: Option<serde::de::IgnoredAny>,
    kid: Option<String>,
    principal: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn read(keys: &str) -> Result<Bundle, BundleError> {
        Bundle::from_json(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
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
    fn weak_and_private_keys_are_errors() {
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        assert!(matches!(
            read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{zero}","kid":"k"}}"#)),
            Err(BundleError::Weak(_))
        ));
        assert!(matches!(
            read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{GOOD}","d":"{zero}","kid":"k"}}"#)),
            Err(BundleError::Private)
        ));
    }
}
