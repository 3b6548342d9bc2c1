//! The key that a deployment's claims are sealed with: 32 bytes, a name, and nothing that shows them.

use std::fmt;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use kest_core::signature::KeyId;
use kest_core::{Random, RandomError};
use zeroize::Zeroizing;

use super::jwe::{CONTENT_KEY_BYTES, Unsealable, WRAPPED_KEY_BYTES};

/// Wraps the keys of single claims (AES Key Wrap, RFC 3394); its own bytes are wiped when it goes.
///
/// It never encrypts a passport itself, so there is no number of claims after which it must be changed.
pub struct SealingKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    /// The key of these bytes, named `id` wherever it is used.
    #[must_use]
    pub fn new(id: KeyId, bytes: &[u8; 32]) -> Self {
        Self { id, bytes: Zeroizing::new(*bytes) }
    }

    /// A fresh key.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when no random bytes can be had.
    pub fn generate(id: KeyId, random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random.fill(bytes.as_mut())?;
        Ok(Self { id, bytes })
    }

    /// The name that stands in the header of what it sealed.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(super) fn wrap(
        &self,
        content_key: &[u8; CONTENT_KEY_BYTES],
    ) -> Result<[u8; WRAPPED_KEY_BYTES], Unsealable> {
        let mut wrapped = [0; WRAPPED_KEY_BYTES];
        self.cipher()?.wrap(content_key, &mut wrapped).map_err(|_cause| Unsealable::Cipher)?;
        Ok(wrapped)
    }

    /// The key that lies in `wrapped`; `None` when it was wrapped with another one or changed since.
    pub(super) fn unwrap(
        &self,
        wrapped: &[u8; WRAPPED_KEY_BYTES],
    ) -> Option<Zeroizing<[u8; CONTENT_KEY_BYTES]>> {
        let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
        self.cipher().ok()?.unwrap(wrapped, content_key.as_mut()).ok()?;
        Some(content_key)
    }

    fn cipher(&self) -> Result<AesKek, Unsealable> {
        AesKek::new(&AES_256, self.bytes.as_ref()).map_err(|_cause| Unsealable::Cipher)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}
