//! What is asked of a database, whichever it is: one connection and its few statements.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_audit::LINE_BYTES;
use uuid::Uuid;

/// A part of a writer: rows with one number.
pub(crate) type Part = (Uuid, u32);

/// Where a log lies.
#[async_trait]
pub(crate) trait Connect: fmt::Debug + Send + Sync {
    /// A new connection.
    async fn connect(&self, access: Access) -> Result<Box<dyn Session>, Failed>;

    /// How long one statement, or connecting, may take.
    fn timeout(&self) -> Duration;

    /// How a part is called when something is wrong in it.
    fn name(&self, part: Part) -> Arc<Path>;
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Adding rows, and the tables where they are missing.
    Write,
    /// Reading alone.
    Read,
    /// Deleting old rows.
    Remove,
}

/// One connection.
#[async_trait]
pub(crate) trait Session: Send {
    /// Says to others that `writer` lives, for as long as this connection does.
    async fn hold(&mut self, writer: Uuid) -> Result<(), Failed>;

    /// Whether a writer lives.
    async fn is_held(&mut self, writer: Uuid) -> Result<bool, Failed>;

    /// Adds rows, numbered from `first` on, in one transaction that lasts. Those that are there already stay. How many were new.
    async fn insert(&mut self, part: Part, first: u64, lines: &[&str]) -> Result<u64, Failed>;

    /// Waits until what this connection sees of others lasts as what it adds itself does.
    async fn settle(&mut self) -> Result<(), Failed>;

    /// Rows of a part, in order of their numbers, those behind `after` alone.
    async fn page(&mut self, part: Part, after: &After, most: usize) -> Result<Vec<Row>, Failed>;

    /// The part behind this one.
    async fn part_after(&mut self, part: Option<Part>) -> Result<Option<Part>, Failed>;

    /// The latest writer that began before this one.
    async fn writer_before(&mut self, writer: Option<Uuid>) -> Result<Option<Uuid>, Failed>;

    /// The last two lines of a writer up to this part, the last first.
    async fn last(&mut self, through: Part) -> Result<Vec<Vec<u8>>, Failed>;

    /// Deletes the parts of a writer through this one.
    async fn remove(&mut self, through: Part) -> Result<(), Failed>;

    /// How much there is.
    async fn bytes(&mut self) -> Result<u64, Failed>;
}

/// A row behind which others are asked for: its number, and what tells it from another with the same number, which one who can
/// change the table may have made.
#[derive(Debug, Clone)]
pub(crate) struct After {
    pub(crate) seq: i64,
    pub(crate) row: i64,
}

impl After {
    /// Rows from this number on; from 0, those with numbers that were never written too.
    pub(crate) fn from(seq: u64) -> Self {
        let seq = if seq == 0 { i64::MIN } else { number(seq) };
        Self { seq, row: i64::MIN }
    }
}

/// A row as it is there.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) at: After,
    pub(crate) line: Vec<u8>,
}

/// A statement did not succeed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The database said so: nothing was done.
    Refused(io::Error),
    /// The connection is of no use any more, and what was done is not known: asking on another tells.
    Lost(io::Error),
    /// The disk itself failed: another look may see what never came to it.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "PostgreSQL answers for its disk itself"))]
    Failing(io::Error),
}

impl Failed {
    pub(crate) fn into_error(self) -> io::Error {
        let (Self::Refused(error) | Self::Lost(error) | Self::Failing(error)) = self;
        error
    }
}

/// Waits for a statement, within bounds.
pub(crate) async fn within<T>(
    wait: Duration,
    statement: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let waited = tokio::time::timeout(wait, statement).await;
    waited.unwrap_or_else(|elapsed| Err(Failed::Lost(io::Error::new(io::ErrorKind::TimedOut, elapsed))))
}

/// Numbers of records that databases can have. A log with more would have taken ten thousand years.
pub(crate) fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// What a row says of its part.
pub(crate) fn part(writer: Uuid, number: i64) -> Result<Part, Failed> {
    let number = u32::try_from(number).map_err(|cause| Failed::Refused(invalid(cause)))?;
    Ok((writer, number))
}

/// What is in the table was not written by this library.
pub(crate) fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

/// So much of a row is read that a line which is too long shows.
pub(crate) const ROW_BYTES: i32 = {
    #[expect(clippy::as_conversions, reason = "a constant far below the bound")]
    let bytes = LINE_BYTES as i32;
    bytes + 1
};

/// The tables as they are written.
pub(crate) const SCHEMA_VERSION: i64 = 1;
