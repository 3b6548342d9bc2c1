//! What was verified of a log before: it is read again and compared by its hashes, and not judged again.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::position::Position;
use crate::read::Log;
use crate::tree::{Edge, TreeHash};
use crate::verify::Witnessed;

/// What a [`LogVerifier`](crate::LogVerifier) found right, by which keys and rules.
///
/// It holds hashes, so that no change of the log hides behind it. It is believed itself: one who can write it can have the
/// signatures of entries left unchecked, so keep it where the writers of the log cannot reach it. Under other keys or rules, or
/// read by another version of this library, it says nothing. It grows with the number of
/// writers and of the files that they recorded as deleted, and not with what else they wrote.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verified = kest_audit::Verified::default();
/// let text = serde_json::to_string(&verified)?;
/// assert_eq!(serde_json::from_str::<kest_audit::Verified>(&text)?, verified);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// A digest of the keys, the rules and the version.
    by: Option<TreeHash>,
    writers: BTreeMap<Uuid, Known>,
}

/// How far one writer is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Before its last part that was begun.
    part: Option<Position>,
    /// To its end: it writes no more.
    end: Option<Position>,
}

impl Verified {
    /// Forgets what others found, and those that are gone.
    pub(crate) fn keep(&mut self, by: TreeHash, log: &Log) {
        if self.by != Some(by) {
            *self = Self { by: Some(by), writers: BTreeMap::new() };
        }
        let present: Vec<Uuid> = log.writers().collect();
        self.writers.retain(|writer, _known| present.binary_search(writer).is_ok());
    }

    /// All before a part of a writer is right. Where it was thought to end before, it did not, or is judged anew.
    pub(crate) fn part(&mut self, at: &Position) {
        let known = self.writers.entry(at.writer).or_default();
        known.end = None;
        known.part = Some(at.clone()).filter(|at| at.next.is_some());
    }

    /// All of a writer that writes no more is right, or not.
    pub(crate) fn end(&mut self, writer: Uuid, at: Option<Position>) {
        self.writers.entry(writer).or_default().end = at;
    }

    /// Where judging goes on: the last place up to which the log is what it was, and how many bytes behind it were read for that.
    pub(crate) fn reached(
        &self,
        log: &Log,
        writer: Uuid,
        witnessed: &Witnessed,
        progress: &mut impl FnMut(u64),
    ) -> io::Result<(Option<Position>, u64)> {
        match self.writers.get(&writer) {
            Some(known) => known.reached(log, writer, witnessed, progress),
            None => Ok((None, 0)),
        }
    }
}

impl Known {
    fn reached(
        &self,
        log: &Log,
        writer: Uuid,
        witnessed: &Witnessed,
        progress: &mut impl FnMut(u64),
    ) -> io::Result<(Option<Position>, u64)> {
        let Some(furthest) = self.end.as_ref().or(self.part.as_ref()) else { return Ok((None, 0)) };
        let (first, mut edge) = match &furthest.head {
            Some(head) => (head.part, head.edge.clone()),
            None => (1, Edge::default()),
        };
        let mut numbers = log.files_of(writer).peekable();
        // Where older parts were deleted since, what is left stands on a record that has to be judged.
        if numbers.peek() != Some(&first) {
            return Ok((None, 0));
        }
        let is_at = |place: &Option<Position>, number, edge: &Edge| {
            place.clone().filter(|at| at.part == number && at.edge.as_ref() == Some(edge))
        };
        let (mut reached, mut behind) = (None, 0);
        for number in numbers.by_ref().take_while(|number| *number <= furthest.part) {
            let mut first = true;
            for raw in log.lines_from((writer, number), 0) {
                let raw = raw?;
                // The same lines in files that are cut otherwise were not verified.
                if begins_part(&raw.bytes) != (std::mem::take(&mut first) && number > 1) {
                    return Ok((reached, behind));
                }
                let bytes = u64::try_from(raw.bytes.len()).unwrap_or_default() + 1;
                progress(bytes);
                behind += bytes;
                let hash = TreeHash::of_line(&raw.bytes);
                if !raw.whole || !witnessed.admits_record(writer, &edge, hash) {
                    return Ok((reached, behind));
                }
                edge.push(hash);
            }
            if let Some(at) = is_at(&self.part, number, &edge) {
                (reached, behind) = (Some(at), 0);
            }
        }
        let whole = is_at(&self.end, furthest.part, &edge)
            .filter(|_| log.files_of(writer).max() == Some(furthest.part));
        Ok(whole.map_or((reached, behind), |whole| (Some(whole), 0)))
    }
}

/// Whether a record has this line that stands at the beginning of a part. Its hash is compared: it has the one spelling, in which a
/// string has no quotation mark without a backslash before it.
fn begins_part(line: &[u8]) -> bool {
    let head = line.get(..HEAD_BYTES).unwrap_or(line);
    head.windows(SEGMENT.len()).any(|bytes| bytes == SEGMENT)
}

const SEGMENT: &[u8] = br#""record":{"segment":"#;
/// The members before it are a time, of 20 digits at most, and a hash.
const HEAD_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure: a run that was interrupted behind the end of an earlier one was begun there again.
    #[test]
    fn part_that_is_begun_behind_an_end_is_where_the_next_run_goes_on() {
        let mut verified = Verified::default();
        let before = Position { part: 1, next: Some(3), ..Position::new(Uuid::nil(), None) };
        let after = Position { part: 2, next: Some(9), ..before.clone() };
        verified.end(Uuid::nil(), Some(before));
        verified.part(&after);
        let known = verified.writers.get(&Uuid::nil()).unwrap();
        assert_eq!((&known.part, &known.end), (&Some(after), &None));
    }
}
