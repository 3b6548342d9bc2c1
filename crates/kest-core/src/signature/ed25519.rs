//! Ed25519 (RFC 8032) keys and signatures, and the signer that keeps its key in memory.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, Verifier as _, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::private_file::{PrivateFileError, read_private_file};
use super::{KeyId, Sign, SignatureCheck, SignerError, SigningKey, WorkloadId};
use crate::random::{Random, RandomError};

/// A longer file is not a private key file.
const KEY_FILE_BYTES: usize = 16 * 1024;

/// A public key that is a proper Ed25519 point; parsed once, kept for every verification.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032 section 5.1.5.
    ///
    /// # Errors
    ///
    /// [`WeakKey`] when they are no point, or one of small order: under such a key anything can be signed.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, WeakKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_cause| WeakKey)?;
        if key.is_weak() { Err(WeakKey) } else { Ok(Self(key)) }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The name that the key has by itself: its JWK thumbprint (RFC 7638), which RFC 8037 appendix A.3 has an example of.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        use sha2::Digest as _;
        let x = URL_SAFE_NO_PAD.encode(self.as_bytes());
        // RFC 7638 section 3: SHA-256 of the required members in order of name.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(members.as_bytes()))
    }

    /// Whether `signature` is this key's over `message`, by the strict rules (no small-order components, canonical
    /// scalar), so that all verifiers agree.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        // As `verify_strict`, without the square root: R is compared as bytes with the canonical form of the point that it has
        // to be, so it is of small order exactly when its bytes are one of these. The key's own order was looked at when it
        // was read.
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        !SMALL_ORDER.contains(signature.r_bytes()) && self.0.verify(message, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

/// Bytes are not a public key that anything can be verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key is no ed25519 point of full order")]
pub struct WeakKey;

/// The 64 bytes of an Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// A signature of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signature(..)")
    }
}

/// Signs with a key in this process's memory; the key is wiped when the signer goes.
pub struct Ed25519Signer(Arc<Held>);

/// The key and its names; shared with entries that are being signed, never copied.
struct Held {
    workload: WorkloadId,
    key_id: KeyId,
    key: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl Ed25519Signer {
    /// A signer for `workload` from the 32-byte seed of RFC 8032 section 5.1.5.
    ///
    /// # Errors
    ///
    /// [`WeakKey`] if the seed gave a key that cannot be trusted; no known seed does.
    pub fn from_seed(workload: WorkloadId, key_id: KeyId, seed: &[u8; 32]) -> Result<Self, WeakKey> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey::from_bytes(key.verifying_key().as_bytes())?;
        Ok(Self(Arc::new(Held { workload, key_id, key, public })))
    }

