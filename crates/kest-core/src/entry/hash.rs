//! Names an entry by the SHA-256 of its compact form.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// SHA-256 over all bytes of an entry's compact JWS: what the next entry calls its parent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryHash([u8; 32]);

impl EntryHash {
    /// The hash of the compact JWS `compact`.
    #[must_use]
    pub fn of(compact: &str) -> Self {
        Self::of_bytes(compact.as_bytes())
    }

    /// The hash of any bytes, such as the input of an operation.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The wire form: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// Hashes bytes as they come, such as the body of an answer while it is streamed.
#[derive(Debug, Clone, Default)]
pub struct ContentHasher(Sha256);

impl ContentHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes.
    #[must_use]
    pub fn finish(self) -> EntryHash {
        EntryHash(self.0.finalize().into())
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EntryHash({self})")
    }
}

impl FromStr for EntryHash {
    type Err = HashError;

    /// Reads exactly 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, HashError> {
        bytes_of(text).map(Self).ok_or(HashError)
    }
}

/// A text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hash is not 64 lower-case hexadecimal digits")]
pub struct HashError;

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
    text
}

/// The bytes that exactly so many lower-case hexadecimal digits stand for.
pub(super) fn bytes_of<const COUNT: usize>(digits: &str) -> Option<[u8; COUNT]> {
    if digits.len() != 2 * COUNT {
        return None;
    }
    let mut bytes = [0_u8; COUNT];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_come_in_parts_have_the_hash_of_the_whole() {
        let mut hasher = ContentHasher::default();
        hasher.update(b"a.b");
        hasher.update(b"");
        hasher.update(b".c");
        assert_eq!(hasher.finish(), EntryHash::of("a.b.c"));
    }

    #[test]
    fn hexadecimal_form_round_trips_and_upper_case_is_refused() {
        let hash = EntryHash::of("a.b.c");
        assert_eq!(hash.to_hex().parse(), Ok(hash));
        assert_eq!(hash.to_hex().to_uppercase().parse::<EntryHash>(), Err(HashError));
        assert_eq!("0".parse::<EntryHash>(), Err(HashError));
    }
}
