//! Puts a lineage together out of what was recorded, also where a part of it was not.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};

use kest_core::Limits;
use kest_core::entry::EntryHash;

use crate::read::{Log, claims_of, in_order};

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
    /// Memory holds the entries of one file at a time, and at most `limits.entries` and `limits.passport_bytes` of the lineage.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn lineage(&self, wanted: Wanted<'_>, limits: &Limits) -> io::Result<Recorded> {
        let mut gathering = Gathering::new(wanted, limits);
        // Of several services each has a part: what one's entries follow, another may have recorded.
        while gathering.more() {
            for file in self.files().collect::<Vec<_>>().into_iter().rev() {
                let mut entries = Vec::new();
                for line in self.lines_from(file, 0) {
                    let line = match line {
                        // Deleted in order since the log was opened: what it had is not there.
                        Err(error) if error.kind() == ErrorKind::NotFound => break,
                        line => line?,
                    };
                    if let Ok(read) = line.read() {
                        entries.extend(read.record.entry().map(str::to_owned));
                    }
                }
                // From the end on: what an entry follows stands before it.
                entries.into_iter().rev().for_each(|entry| gathering.look_at(entry));
            }
        }
        Ok(gathering.done())
    }
}

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
        }
    }

    /// Whether another pass over the log can find more.
    fn more(&mut self) -> bool {
        let first = self.before.is_none();
        let open = self.wanted.len() > self.taken.len() && self.before != Some(self.found.len());
        self.before = Some(self.found.len());
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
