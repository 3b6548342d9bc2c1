//! JWE Compact Serialization (RFC 7516 section 7.1) of one claim, written and opened.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::passport::Tips;
use kest_core::{Limits, Random, RandomError};
use zeroize::Zeroizing;

use super::{HEADER_BYTES, Protected, Sealing, SealingKey, Usage, longest_claim};
use crate::restore::RestoreError;
use crate::store::ClaimCheck;

pub(super) const CONTENT_KEY_BYTES: usize = 32;
/// RFC 3394 section 2.2.1: eight bytes more than what is wrapped.
pub(super) const WRAPPED_KEY_BYTES: usize = 40;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

/// Seals `passport` for the readers that `sealing` names, bound to `claim` and `tips` until `expires`.
pub(crate) fn seal(
    passport: Vec<u8>,
    (claim, tips): (&ClaimCheck, &Tips),
    expires: u64,
    sealing: &Sealing,
    random: &dyn Random,
) -> Result<String, Unsealable> {
    let header = Protected {
        key_id: sealing.key().id().as_str().to_owned(),
        audiences: sealing.readers().iter().map(|reader| reader.as_str().to_owned()).collect(),
        expires,
        claim: *claim,
        tips: tips.clone(),
        usage: sealing.usage(),
    };
    let header = header.to_json().map_err(|_cause| Unsealable::Header)?;
    if header.len() > HEADER_BYTES {
        return Err(Unsealable::Header);
    }
    encrypt(&header, passport, sealing.key(), random)
}

/// Encrypts `passport` under `header` (RFC 7516 section 5.1).
fn encrypt(
    header: &[u8],
    mut passport: Vec<u8>,
    key: &SealingKey,
    random: &dyn Random,
) -> Result<String, Unsealable> {
    // Steps 2 and 9: a content key and an initialization vector of its own for each.
    let mut content_key = Zeroizing::new([0_u8; CONTENT_KEY_BYTES]);
    random.fill(content_key.as_mut())?;
    let mut nonce = [0_u8; NONCE_BYTES];
    random.fill(&mut nonce)?;
    let wrapped = key.wrap(&content_key)?;
    let mut text = URL_SAFE_NO_PAD.encode(header);
    // Step 14: the associated data are the ASCII bytes of the encoded header.
    let tag = cipher(&content_key)
        .ok_or(Unsealable::Cipher)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(text.as_bytes()),
            &mut passport,
        )
        .map_err(|_cause| Unsealable::Cipher)?;
    text.reserve_exact(passport.len().div_ceil(3).saturating_mul(4).saturating_add(128));
    for part in [&wrapped[..], &nonce, &passport, tag.as_ref()] {
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut text);
    }
    Ok(text)
}

/// What lay in a sealed claim, once everything held.
pub(crate) struct Opened {
    pub(crate) passport: Vec<u8>,
    pub(crate) tips: Tips,
    pub(crate) usage: Usage,
}

/// Opens `sealed`, which the store gave for `claim`; with the `announced` tips, or its own where none were.
///
/// `now_millis` is unix time.
pub(crate) fn open(
    sealed: &[u8],
    (claim, announced): (&ClaimCheck, Option<&Tips>),
    now_millis: u64,
    sealing: &Sealing,
    limits: &Limits,
) -> Result<Opened, RestoreError> {
    let malformed = || RestoreError::ClaimCheckSealMalformed;
    if sealed.len() > longest_claim(limits) {
        return Err(malformed());
    }
    let parts = Parts::of(sealed).ok_or_else(malformed)?;
    let header = parts.header(limits).ok_or_else(malformed)?;
    let (wrapped, nonce) = (parts.wrapped_key().ok_or_else(malformed)?, parts.nonce().ok_or_else(malformed)?);
    let mut passport = parts.ciphertext_and_tag().ok_or_else(malformed)?;

    let key = sealing.key_named(&header.key_id).ok_or(RestoreError::ClaimCheckKeyUnknown)?;
    let content_key = key.unwrap(&wrapped).ok_or(RestoreError::ClaimCheckSealBroken)?;
    let length = cipher(&content_key)
        .and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            Some(cipher.open_in_place(nonce, Aad::from(parts.header), &mut passport).ok()?.len())
        })
        .ok_or(RestoreError::ClaimCheckSealBroken)?;
    passport.truncate(length);

    if header.claim != *claim {
        return Err(RestoreError::ClaimCheckSwapped);
    }
    if announced.is_some_and(|announced| *announced != header.tips) {
        return Err(RestoreError::ClaimCheckOfAnotherLineage);
    }
    if !header.audiences.iter().any(|audience| audience == sealing.name().as_str()) {
        return Err(RestoreError::ClaimCheckOfAnotherAudience);
    }
    // RFC 7519 section 4.1.4: on or after this time it must not be accepted.
    if header.expires.saturating_mul(1000) <= now_millis {
        return Err(RestoreError::ClaimCheckSealExpired);
    }
    Ok(Opened { passport, tips: header.tips, usage: header.usage })
}

fn cipher(content_key: &[u8; CONTENT_KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, content_key).ok().map(LessSafeKey::new)
}

/// The five parts, still encoded.
struct Parts<'text> {
    header: &'text [u8],
    wrapped_key: &'text [u8],
    nonce: &'text [u8],
    ciphertext: &'text [u8],
    tag: &'text [u8],
}

impl<'text> Parts<'text> {
    fn of(text: &'text [u8]) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b'.');
        let five = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let [header, wrapped_key, nonce, ciphertext, tag] = parts.next().is_none().then_some(five)?;
        Some(Self { header, wrapped_key, nonce, ciphertext, tag })
    }

    fn header(&self, limits: &Limits) -> Option<Protected> {
        if self.header.len() > HEADER_BYTES.div_ceil(3).saturating_mul(4) {
            return None;
        }
        Protected::from_json(&URL_SAFE_NO_PAD.decode(self.header).ok()?, limits)
    }

    fn wrapped_key(&self) -> Option<[u8; WRAPPED_KEY_BYTES]> {
        exactly(self.wrapped_key)
    }

    fn nonce(&self) -> Option<[u8; NONCE_BYTES]> {
        exactly(self.nonce)
    }

    fn ciphertext_and_tag(&self) -> Option<Vec<u8>> {
        let tag: [u8; TAG_BYTES] = exactly(self.tag)?;
        let mut bytes = Vec::with_capacity(self.ciphertext.len() / 4 * 3 + 3 + TAG_BYTES);
        URL_SAFE_NO_PAD.decode_vec(self.ciphertext, &mut bytes).ok()?;
        bytes.extend_from_slice(&tag);
        Some(bytes)
    }
}

/// The `N` bytes that `text` stands for, in the only spelling that they have.
fn exactly<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
}

/// A claim was not sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsealable {
    #[error("no random bytes for a seal")]
    Random(#[from] RandomError),
    #[error("header of the seal is over the limit")]
    Header,
    #[error("cipher refused to seal")]
    Cipher,
}

#[cfg(test)]
#[path = "../tests/seal.rs"]
mod tests;
