//! Proofs of possession: what is signed, and how the one who is asked reads it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::protocol::{EntryKey, Proof};

impl Proof {
    /// The `typ` of its JWS.
    pub const TYPE: &str = "kest-proof+jwt";

    /// SHA-256 in base64url: what the members `csr` and `evidence` are made with.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
    }

    /// What is signed: header and payload of the compact JWS, with the dot between them.
    ///
    /// # Errors
    ///
    /// Only when JSON cannot be written, which does not happen for texts and numbers.
    pub fn signing_input(&self) -> Result<String, serde_json::Error> {
        let header = serde_json::to_vec(&Header { alg: ALGORITHM.into(), typ: Self::TYPE.into() })?;
        let payload = serde_json::to_vec(self)?;
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)))
    }

    /// The compact JWS, of [`signing_input`](Self::signing_input) and its signature.
    #[must_use]
    pub fn compact(signing_input: &str, signature: &Signature) -> String {
        format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
    }

    /// Reads a compact JWS that `key` signed. Its header has `alg` and `typ` and nothing else.
    ///
    /// Whether it was meant for this request is for the caller to compare.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when it is no proof, or not of this key.
    pub fn verify(jws: &str, key: &PublicKey) -> Result<Self, ProofError> {
        let (input, signature) = jws.rsplit_once('.').ok_or(ProofError::Malformed)?;
        let (header, payload) = input.split_once('.').ok_or(ProofError::Malformed)?;
        let mut bytes = [0; 64];
        if signature.len() != SIGNATURE_LETTERS
            || URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes) != Ok(bytes.len())
        {
            return Err(ProofError::Malformed);
        }
        let header: Header = decoded(header)?;
        if header.alg != ALGORITHM || header.typ != Self::TYPE {
            return Err(ProofError::Type);
        }
        if !key.verifies(input.as_bytes(), &Signature::from_bytes(bytes)) {
            return Err(ProofError::Signature);
        }
        decoded(payload)
    }
}

impl EntryKey {
    /// The JWK of a key, named by its thumbprint.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        Self { kty: "OKP".to_owned(), crv: "Ed25519".to_owned(), kid: thumbprint(&x), x }
    }

    /// The key, if this is an Ed25519 key that signs, under the name that it must have.
    ///
    /// # Errors
    ///
    /// [`EntryKeyError`] for another kind of key, one of small order, and any other name.
    pub fn public_key(&self) -> Result<PublicKey, EntryKeyError> {
        if self.kty != "OKP" || self.crv != "Ed25519" || self.x.len() != KEY_LETTERS {
            return Err(EntryKeyError::NotEd25519);
        }
        let mut bytes = [0; 32];
        if URL_SAFE_NO_PAD.decode_slice(&self.x, &mut bytes) != Ok(bytes.len()) {
            return Err(EntryKeyError::NotEd25519);
        }
        if self.kid != thumbprint(&self.x) {
            return Err(EntryKeyError::Name);
        }
        PublicKey::from_bytes(&bytes).map_err(|_weak| EntryKeyError::Weak)
    }
}

/// A proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// It is no compact JWS, or says less or more than a proof does.
    #[error("proof is malformed")]
    Malformed,
    /// It is of another type or algorithm.
    #[error("proof is of another type or algorithm")]
    Type,
    /// The key did not sign it.
    #[error("signature of the proof does not hold")]
    Signature,
}

/// A key cannot sign entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryKeyError {
    /// It is no Ed25519 key.
    #[error("entry key is no ed25519 key")]
    NotEd25519,
    /// Anyone can sign for it.
    #[error("entry key is weak")]
    Weak,
    /// Its name is not its thumbprint.
    #[error("entry key is not named by its thumbprint")]
    Name,
}

/// A member more, such as `crit` (RFC 7515 section 4.1.11), is refused: nothing of it would be heeded.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, ProofError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_cause| ProofError::Malformed)?;
    // Of a member that stands twice serde refuses the second one.
    serde_json::from_slice(&bytes).map_err(|_cause| ProofError::Malformed)
}

