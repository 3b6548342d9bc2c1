//! The chain of one writer: which number, hash and root the next line has, and which entries its readers have at hand.

use std::collections::{HashMap, VecDeque};

use kest_core::Passport;
use kest_core::entry::EntryHash;
use serde_json::Error;
use uuid::Uuid;

use crate::record::{Line, Record};
use crate::tree::{Edge, TreeHash};

/// Lines of entries, signed and carried, that a reader looks back: the parents of an entry are among the last so many before
/// it.
pub const PARENT_WINDOW: usize = 4096;

/// Where a writer is. Cloned before each write, so that a failed one leaves no trace.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) writer: Uuid,
    pub(crate) edge: Edge,
    last: TreeHash,
}

impl Chain {
    pub(crate) fn new(writer: Uuid) -> Self {
        Self { writer, edge: Edge::default(), last: TreeHash::NOTHING }
    }

    /// The number of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.edge.size()
    }

    /// Adds a record to `lines`.
    pub(crate) fn append(&mut self, lines: &mut Vec<u8>, at: u64, record: Record<'_>) -> Result<(), Error> {
        let line =
            Line { at, prev: self.last.to_hex().into(), record, seq: self.next(), v: 1, writer: self.writer };
        let start = lines.len();
        serde_json::to_writer(&mut *lines, &line)?;
        self.last = TreeHash::of_line(lines.get(start..).unwrap_or_default());
        lines.push(b'\n');
        self.edge.push(self.last);
        Ok(())
    }
}

/// What was written of entries in the last lines: the same for a writer and for its readers. Each line of an entry counts, and
/// one that comes again is new.
#[derive(Debug, Clone)]
pub(crate) struct Window<T> {
    known: HashMap<EntryHash, (u64, T)>,
    /// Which entry each of the last lines had, the last of them being number `lines`.
    order: VecDeque<EntryHash>,
    lines: u64,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), lines: 0 }
    }
}

impl<T> Window<T> {
    pub(crate) fn add(&mut self, hash: EntryHash, value: T) {
        self.lines = self.lines.saturating_add(1);
        self.known.insert(hash, (self.lines, value));
        self.order.push_back(hash);
        if self.order.len() > PARENT_WINDOW
            && let Some(oldest) = self.order.pop_front()
            && self.age(&oldest).is_some_and(|age| age >= PARENT_WINDOW)
        {
            self.known.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, hash: &EntryHash) -> Option<&T> {
        self.known.get(hash).map(|(_line, value)| value)
    }

    /// How many lines came after the last of this entry.
    fn age(&self, hash: &EntryHash) -> Option<usize> {
        let (line, _value) = self.known.get(hash)?;
        usize::try_from(self.lines.saturating_sub(*line)).ok()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Window<()> {
    /// The entries of `passport` before its last that have to be written first. Where one is missing all after it are
    /// written again: they may follow it. One that those would push out is as good as missing.
    pub(crate) fn missing<'it>(
        &self,
        passport: &'it Passport,
    ) -> impl Iterator<Item = (EntryHash, &'it str)> {
        let entries = passport.entries();
        let ancestors = entries.split_last().map_or(&[][..], |(_own, ancestors)| ancestors);
        let stays =
            |hash| self.age(&hash).is_some_and(|age| age.saturating_add(entries.len()) < PARENT_WINDOW);
        let known = ancestors.iter().take_while(|entry| stays(entry.hash())).count();
        ancestors.iter().skip(known).map(|entry| (entry.hash(), entry.compact()))
    }
}
