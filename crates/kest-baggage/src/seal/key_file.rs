//! Sealing keys as JWKs (RFC 7517), in texts and in private files.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::{KeyId, PrivateFileError, read_private_file};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::SealingKey;
use super::header::ALGORITHM;

impl SealingKey {
    /// Reads a symmetric JWK (RFC 7518 section 6.4) from a file.
    ///
    /// # Errors
    ///
    /// [`SealingKeyError`]; on Unix also when others may read the file ([`read_private_file`]).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SealingKeyError> {
        Self::from_jwk(&read_private_file(path.as_ref(), KEY_FILE_BYTES)?)
    }

    /// Reads a symmetric JWK: `{"kty":"oct","alg":"A256KW","kid":"2026-01","k":"..."}`.
    ///
    /// `alg` must be there and say so (RFC 7517 section 4.4): a key that something else uses too seals nothing.
    ///
    /// # Errors
    ///
    /// [`SealingKeyError::NotASealingKey`] for any other text.
    pub fn from_jwk(text: &str) -> Result<Self, SealingKeyError> {
        let jwk: Jwk = serde_json::from_str(text).map_err(|_cause| SealingKeyError::NotASealingKey)?;
        if jwk.kty != "oct" || jwk.alg != ALGORITHM {
            return Err(SealingKeyError::NotASealingKey);
        }
        let id = KeyId::new(jwk.kid.as_str()).map_err(|_cause| SealingKeyError::NotASealingKey)?;
        let mut bytes = Zeroizing::new([0_u8; 32]);
        match URL_SAFE_NO_PAD.decode_slice(jwk.k.as_bytes(), bytes.as_mut()) {
            Ok(32) => Ok(Self::new(id, &bytes)),
            Ok(_) | Err(_) => Err(SealingKeyError::NotASealingKey),
        }
    }

    /// The JWK, wiped when dropped: for writing a key file, never for logs.
    ///
    /// # Errors
    ///
    /// Only when JSON cannot be written, which does not happen for texts.
    pub fn to_jwk(&self) -> Result<Zeroizing<String>, serde_json::Error> {
        let jwk = Jwk {
            kty: "oct".into(),
            alg: ALGORITHM.into(),
            kid: self.id().as_str().into(),
            k: URL_SAFE_NO_PAD.encode(self.bytes()),
        };
        serde_json::to_string(&jwk).map(Zeroizing::new)
    }
}

/// A sealing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// The file cannot be read, or others can read it too.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The text is no symmetric JWK for `A256KW` with `kid` and 32 bytes of `k`.
    #[error("text is no jwk of 256 bits for a256kw")]
    NotASealingKey,
}

/// A symmetric JWK; dropped wiped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Jwk {
    kty: String,
    alg: String,
    kid: String,
    k: String,
}

/// A longer file is not a key file.
const KEY_FILE_BYTES: usize = 4 * 1024;

#[cfg(test)]
#[path = "../tests/key_file.rs"]
mod tests;
