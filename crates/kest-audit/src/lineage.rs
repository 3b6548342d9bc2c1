//! Puts a lineage together out of what was recorded, also where a part of it was not.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};

use kest_core::Limits;
use kest_core::entry::EntryHash;
use uuid::Uuid;

use crate::read::{Log, RawLine, claims_of, in_order};

/// Which lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted<'it> {
    /// All that led to this entry.
    Entry(EntryHash),
    /// Every entry of this trace, and all that led to them.
    Trace(&'it str),
}

/// What a log has of a lineage. What it lacks is seen in the entries: a parent that is named and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Compact entries, each once and parents first; those whose every ancestor is there come before the others.
    pub entries: Vec<String>,
    /// Whether older entries were left out, because a passport may not be so long.
    pub shortened: bool,
}

impl Recorded {
    /// Puts entries into order that were found in another way, each of them once.
    #[must_use]
    pub fn of(entries: Vec<String>) -> Self {
        let (whole, rest) = parted(entries);
        let mut entries = in_order(whole);
        entries.extend(in_order(rest));
        Self { entries, shortened: false }
    }
}

impl Log {
    /// What was recorded of a lineage, by any writer. Who signed it, and whether it holds, is for a
    /// [`Verifier`](kest_core::Verifier) to say. [`ancestors`](Self::ancestors) gives a passport, or nothing.
    ///
    /// Memory holds a part of a file at a time, and at most `limits.entries` and `limits.passport_bytes` of the lineage. What
    /// lies so that the log would have to be read very often, from one writer to another and back, is left out, as
    /// [`shortened`](Recorded::shortened) says.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn lineage(&self, wanted: Wanted<'_>, limits: &Limits) -> io::Result<Recorded> {
        let mut gathering = Gathering::new(wanted, limits);
        // Of several services each has a part: what one's entries follow, another may have recorded.
        while gathering.more() {
            for file in self.files().collect::<Vec<_>>().into_iter().rev() {
                self.pieces(file, PIECE_BYTES, |entries| {
                    entries.into_iter().rev().for_each(|entry| gathering.look_at(entry));
                })?;
            }
        }
        Ok(gathering.done())
    }

    /// The entries of a file in pieces of so many bytes, from its end on: what an entry follows stands before it.
    pub(crate) fn pieces(
        &self,
        file: (Uuid, u32),
        bytes: usize,
        mut each: impl FnMut(Vec<String>),
    ) -> io::Result<()> {
        let (mut begins, mut next, mut held) = (vec![0], 0, 0);
        for line in self.lines_there(file, 0) {
            let line = line?;
            if held >= bytes {
                begins.push(next);
                held = 0;
            }
            held = held.saturating_add(line.bytes.len());
            next = line.next;
        }
        let ends = begins.iter().skip(1).copied().chain([next]).collect::<Vec<_>>();
        for (begin, end) in begins.into_iter().zip(ends).rev() {
            let mut entries = Vec::new();
            for line in self.lines_there(file, begin) {
                let line = line?;
                if let Ok(read) = line.read() {
                    entries.extend(read.record.entry().map(str::to_owned));
                }
                if line.next >= end {
                    break;
                }
            }
            each(entries);
        }
        Ok(())
    }

    /// Nothing of a file that was deleted in order since the log was opened: what it had is not there.
    pub(crate) fn lines_there(
        &self,
        file: (Uuid, u32),
        from: u64,
    ) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        let gone = |line: &io::Result<RawLine>| {
            line.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        self.lines_from(file, from).take_while(move |line| !gone(line))
    }
}

/// Bytes of a file whose entries are held at once.
pub(crate) const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// Readings of a whole log for one lineage: each finds what is recorded by one more of the services that it went through.
const MOST_PASSES: usize = 64;

struct Gathering<'it> {
    trace: Option<&'it str>,
    wanted: HashSet<EntryHash>,
    taken: HashSet<EntryHash>,
    found: Vec<String>,
    bytes: usize,
    limits: &'it Limits,
    shortened: bool,
    /// How many were found when the last pass began; `None` before the first.
    before: Option<usize>,
    passes: usize,
}

impl<'it> Gathering<'it> {
    fn new(wanted: Wanted<'it>, limits: &'it Limits) -> Self {
        let (trace, wanted) = match wanted {
            Wanted::Entry(hash) => (None, HashSet::from([hash])),
            Wanted::Trace(trace) => (Some(trace), HashSet::new()),
        };
        Self {
            trace,
            wanted,
            taken: HashSet::new(),
            found: Vec::new(),
            bytes: 0,
            limits,
            shortened: false,
            before: None,
            passes: 0,
        }
    }

    /// Whether another pass over the log can find more.
    fn more(&mut self) -> bool {
        let first = self.before.is_none();
        let open = self.wanted.len() > self.taken.len() && self.before != Some(self.found.len());
        self.before = Some(self.found.len());
        if open && self.passes == MOST_PASSES {
            self.shortened = true;
        }
        self.passes += 1;
        first || open && !self.shortened
    }

