//! The chain of one writer: which number, hash and root the next line has, and which entries its readers have at hand.

use std::collections::{HashSet, VecDeque};

use kest_core::Passport;
use kest_core::entry::EntryHash;
use serde_json::Error;
use uuid::Uuid;

use crate::record::{Line, Record};
use crate::tree::{Edge, TreeHash};

/// Entries, signed and carried, that a reader keeps: the parents of an entry are among the last so many before it.
pub const PARENT_WINDOW: usize = 4096;

/// Entries that a writer counts on: a passport of 1024 entries may push as many out before the entry that follows them.
const WRITER_WINDOW: usize = 2048;

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

/// The entries that were written last.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    known: HashSet<EntryHash>,
    order: VecDeque<EntryHash>,
}

impl Recent {
    pub(crate) fn add(&mut self, hash: EntryHash) {
        if self.known.insert(hash) {
            self.order.push_back(hash);
        }
        while self.order.len() > WRITER_WINDOW {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// The entries of `passport` before its last that have to be written first. Where one is missing all after it are
    /// written again: they may follow it.
    pub(crate) fn missing<'it>(
        &self,
        passport: &'it Passport,
    ) -> impl Iterator<Item = (EntryHash, &'it str)> {
        let entries = passport.entries();
        let ancestors = entries.split_last().map_or(&[][..], |(_own, ancestors)| ancestors);
        let known = ancestors.iter().take_while(|entry| self.known.contains(&entry.hash())).count();
        ancestors.iter().skip(known).map(|entry| (entry.hash(), entry.compact()))
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.order.clear();
    }
}
