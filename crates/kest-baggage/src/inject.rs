//! Merges a packed passport into the baggage that already stands on an outgoing request.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use kest_core::Limits;

use crate::header::{AROUND_VALUE, BAGGAGE};
use crate::member::{Arrays, Members};
use crate::pack::{Cut, PackedHeader};

impl PackedHeader {
    /// Puts the members on a request, as one `baggage` line.
    ///
    /// Other people's members stay as they are, byte for byte and in order; every `kest.*` member that already stands
    /// there goes, however it is spelled. Where all of it together would be over the limit, `kest.task`, `kest.agent` and `kest.user` are
    /// left out, in this order; the passport and its tips never are.
    ///
    /// # Errors
    ///
    /// [`InjectError`] when passport and foreign members do not fit together; the headers are as they were then, and
    /// the request must not be sent.
    pub fn inject(&self, headers: &mut HeaderMap, limits: &Limits) -> Result<(), InjectError> {
        let foreign = Foreign::of(headers);
        let ours = match self.cuts() {
            [] => Bytes::new(),
            [essential, courtesies @ ..] => {
                foreign.admit(*essential, limits)?;
                let whole = courtesies.iter().rfind(|cut| foreign.admit(**cut, limits).is_ok());
                self.up_to(*whole.unwrap_or(essential))
            }
        };
        let text = match (foreign.text.is_empty(), ours.is_empty()) {
            (true, true) => {
                headers.remove(BAGGAGE);
                return Ok(());
            }
            (true, false) => ours,
            (false, true) => foreign.text.into(),
            (false, false) => [&foreign.text[..], b",", &ours].concat().into(),
        };
        let mut value = HeaderValue::from_maybe_shared(text).map_err(|_cause| InjectError::NotWritable)?;
        // A lineage belongs into no debug print, and what differs on every request into no HPACK table.
        value.set_sensitive(!self.cuts().is_empty());
        headers.try_insert(BAGGAGE, value).map_err(|_cause| InjectError::NotWritable)?;
        Ok(())
    }
}

/// Removes every `kest.*` member from `headers`, however it is spelled; other people's members stay as they are, byte for byte and in order.
///
/// What came in is in the arrival when it held; what did not hold must not be forwarded by code that copies headers.
pub fn strip(headers: &mut HeaderMap) {
    let foreign = Foreign::of(headers);
    if foreign.ours == 0 {
        return;
    }
    match HeaderValue::from_maybe_shared(Bytes::from(foreign.text)) {
        Ok(value) if foreign.members > 0 => headers.insert(BAGGAGE, value),
        Ok(_) | Err(_) => headers.remove(BAGGAGE),
    };
}

/// The members that are not ours, joined, and how many they are; beside them, how many are ours.
#[derive(Default)]
struct Foreign {
    text: Vec<u8>,
    members: usize,
    ours: usize,
}

impl Foreign {
    fn of(headers: &HeaderMap) -> Self {
        let mut foreign = Self::default();
        for line in headers.get_all(BAGGAGE) {
            // Also a raw array is cut out whole, so that none of its pieces passes for a foreign member.
            for member in Members::of(line.as_bytes(), Arrays::Raw) {
                if !member.is_foreign() {
                    foreign.ours += 1;
                    continue;
                }
                if !foreign.text.is_empty() {
                    foreign.text.push(b',');
                }
                foreign.text.extend_from_slice(member.whole);
                foreign.members += 1;
            }
        }
        foreign
    }

    fn admit(&self, cut: Cut, limits: &Limits) -> Result<(), InjectError> {
        let comma = usize::from(!self.text.is_empty());
        let bytes = AROUND_VALUE + self.text.len() + comma + cut.bytes;
        let members = self.members + cut.members;
        if bytes > limits.outgoing_header_bytes {
            Err(InjectError::TooLong(bytes))
        } else if members > limits.outgoing_members {
            Err(InjectError::TooManyMembers(members))
        } else {
            Ok(())
        }
    }
}

/// A passport does not fit beside the members that are already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    /// More than `Limits::outgoing_header_bytes`.
    #[error("outgoing baggage line would be {0} bytes, over the limit")]
    TooLong(usize),
    /// More than `Limits::outgoing_members`.
    #[error("outgoing baggage would have too many members: {0}")]
    TooManyMembers(usize),
    /// The headers take no further line.
    #[error("outgoing headers take no further line")]
    NotWritable,
}

#[cfg(test)]
#[path = "tests/inject.rs"]
mod tests;