    /// A fresh key, named by its thumbprint (RFC 7638).
    ///
    /// # Errors
    ///
    /// [`RandomError`] when no random bytes can be had.
    pub fn generate(workload: WorkloadId, random: &dyn Random) -> Result<Self, RandomError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        random.fill(seed.as_mut())?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        // Of full order: a clamped scalar (RFC 8032 section 5.1.5) is no multiple of the group's.
        let public = PublicKey(key.verifying_key());
        let key_id = KeyId::new(public.thumbprint()).map_err(RandomError::new)?;
        Ok(Self(Arc::new(Held { workload, key_id, key, public })))
    }

    /// A key that lives as long as this process: for development only, and it says so once in the log.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when no random bytes can be had.
    pub fn ephemeral(workload: WorkloadId, random: &dyn Random) -> Result<Self, RandomError> {
        static WARNED: std::sync::Once = std::sync::Once::new();
        WARNED.call_once(|| {
            tracing::warn!(
                "signing with an ephemeral key: entries cannot be verified after this process ends"
            );
        });
        Self::generate(workload, random)
    }

    /// Reads a private JWK (RFC 8037 section 2) with the extra member `principal` from a file.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`]; on Unix also when others may read the file ([`read_private_file`]).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        Self::from_jwk(&read_private_file(path.as_ref(), KEY_FILE_BYTES)?)
    }

    /// Reads a private JWK with the extra member `principal`.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] when it is no such JWK or its public half does not belong to its private half.
    pub fn from_jwk(text: &str) -> Result<Self, KeyFileError> {
        let jwk: PrivateJwk = serde_json::from_str(text).map_err(|_cause| KeyFileError::NotAPrivateJwk)?;
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return Err(KeyFileError::NotAPrivateJwk);
        }
        let mut seed = Zeroizing::new([0_u8; 32]);
        let read = URL_SAFE_NO_PAD.decode_slice(jwk.d.as_bytes(), seed.as_mut());
        if read != Ok(32) {
            return Err(KeyFileError::NotAPrivateJwk);
        }
        let workload = jwk.principal.as_deref().unwrap_or(&jwk.kid);
        let workload = WorkloadId::new(workload).map_err(|_cause| KeyFileError::NotAPrivateJwk)?;
        let key_id = KeyId::new(jwk.kid.as_str()).map_err(|_cause| KeyFileError::NotAPrivateJwk)?;
        let signer =
            Self::from_seed(workload, key_id, &seed).map_err(|_cause| KeyFileError::NotAPrivateJwk)?;
        if URL_SAFE_NO_PAD.encode(signer.public_key().as_bytes()) == jwk.x {
            Ok(signer)
        } else {
            Err(KeyFileError::Mismatch)
        }
    }

    /// The private JWK, wiped when dropped: for writing a key file, never for logs.
    ///
    /// # Errors
    ///
    /// Only when JSON cannot be written, which does not happen for texts.
    pub fn to_private_jwk(&self) -> Result<Zeroizing<String>, serde_json::Error> {
        let d = Zeroizing::new(URL_SAFE_NO_PAD.encode(Zeroizing::new(self.0.key.to_bytes())));
        let jwk = PrivateJwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: URL_SAFE_NO_PAD.encode(self.public_key().as_bytes()),
            d: d.to_string(),
            kid: self.key_id().as_str().into(),
            principal: Some(self.workload().as_str().into()),
        };
        serde_json::to_string(&jwk).map(Zeroizing::new)
    }

    /// The workload that the key belongs to.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.0.workload
    }

    /// The name of the key: the `kid` of what it signs.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.0.key_id
    }

    /// The public half, which verifiers must know.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ed25519Signer")
            .field("workload", &self.workload)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// A signer with one key for good.
impl Sign for Ed25519Signer {
    fn workload(&self) -> &WorkloadId {
        self.workload()
    }

    fn current(&self) -> Arc<dyn SigningKey> {
        Arc::<Held>::clone(&self.0)
    }
}

#[async_trait]
impl SigningKey for Held {
    fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn signature_check(&self) -> SignatureCheck {
        SignatureCheck::InProcess
    }

    async fn sign(&self, signing_input: &[u8]) -> Result<Signature, SignerError> {
        Ok(Signature(self.key.sign(signing_input).to_bytes()))
    }
}

#[async_trait]
impl SigningKey for Ed25519Signer {
    fn workload(&self) -> &WorkloadId {
        self.workload()
    }

    fn key_id(&self) -> &KeyId {
        self.key_id()
    }

    fn public_key(&self) -> &PublicKey {
        self.public_key()
    }

    fn signature_check(&self) -> SignatureCheck {
        self.0.signature_check()
    }

    async fn sign(&self, signing_input: &[u8]) -> Result<Signature, SignerError> {
        self.0.sign(signing_input).await
    }
}

/// A private key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read, or others can read it too.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The text is no private Ed25519 JWK with `kid` and `d`.
    #[error("key file is no private ed25519 jwk")]
    NotAPrivateJwk,
    /// `x` is not the public half of `d`.
    #[error("public half of the key file does not belong to its private half")]
    Mismatch,
}

/// A private JWK; dropped wiped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct PrivateJwk {
    kty: String,
    crv: String,
    x: String,
    d: String,
    kid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
}

/// The canonical encodings (RFC 8032 section 5.1.2) of the eight points whose order divides eight.
const SMALL_ORDER: [[u8; 32]; 8] = [
    filled(0x01, 0x00, 0x00),
    filled(0xec, 0xff, 0x7f),
    filled(0x00, 0x00, 0x00),
    negative(filled(0x00, 0x00, 0x00)),
    ORDER_EIGHT,
    negative(ORDER_EIGHT),
    OTHER_ORDER_EIGHT,
    negative(OTHER_ORDER_EIGHT),
];

const ORDER_EIGHT: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
    0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

const OTHER_ORDER_EIGHT: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
    0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];

const fn filled(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// The point with the same y and the other x.
const fn negative(mut point: [u8; 32]) -> [u8; 32] {
    point[31] |= 0x80;
    point
}

#[cfg(test)]
#[path = "tests/ed25519.rs"]
mod tests;
