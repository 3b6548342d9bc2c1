//! Seals a claim so that a writer of the store can neither exchange nor read it.
//!
//! A sealed value is a JWE in compact form (RFC 7516): the passport encrypted under a key of its own, that key wrapped
//! with the deployment's, and a protected header that says whom it is for. The header is the associated data of the
//! encryption, so that nothing in it can be changed either.

mod header;
mod jwe;
mod key;
mod key_file;
mod sealing;

pub(crate) use header::{Protected, Usage};
pub(crate) use jwe::{Unsealable, open, seal};
pub use key::SealingKey;
pub use key_file::SealingKeyError;
pub(crate) use sealing::PlainValues;
pub use sealing::{Audience, AudienceError, Sealing, SealingError};

use kest_core::Limits;

/// The longest value that a passport store is given under `limits`: a sealed passport of `Limits::passport_bytes`.
///
/// A store that bounds its values must take this many bytes.
#[must_use]
pub fn longest_claim(limits: &Limits) -> usize {
    let encoded = |bytes: usize| bytes.div_ceil(3).saturating_mul(4);
    let parts = [HEADER_BYTES, jwe::WRAPPED_KEY_BYTES, jwe::NONCE_BYTES, jwe::TAG_BYTES];
    let around: usize = parts.into_iter().map(encoded).sum();
    encoded(limits.passport_bytes).saturating_add(around).saturating_add(4)
}

/// Bytes of a protected header before encoding: 32 tips, 8 audiences and a key id at their longest take five eighths.
const HEADER_BYTES: usize = 8 * 1024;
