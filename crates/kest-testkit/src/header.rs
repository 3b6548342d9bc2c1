//! The pieces of a `baggage` header, put together as they are, whether they hold or not.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::entry::EntryHash;

use crate::fail::OrFail as _;

/// The JSON array of these compact entries.
///
/// # Panics
///
/// Never for texts: JSON can spell all of them.
#[must_use]
#[track_caller]
pub fn array(entries: &[String]) -> String {
    serde_json::to_string(entries).or_fail("an array of texts")
}

/// A header with `entries` in it, as they are where they are short and compressed otherwise, announcing `tip`.
///
/// # Panics
///
/// As [`compressed`].
#[must_use]
#[track_caller]
pub fn baggage(entries: &[String], tip: &str) -> String {
    let inline = inline(entries, tip);
    if inline.len() <= LONGEST_INLINE { inline } else { compressed(entries, tip) }
}

/// A header with `entries` inline, announcing `tip`.
///
/// # Panics
///
/// As [`array()`].
#[must_use]
#[track_caller]
pub fn inline(entries: &[String], tip: &str) -> String {
    format!("kest.passport={},kest.chain_tip={}", escape(&array(entries)), escape(tip))
}

/// A header with `entries` compressed, announcing `tip`.
///
/// # Panics
///
/// As [`array()`] and [`deflate`].
#[must_use]
#[track_caller]
pub fn compressed(entries: &[String], tip: &str) -> String {
    format!("kest.passport_z={},kest.chain_tip={}", deflate(array(entries).as_bytes()), escape(tip))
}

/// base64url of a zlib stream over `bytes`.
///
/// # Panics
///
/// When memory ends.
#[must_use]
#[track_caller]
pub fn deflate(bytes: &[u8]) -> String {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).or_fail("a zlib stream");
    URL_SAFE_NO_PAD.encode(encoder.finish().or_fail("a zlib stream"))
}

/// The hash of the last entry: the honest tip of a chain. `0` for none.
#[must_use]
pub fn tip(entries: &[String]) -> String {
    entries.last().map_or_else(|| "0".to_owned(), |entry| EntryHash::of(entry).to_hex())
}

/// Percent-encodes everything but unreserved characters.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Servers bound a header line at 8 KiB as a rule.
const LONGEST_INLINE: usize = 8000;
