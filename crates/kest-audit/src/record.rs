//! One record of the log and its line: the wire form, in one spelling.

use std::borrow::Cow;

use kest_core::audit::Ending;
use kest_core::entry::EntryHash;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::tree::TreeHash;

/// One line: which record of which writer, after which one, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Line<'text> {
    /// Milliseconds since 1970 on the writer's clock: information only, the order is `seq`.
    pub at: u64,
    /// The [`TreeHash`] of the writer's line before, in hexadecimal.
    #[serde(borrow)]
    pub prev: Cow<'text, str>,
    /// What happened.
    #[serde(borrow)]
    pub record: Record<'text>,
    /// Its number among the records of its writer, from 0, without a gap.
    pub seq: u64,
    /// The version of this form: 1.
    pub v: u8,
    /// The writer: a UUID of version 7, a new one for each start.
    pub writer: Uuid,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Record<'text> {
    /// A writer began.
    Start(#[serde(borrow)] Start<'text>),
    /// A file began that goes on with the chain.
    Segment {
        /// The right edge of the tree over all records before this one.
        edge: Vec<Cow<'text, str>>,
        /// Which file of the writer, from 1.
        number: u32,
    },
    /// An operation was signed and was about to run.
    Signed {
        /// Its compact JWS.
        #[serde(borrow)]
        entry: Cow<'text, str>,
    },
    /// An entry that a signed one follows, verified when it came. It stands before what follows it.
    Carried {
        /// Its compact JWS.
        #[serde(borrow)]
        entry: Cow<'text, str>,
    },
    /// Something was refused.
    Refused(#[serde(borrow)] Refusal<'text>),
    /// An operation has ended.
    Finished {
        /// The SHA-256 of what it gave, where that was asked for and all of it was taken.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        content_hash: Option<Cow<'text, str>>,
        /// How: a name of [`Ending`](kest_core::audit::Ending).
        #[serde(borrow)]
        ending: Cow<'text, str>,
        /// The hash of its entry.
        #[serde(borrow)]
        entry: Cow<'text, str>,
        /// Milliseconds from its signature to its end.
        millis: u64,
        /// The first digit of the answer's status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_class: Option<u8>,
    },
    /// Records that could not be kept since the last that were, by kind.
    Lost {
        /// Ends of operations.
        finished: u64,
        /// Refusals.
        refused: u64,
        /// Operations that ran unrecorded: under best effort alone.
        signed: u64,
    },
    /// What the service goes by from here on.
    InForce {
        /// The SHA-256 of its trust bundle.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        keys: Option<Cow<'text, str>>,
        /// The SHA-256 of its policies.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        policies: Option<Cow<'text, str>>,
    },
    /// Files of a writer were deleted, as the owner of the log decided.
    Removed {
        /// The hash of the last record in them.
        #[serde(borrow)]
        hash: Cow<'text, str>,
        /// The number of that record.
        through: u64,
        /// Whose.
        writer: Uuid,
    },
    /// All records before this one, sealed: a signed note of the form tlog-checkpoint.
    Checkpoint {
        /// The note.
        #[serde(borrow)]
        note: Cow<'text, str>,
    },
    /// The writer ended in order.
    End {},
}

impl Record<'_> {
    /// Its name in the line.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Segment { .. } => "segment",
            Self::Signed { .. } => "signed",
            Self::Carried { .. } => "carried",
            Self::Refused(_) => "refused",
            Self::Finished { .. } => "finished",
            Self::Lost { .. } => "lost",
            Self::InForce { .. } => "in_force",
            Self::Removed { .. } => "removed",
            Self::Checkpoint { .. } => "checkpoint",
            Self::End {} => "end",
        }
    }

    /// The compact JWS in it.
    #[must_use]
    pub fn entry(&self) -> Option<&str> {
        if let Self::Signed { entry } | Self::Carried { entry } = self { Some(entry) } else { None }
    }
}

/// A writer began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Start<'text> {
    /// The other writers of the folder, the latest ones, as they were found.
    #[serde(borrow)]
    pub before: Vec<Before<'text>>,
    /// The key id that it seals with.
    #[serde(borrow)]
    pub key: Cow<'text, str>,
    /// The library that writes.
    #[serde(borrow)]
    pub library: Cow<'text, str>,
    /// The workload whose operations these are.
    #[serde(borrow)]
    pub service: Cow<'text, str>,
}

/// Another writer as a new one found it: nothing of it can be cut off later without a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Before<'text> {
    /// The hash of its last whole record.
    #[serde(borrow)]
    pub hash: Cow<'text, str>,
    /// The number of that record.
    pub seq: u64,
    /// `ended`, `live` or `crashed`.
    #[serde(borrow)]
    pub state: Cow<'text, str>,
    /// Bytes behind it that are no whole line: a write that was torn.
    pub torn: u64,
    /// Which.
    pub writer: Uuid,
}

/// Something was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Refusal<'text> {
    /// The program that called, where that was proved.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Cow<'text, str>>,
    /// The name of the finer kind.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cow<'text, str>>,
    /// The id that the entry would have had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<Uuid>,
    /// What was wrong.
    #[serde(borrow)]
    pub kind: Cow<'text, str>,
    /// The operation.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Cow<'text, str>>,
    /// Where.
    #[serde(borrow)]
    pub step: Cow<'text, str>,
    /// The task, where that was proved.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub task: Option<Cow<'text, str>>,
    /// The tenant, where that was proved.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Cow<'text, str>>,
    /// The user, where that was proved.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub user: Option<Cow<'text, str>>,
    /// The workload that called, where that was proved.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Cow<'text, str>>,
}

/// Bytes of one line with its end: an entry of the longest, and as much again; a start names at most 64 other writers.
pub const LINE_BYTES: usize = 64 * 1024;

/// A line is not one of this log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is no record, or one of a later version.
    #[error("line is no record")]
    Unreadable(#[source] serde_json::Error),
    /// It is spelled in another way than it is written in.
    #[error("line is not in its one spelling")]
    OtherSpelling,
    /// What it says an operation gave is no SHA-256, or is said of one that did not end complete.
    #[error("line says a content hash that cannot be")]
    ContentHash,
    /// Its version is not 1.
    #[error("line is of another version: {0}")]
    Version(u8),
}

impl<'text> Line<'text> {
    /// Reads a line, without its end.
    ///
    /// # Errors
    ///
    /// [`LineError`] for what this library would not have written.
    pub fn read(line: &'text [u8]) -> Result<Self, LineError> {
        let read: Self = serde_json::from_slice(line).map_err(LineError::Unreadable)?;
        if read.v != 1 {
            return Err(LineError::Version(read.v));
        }
        // Members are declared in the order of RFC 8785, so that writing it again gives the one spelling.
        let mut same = Same(line);
        let written = serde_json::to_writer(&mut same, &read);
        if written.is_err() || !same.0.is_empty() {
            return Err(LineError::OtherSpelling);
        }
        if let Record::Finished { content_hash: Some(hash), ending, .. } = &read.record
            && (hash.parse::<EntryHash>().is_err() || ending != Ending::Complete.as_str())
        {
            return Err(LineError::ContentHash);
        }
        Ok(read)
    }

    /// The hash of the line before.
    #[must_use]
    pub fn previous(&self) -> Option<TreeHash> {
        TreeHash::from_hex(&self.prev)
    }
}

/// Compares what is written with what was read, byte by byte.
struct Same<'text>(&'text [u8]);

impl std::io::Write for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let rest = self.0.strip_prefix(bytes).ok_or(std::io::ErrorKind::InvalidData)?;
        self.0 = rest;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
