//! Checks that what is about to leave reads back as exactly what was packed.

use http::{HeaderMap, HeaderValue};
use kest_core::Limits;

use crate::header::{BAGGAGE, HeaderReader, ReadError};
use crate::member::{Arrays, Members};
use crate::pack::PackedHeader;

impl PackedHeader {
    /// Checks that a strict reader of `headers` finds this passport, in this tier and with these tips, and that nothing
    /// else of ours stands there in any spelling.
    ///
    /// For the last moment before a request is sent: whatever had its hands on the headers since
    /// [`inject`](Self::inject) cannot have exchanged the lineage unnoticed.
    ///
    /// # Errors
    ///
    /// [`NotAsPacked`]; the request must not be sent then.
    pub fn check(&self, headers: &HeaderMap, limits: &Limits) -> Result<(), NotAsPacked> {
        // The bytes that were packed and no others: there is nothing that a reader could take for anything else.
        if self.stands_alone_in(headers) {
            return Ok(());
        }
        // What we may send is not bounded by what we accept.
        let mut bounds = limits.clone();
        bounds.header_bytes = bounds.header_bytes.max(bounds.outgoing_header_bytes);
        bounds.members = bounds.members.max(bounds.outgoing_members);
        bounds.own_members = bounds.own_members.max(self.members());
        let read = HeaderReader::new(bounds).read_headers(headers).map_err(NotAsPacked::Unreadable)?;
        let lines = || headers.get_all(BAGGAGE).iter().map(HeaderValue::as_bytes);
        let found: Vec<&[u8]> = lines().flat_map(ours).collect();
        let packed: Vec<&[u8]> = ours(self.text()).collect();
        // Only courtesies may be missing, from the end.
        let essential = self.cuts().first().map_or(0, |cut| cut.members);
        if read.tier() == self.tier() && found.len() >= essential && packed.starts_with(&found) {
            Ok(())
        } else {
            Err(NotAsPacked::Differs)
        }
    }

    /// Whether the one line of `headers` is the packed text, whole and byte for byte.
    fn stands_alone_in(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(BAGGAGE).iter();
        let only = lines.next().filter(|_| lines.next().is_none());
        only.is_some_and(|line| line.as_bytes() == self.text())
    }
}

/// The members of ours on one line, as a strict reader cuts it.
fn ours(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    Members::of(line, Arrays::Encoded).filter(|member| !member.is_foreign()).map(|member| member.whole)
}

/// What stands on a request is not the passport that was packed for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAsPacked {
    /// A strict reader would refuse the header.
    #[error("outgoing baggage cannot be read back")]
    Unreadable(#[source] ReadError),
    /// Another passport, other tips, or more of ours than was packed.
    #[error("outgoing baggage is not what was packed")]
    Differs,
}

#[cfg(test)]
#[path = "tests/check.rs"]
mod tests;
