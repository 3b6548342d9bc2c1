//! A SQLite file: an audit log in it, or spans.

mod file;
mod held;
mod place;
mod session;
#[cfg(feature = "spans")]
mod spans;

#[cfg(feature = "authority")]
pub(crate) use place::File;
#[cfg(feature = "authority")]
pub(crate) use session::{TURN, failed, is_busy};

pub use place::{Sqlite, SqliteBuildError, SqliteBuilder};
#[cfg(feature = "spans")]
pub use spans::{FinishedSpan, SPANS_SCHEMA, SpanKind, SpanStatus, SpanTable, SpanTableBuilder};

/// The tables, as [`Sqlite`] makes them where they are missing.
pub const SQLITE_SCHEMA: &str = include_str!("schema.sql");
