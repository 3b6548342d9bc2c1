//! Tier 2: the JSON array through zlib (RFC 1950) and base64url.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use kest_core::Limits;

use crate::member::PASSPORT_Z;
use crate::restore::RestoreError;

/// The member, if it fits into `room` bytes and a reader with our limits would open it.
pub(crate) fn write(json: &str, room: usize, limits: &Limits) -> Option<String> {
    let digits = room.checked_sub(PASSPORT_Z.len() + 1)?;
    if json.len() > limits.inflated_bytes {
        return None;
    }
    // The output has no more room than the header: what does not fit is given up early, not cut afterwards.
    let mut packed = Vec::with_capacity(digits / 4 * 3 + digits % 4 * 3 / 4);
    let status = Compress::new(LEVEL, true).compress_vec(json.as_bytes(), &mut packed, FlushCompress::Finish);
    let whole = matches!(status, Ok(Status::StreamEnd));
    if !whole || json.len() > packed.len().saturating_mul(limits.inflate_ratio) {
        return None;
    }
    let mut member = String::with_capacity(room);
    member.push_str(PASSPORT_Z);
    member.push('=');
    BASE64.encode_string(&packed, &mut member);
    (member.len() <= room).then_some(member)
}

/// The JSON array in `text`, inflated within the limits.
pub(crate) fn read(text: impl AsRef<[u8]>, limits: &Limits) -> Result<Vec<u8>, RestoreError> {
    let packed = BASE64.decode(&text).map_err(|_cause| RestoreError::NotBase64)?;
    // It may be as long as a header can be, and what it inflates to is longer.
    drop(text);
    inflate(&packed, limits)
}

/// Inflates `packed` and never holds more than the limit and one byte.
fn inflate(packed: &[u8], limits: &Limits) -> Result<Vec<u8>, RestoreError> {
    let most = limits.inflated_bytes.min(packed.len().saturating_mul(limits.inflate_ratio));
    let mut inflater = Decompress::new(true);
    let mut json = Vec::with_capacity(packed.len().saturating_mul(4).min(most) + 1);
    loop {
        let (consumed, before) = (inflater.total_in(), json.len());
        let rest =
            usize::try_from(consumed).ok().and_then(|consumed| packed.get(consumed..)).unwrap_or_default();
        let status = inflater
            .decompress_vec(rest, &mut json, FlushDecompress::None)
            .map_err(|_cause| RestoreError::NotZlib)?;
        if json.len() > most {
            return Err(RestoreError::TooLarge(json.len()));
        }
        if status == Status::StreamEnd {
            break;
        }
        if json.len() < json.capacity() && json.len() == before && inflater.total_in() == consumed {
            return Err(RestoreError::NotZlib);
        }
        if json.len() == json.capacity() {
            let more = json.len().max(1024).min(most + 1 - json.len());
            json.reserve_exact(more);
        }
    }
    // RFC 1950 section 2.2: the checksum ends the stream, and nothing of ours follows it.
    let whole = usize::try_from(inflater.total_in()) == Ok(packed.len());
    whole.then_some(json).ok_or(RestoreError::NotZlib)
}

/// Level 1 gives much longer members, level 6 takes twice as long for 2 %.
const LEVEL: Compression = Compression::new(2);

/// Written without padding, read with and without; never with stray bits behind the last digit.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
#[path = "../tests/compressed.rs"]
mod tests;