    fn look_at(&mut self, entry: String) {
        let hash = EntryHash::of(&entry);
        if self.taken.contains(&hash) {
            return;
        }
        let claims = if self.wanted.contains(&hash) {
            claims_of(&entry)
        } else {
            let Some(asked) = self.trace else { return };
            let claims = claims_of(&entry);
            if claims.trace.as_deref() != Some(asked) {
                return;
            }
            claims
        };
        // Brackets, quotation marks and commas of the array count too.
        let bytes = self.bytes + entry.len() + 4;
        if self.found.len() == self.limits.entries || bytes > self.limits.passport_bytes {
            self.shortened = true;
            return;
        }
        self.bytes = bytes;
        self.wanted.insert(hash);
        self.wanted.extend(claims.parents);
        self.taken.insert(hash);
        self.found.push(entry);
    }

    fn done(mut self) -> Recorded {
        self.found.reverse();
        Recorded { shortened: self.shortened, ..Recorded::of(self.found) }
    }
}

/// Those whose every ancestor is there, and the others.
fn parted(entries: Vec<String>) -> (Vec<String>, Vec<String>) {
    let parents: HashMap<EntryHash, Vec<EntryHash>> =
        entries.iter().map(|entry| (EntryHash::of(entry), claims_of(entry).parents)).collect();
    let mut children: HashMap<EntryHash, Vec<EntryHash>> = HashMap::new();
    let mut broken = Vec::new();
    for (child, followed) in &parents {
        for parent in followed {
            children.entry(*parent).or_default().push(*child);
            if !parents.contains_key(parent) {
                broken.push(*child);
            }
        }
    }
    let mut without = HashSet::new();
    while let Some(hash) = broken.pop() {
        if without.insert(hash) {
            broken.extend(children.get(&hash).into_iter().flatten());
        }
    }
    entries.into_iter().partition(|entry| !without.contains(&EntryHash::of(entry)))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::chain::Chain;
    use crate::folder::file_name;
    use crate::record::Record;

    /// Entries of which each follows the one before, in as many writers by turns, and the hash of the last.
    fn log(writers: u128, entries: u128) -> (tempfile::TempDir, Log, EntryHash) {
        let folder = tempfile::tempdir().unwrap();
        let mut chains: Vec<_> =
            (0..writers).map(|it| (Chain::new(Uuid::from_u128(it)), Vec::new())).collect();
        let mut parents = Vec::<String>::new();
        let mut last = EntryHash::of("");
        for number in 0..entries {
            let payload = format!("{{\"parent_ids\":{parents:?},\"number\":{number}}}");
            let entry = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(payload));
            last = EntryHash::of(&entry);
            parents = vec![last.to_hex()];
            let writer = usize::try_from(number % writers).unwrap();
            let (chain, lines) = &mut chains[writer];
            chain.append(lines, 0, Record::Carried { entry: entry.into() }).unwrap();
        }
        for (chain, lines) in chains {
            std::fs::write(folder.path().join(file_name(chain.writer, 1)), lines).unwrap();
        }
        let log = Log::open(folder.path()).unwrap();
        (folder, log, last)
    }

    /// Attack: a file that is longer than any that is written, to fill the memory of one who asks for a lineage.
    #[test]
    fn file_without_end_is_held_a_piece_at_a_time() {
        let (_folder, log, _last) = log(1, 300);
        let mut all = Vec::new();
        let mut most = 0;
        log.pieces((Uuid::nil(), 1), 2000, |entries| {
            most = most.max(entries.iter().map(String::len).sum());
            all.extend(entries.into_iter().rev());
        })
        .unwrap();
        assert!((1..3000).contains(&most), "{most}");
        all.reverse();
        let lines = log.lines().map(Result::unwrap);
        let read: Vec<_> =
            lines.map(|line| line.read().unwrap().record.entry().unwrap().to_owned()).collect();
        assert_eq!(all, read);
        let mut found = 0;
        log.pieces((Uuid::nil(), 2), 2000, |entries| found += entries.len()).unwrap();
        assert_eq!(found, 0, "a file that is not there has nothing");
    }

    /// Attack: entries that follow each other from one writer to the other and back, so that a log is read once for every two of them.
    #[test]
    fn log_is_read_so_often_and_then_what_it_has_is_shortened() {
        let limits = Limits::default();
        for (entries, shortened) in [(20, false), (400, true)] {
            let (_folder, log, last) = log(2, entries);
            let found = log.lineage(Wanted::Entry(last), &limits).unwrap();
            assert_eq!(found.shortened, shortened, "{entries}");
            let most = if shortened { 2 * MOST_PASSES + 2 } else { usize::try_from(entries).unwrap() };
            assert!((20..=most).contains(&found.entries.len()), "{}", found.entries.len());
        }
    }
}
