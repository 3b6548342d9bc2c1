//! Sealing keys as JWKs (RFC 7517), in texts and in files that nobody else may read.

use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::KeyId;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::SealingKey;
use super::header::ALGORITHM;

impl SealingKey {
    /// Reads a symmetric JWK (RFC 7518 section 6.4) from a file.
    ///
    /// # Errors
    ///
    /// [`SealingKeyError`]; on Unix also when group or others may read the file.
    pub fn from_jwk_file(path: &Path) -> Result<Self, SealingKeyError> {
        let mut file = std::fs::File::open(path).map_err(SealingKeyError::Read)?;
        refuse_readable_by_others(&file)?;
        let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_ROOM));
        file.by_ref().take(KEY_FILE_BYTES).read_to_string(&mut text).map_err(SealingKeyError::Read)?;
        Self::from_jwk(&text)
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
    /// The file cannot be read.
    #[error("sealing key file cannot be read")]
    Read(#[source] io::Error),
    /// Group or others may read it.
    #[error("sealing key file is open to group or others: its mode must be 0600 but is {0:o}")]
    Open(u32),
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

#[cfg(unix)]
fn refuse_readable_by_others(file: &std::fs::File) -> Result<(), SealingKeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().map_err(SealingKeyError::Read)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(SealingKeyError::Open(mode)) }
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_file: &std::fs::File) -> Result<(), SealingKeyError> {
    Ok(())
}

/// A key file longer than this is none.
const KEY_FILE_BYTES: u64 = 4 * 1024;

/// Room for all of it at once, so that no half of a key stays behind where the text grew.
const KEY_FILE_ROOM: usize = 4 * 1024;

#[cfg(test)]
#[path = "../tests/key_file.rs"]
mod tests;