/// RFC 7638 section 3 and RFC 8037 appendix A.3: the required members, in the order of their names.
fn thumbprint(x: &str) -> String {
    Proof::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes())
}

/// RFC 8037 section 3.1.
const ALGORITHM: &str = "EdDSA";

/// 64 bytes in base64url without padding.
const SIGNATURE_LETTERS: usize = 86;

/// 32 bytes in base64url without padding.
const KEY_LETTERS: usize = 43;

#[cfg(test)]
mod tests {
    use kest_core::OsRandom;
    use kest_core::signature::{Ed25519Signer, SigningKey as _, WorkloadId};

    use super::*;

    async fn signed(signer: &Ed25519Signer, input: &str) -> String {
        Proof::compact(input, &signer.sign(input.as_bytes()).await.unwrap())
    }

    fn signer() -> Ed25519Signer {
        Ed25519Signer::generate(WorkloadId::new("spiffe://example.org/cart").unwrap(), &OsRandom).unwrap()
    }

    fn proof() -> Proof {
        Proof {
            aud: "spiffe://example.org".into(),
            iat: 7,
            csr: Proof::digest(b"csr"),
            evidence: String::new(),
            entry_key: "key".into(),
        }
    }

    #[tokio::test]
    async fn proof_of_its_key_is_read_and_of_another_key_is_not() {
        let (mine, other) = (signer(), signer());
        let jws = signed(&mine, &proof().signing_input().unwrap()).await;
        assert_eq!(Proof::verify(&jws, mine.public_key()), Ok(proof()));
        assert_eq!(Proof::verify(&jws, other.public_key()), Err(ProofError::Signature));
    }

    /// Attack: a token of the same key for something else, one without a signature, and one that asks for more than is heeded.
    #[tokio::test]
    async fn signature_for_another_purpose_proves_nothing() {
        let mine = signer();
        let payload = proof().signing_input().unwrap();
        let payload = payload.split_once('.').unwrap().1;
        for (header, expected) in [
            (r#"{"alg":"EdDSA","typ":"JWT"}"#, ProofError::Type),
            (r#"{"alg":"none","typ":"kest-proof+jwt"}"#, ProofError::Type),
            (r#"{"alg":"EdDSA"}"#, ProofError::Malformed),
            (r#"{"alg":"EdDSA","typ":"kest-proof+jwt","crit":["b64"]}"#, ProofError::Malformed),
            (r#"{"alg":"EdDSA","alg":"EdDSA","typ":"kest-proof+jwt"}"#, ProofError::Malformed),
        ] {
            let jws = signed(&mine, &format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header))).await;
            assert_eq!(Proof::verify(&jws, mine.public_key()), Err(expected), "{header}");
        }
        for jws in ["", ".", "..", "a.b", &format!("{payload}.{payload}.")] {
            assert_eq!(Proof::verify(jws, mine.public_key()), Err(ProofError::Malformed), "{jws}");
        }
    }

    /// The key and the thumbprint of RFC 8037 appendix A.
    #[test]
    fn key_is_named_by_the_thumbprint_of_the_standard() {
        let key = EntryKey {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
            kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".into(),
        };
        let read = key.public_key().unwrap();
        assert_eq!(EntryKey::of(&read), key);
        let renamed = EntryKey { kid: "cart".into(), ..key.clone() };
        assert_eq!(renamed.public_key(), Err(EntryKeyError::Name));
        let other = EntryKey { crv: "X25519".into(), ..key };
        assert_eq!(other.public_key(), Err(EntryKeyError::NotEd25519));
    }

    /// Attack: a key of small order, whose signatures all can make.
    #[test]
    fn weak_key_is_refused() {
        let x = URL_SAFE_NO_PAD.encode([0; 32]);
        let weak = EntryKey { kty: "OKP".into(), crv: "Ed25519".into(), kid: thumbprint(&x), x };
        assert_eq!(weak.public_key(), Err(EntryKeyError::Weak));
    }
}
