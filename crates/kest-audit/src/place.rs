//! The seam to where a log lies: adding records so that they last, and reading them back, in a folder or anywhere else.

use std::fmt;
use std::io;

use kest_core::BoxError;
use uuid::Uuid;

use crate::folder::State;
use crate::read::RawLine;
use crate::record::{Line, Record};
use crate::tree::TreeHash;

/// A place that a writer adds its records to. One thread calls it, and waits.
///
/// A writer has parts, numbered from 1: files, or rows with the same number. A part can be deleted once another follows it.
pub trait Append: fmt::Debug + Send {
    /// How far the writers that are there had come, the latest first, and at most so many of them.
    ///
    /// # Errors
    ///
    /// When the place cannot be read.
    fn latest(&mut self, most: usize) -> io::Result<Vec<(Uuid, Tail)>>;

    /// Begins a part of a writer with these lines. What is appended later goes there.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; what was begun before can be gone on with where nothing of this stays.
    fn begin(&mut self, part: (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError>;

    /// Adds these lines to the part that was begun last: all of them or nothing. They last when it returns, whatever fails then.
    ///
    /// # Errors
    ///
    /// [`CommitError`], which says whether the writer can go on.
    fn append(&mut self, batch: &Batch<'_>) -> Result<(), CommitError>;
}

/// Lines that are kept together, in one write and one sync or in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'it> {
    pub(crate) first: u64,
    pub(crate) lines: &'it [u8],
}

impl<'it> Batch<'it> {
    /// The number of the first record; the others follow it.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// All lines, each with its end.
    #[must_use]
    pub fn bytes(&self) -> &'it [u8] {
        self.lines
    }

    /// The lines, without their ends. They are JSON, and so UTF-8.
    pub fn lines(&self) -> impl Iterator<Item = &'it str> {
        let lines = self.lines.split_inclusive(|byte| *byte == b'\n');
        lines.filter_map(|line| str::from_utf8(line.strip_suffix(b"\n")?).ok())
    }
}

/// Whether a writer can be gone on with after lines were not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Nothing of what was to be written stays; the next write may hold.
    #[error("lines were not written")]
    Undone(#[source] io::Error),
    /// What is there is not known: this writer is over, and another begins.
    #[error("lines may have been written")]
    Unknown(#[source] io::Error),
}

/// Where a writer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tail {
    /// The number of its last whole record.
    pub seq: u64,
    /// The hash of that record.
    pub hash: TreeHash,
    /// Whether more will come.
    pub state: State,
    /// Bytes after the last whole line.
    pub torn: u64,
}

impl Tail {
    /// The end of a writer, by its last line and the one before, which is in `state` unless it ended in order; `None` where the
    /// last line is no record.
    #[must_use]
    pub fn of(last: &[u8], before: Option<&[u8]>, state: State) -> Option<Self> {
        let line = Line::read(last).ok()?;
        let ends = |line: &Line<'_>| matches!(line.record, Record::End {});
        let sealed = matches!(line.record, Record::Checkpoint { .. });
        let before = || before.and_then(|line| Line::read(line).ok());
        let ended = ends(&line) || sealed && before().is_some_and(|line| ends(&line));
        let state = if ended { State::Ended } else { state };
        Some(Self { seq: line.seq, hash: TreeHash::of_line(last), state, torn: 0 })
    }
}

/// A place that a log is read from, whatever is wrong with it. Memory stays bounded, however much lies there.
pub trait ReadParts: fmt::Debug + Send + Sync {
    /// The parts that are there now, in any order.
    ///
    /// # Errors
    ///
    /// When the place cannot be read.
    fn parts(&self) -> io::Result<Vec<(Uuid, u32)>>;

    /// The lines of a part, in their order, from where [`RawLine::next`] of an earlier one points; from 0, all of them.
    fn lines(&self, part: (Uuid, u32), from: u64) -> Box<dyn Iterator<Item = io::Result<RawLine>> + '_>;

    /// The end of a writer that has these parts, in their order; `None` where no record of it can be read.
    ///
    /// # Errors
    ///
    /// When the place cannot be read.
    fn tail(&self, writer: Uuid, parts: &[u32]) -> io::Result<Option<Tail>>;

    /// Bytes of all lines, as nearly as they are known: for a progress bar.
    fn bytes(&self) -> u64;
}

/// A log cannot be begun.
#[derive(Debug, thiserror::Error)]
#[error("audit log cannot be begun")]
pub struct OpenError(#[source] pub(crate) BoxError);
