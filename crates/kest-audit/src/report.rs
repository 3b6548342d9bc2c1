//! What was found in a log: for each writer its answer, and every fault by its place.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::folder::State;

/// What a whole log says.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// Each writer, in the order in which they began.
    pub writers: Vec<WriterReport>,
    /// What is wrong, the first of it.
    pub faults: Vec<Fault>,
    /// How much is wrong.
    pub fault_count: u64,
}

impl Report {
    /// Whether nothing is wrong: there are records, and those of each writer are complete from the first that is there on.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.fault_count == 0 && self.writers.iter().any(|writer| writer.answer != Answer::Empty)
    }

    /// Records that were read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.writers.iter().map(|writer| writer.records).sum()
    }

    /// Entries that were verified.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.writers.iter().map(|writer| writer.entries).sum()
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.fault_count = self.fault_count.saturating_add(1);
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// One of three answers, and a fourth where there is nothing to say them of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// All records from the first to the last are there and hold.
    Complete,
    /// Something is missing, changed, or too much.
    Gap,
    /// All records that are there hold; what was before them was deleted in order, and is not known.
    UnknownBefore,
    /// No record is there: the writer was killed as it began, or its files were emptied. Where others saw a record of it, that is a
    /// gap.
    Empty,
}

impl Answer {
    /// A stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Gap => "gap",
            Self::UnknownBefore => "unknown_before",
            Self::Empty => "empty",
        }
    }
}

/// What one writer wrote.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriterReport {
    /// Which.
    pub writer: Uuid,
    /// The workload that it says it wrote for, where its start is there.
    pub service: Option<String>,
    /// The answer.
    pub answer: Answer,
    /// The number of the first record that is there.
    pub first: u64,
    /// The number of the last record that is there.
    pub last: u64,
    /// So many records, from 0 on, are sealed by a checkpoint that holds.
    pub sealed: u64,
    /// Whether it ended.
    pub state: State,
    /// Bytes at the end that are no whole line.
    pub torn: u64,
    /// Records that were read.
    pub records: u64,
    /// Entries that hold.
    pub entries: u64,
    /// Records that it says it lost.
    pub lost: u64,
    /// What it says it went by, from which record on; the last changes.
    pub in_force: Vec<InForce>,
}

/// What a writer went by from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InForce {
    /// The number of the record that says so.
    pub seq: u64,
    /// When, in milliseconds since 1970 on the writer's clock.
    pub at: u64,
    /// The SHA-256 of its trust bundle.
    pub keys: Option<String>,
    /// The SHA-256 of its policies.
    pub policies: Option<String>,
}

/// Something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// In which writer's records.
    pub writer: Uuid,
    /// At which record, or the first that is missing.
    pub seq: u64,
    /// What.
    pub kind: FaultKind,
    /// The finer kind, such as what is wrong with an entry.
    pub cause: Option<&'static str>,
    /// In which file and line it shows.
    pub place: Option<(Arc<Path>, u64)>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal;)*) => {
        /// What can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FaultKind {
            $($(#[$doc])* $kind,)*
        }

        impl FaultKind {
            /// A stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Records are missing from here on.
    Missing "missing";
    /// The first records are missing, and no record says that they were deleted in order.
    FirstMissing "first_missing";
    /// A record that was there already, or is out of order.
    Repeated "repeated";
    /// The record was changed: the one after it follows another.
    Changed "changed";
    /// The line is no record in its one spelling.
    Malformed "malformed";
    /// A line without its end, with others behind it or after the end.
    Torn "torn";
    /// A record of another writer.
    Foreign "foreign";
    /// A record that cannot stand here: a start in the middle, anything after the end.
    Misplaced "misplaced";
    /// The checkpoint is not signed by a trusted key of the service, or cannot be read.
    CheckpointInvalid "checkpoint_invalid";
    /// The checkpoint seals other records than these.
    CheckpointDiffers "checkpoint_differs";
    /// Too many records without a checkpoint, or an end without one.
    Unsealed "unsealed";
    /// The entry does not hold.
    EntryInvalid "entry_invalid";
    /// What the entry follows was not recorded.
    ParentMissing "parent_missing";
    /// The log ends before a record that a checkpoint or a later writer saw.
    Truncated "truncated";
    /// No record is there of a writer that a checkpoint or a later writer saw.
    WriterMissing "writer_missing";
}

/// Faults that are kept; the rest is counted.
const MOST_FAULTS: usize = 1000;
