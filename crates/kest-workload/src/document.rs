//! The trust bundle as an authority signs it: roots, keys of tokens and revocations, beside the keys of entries.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kest_core::BoxError;
use kest_core::signature::{Bundle, PublicKey, Signature};
use serde::Deserialize;

use crate::protocol::Revocation;

/// What a trust bundle says beside the keys of entries, which [`Bundle`] reads from the same text.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) sequence: u64,
    /// DER.
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) token_keys: BTreeMap<String, PublicKey>,
    pub(crate) revocations: Vec<Revocation>,
}

impl Document {
    /// Reads the payload of a trust bundle.
    pub(crate) fn read(text: &[u8]) -> Result<Self, DocumentError> {
        // Strict about doubled members, depth and weak keys, which what follows is not.
        Bundle::from_json(text).map_err(|cause| DocumentError::Malformed(cause.into()))?;
        let read: Read =
            serde_json::from_slice(text).map_err(|cause| DocumentError::Malformed(cause.into()))?;
        let (mut roots, mut token_keys) = (Vec::new(), BTreeMap::new());
        for key in read.keys {
            match key.purpose.as_deref() {
                Some("x509-svid") => roots.push(key.root().ok_or(DocumentError::Root)?),
                Some("jwt-svid") if key.crv.as_deref() == Some("Ed25519") => {
                    let (name, key) = key.token_key().ok_or(DocumentError::TokenKey)?;
                    if token_keys.insert(name, key).is_some() {
                        return Err(DocumentError::TokenKey);
                    }
                }
                Some(_) | None => {}
            }
        }
        if roots.is_empty() || token_keys.is_empty() {
            return Err(DocumentError::Nothing);
        }
        Ok(Self { sequence: read.sequence, roots, token_keys, revocations: read.revocations })
    }

    /// The payload of a bundle that one of `keys` signed.
    pub(crate) fn verify(jws: &str, keys: &BTreeMap<String, PublicKey>) -> Result<Vec<u8>, DocumentError> {
        let signed = Signed::read(jws)?;
        let key = keys.get(&signed.header.kid).ok_or(DocumentError::UnknownKey)?;
        if !key.verifies(signed.input.as_bytes(), &signed.signature) {
            return Err(DocumentError::Signature);
        }
        Ok(signed.payload)
    }

    /// The payload of a bundle that comes over a connection which proved the authority: it vouches for its own keys, and must
    /// be signed by one of them.
    pub(crate) fn first(jws: &str) -> Result<(Self, Vec<u8>), DocumentError> {
        let document = Self::read(&Signed::read(jws)?.payload)?;
        let payload = Self::verify(jws, &document.token_keys)?;
        Ok((document, payload))
    }
}

/// A compact JWS (RFC 7515 section 7.1), taken apart.
struct Signed<'text> {
    header: Header,
    input: &'text str,
    payload: Vec<u8>,
    signature: Signature,
}

impl<'text> Signed<'text> {
    fn read(jws: &'text str) -> Result<Self, DocumentError> {
        let (input, signature) = jws.rsplit_once('.').ok_or(DocumentError::NotSigned)?;
        let (header, payload) = input.split_once('.').ok_or(DocumentError::NotSigned)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_cause| DocumentError::NotSigned);
        let header: Header =
            serde_json::from_slice(&decoded(header)?).map_err(|_cause| DocumentError::NotSigned)?;
        if header.alg != "EdDSA" || header.typ != TYPE {
            return Err(DocumentError::NotSigned);
        }
        let bytes: [u8; 64] = decoded(signature)?.try_into().map_err(|_cause| DocumentError::NotSigned)?;
        Ok(Self { header, input, payload: decoded(payload)?, signature: Signature::from_bytes(bytes) })
    }
}

/// A member more, such as `crit` (RFC 7515 section 4.1.11) or a key, is refused: nothing of it would be heeded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Read {
    keys: Vec<Key>,
    #[serde(rename = "spiffe_sequence")]
    sequence: u64,
    #[serde(default)]
    revocations: Vec<Revocation>,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<String>,
    #[serde(default)]
    x5c: Vec<String>,
}

impl Key {
    fn root(&self) -> Option<Vec<u8>> {
        let [certificate] = self.x5c.as_slice() else { return None };
        STANDARD.decode(certificate).ok()
    }

    fn token_key(self) -> Option<(String, PublicKey)> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(self.x?, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        Some((self.kid?, PublicKey::from_bytes(&bytes).ok()?))
    }
}

/// A trust bundle is not one of the authority, or cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is no JWS of the type and algorithm of trust bundles.
    #[error("trust bundle is not signed as trust bundles are")]
    NotSigned,
    /// It is signed by a key that is not known.
    #[error("trust bundle is signed by an unknown key")]
    UnknownKey,
    /// The signature does not hold.
    #[error("signature of the trust bundle does not hold")]
    Signature,
    /// It is no JWK Set with a sequence.
    #[error("trust bundle is malformed")]
    Malformed(#[source] BoxError),
    /// A root cannot be read.
    #[error("root of the trust bundle cannot be read")]
    Root,
    /// A key of tokens cannot be read, or two have one name.
    #[error("key of tokens of the trust bundle cannot be read")]
    TokenKey,
    /// It has no root, or no key of tokens: after it nothing could be trusted.
    #[error("trust bundle has no root, or no key of tokens")]
    Nothing,
    /// It is older than the one in use.
    #[error("trust bundle is older than the one in use")]
    Older,
}

/// The `typ` of the JWS.
const TYPE: &str = "kest-bundle+jws";
