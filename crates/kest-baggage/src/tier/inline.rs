//! Tier 1: the JSON array in the header.

use crate::member::{PASSPORT, push_member};

/// The member, if it fits into `room` bytes.
pub(crate) fn write(json: &str, room: usize) -> Option<String> {
    // Encoding only adds bytes.
    if PASSPORT.len() + 1 + json.len() > room {
        return None;
    }
    let mut member = String::with_capacity(room);
    push_member(&mut member, PASSPORT, json);
    (member.len() <= room).then_some(member)
}
