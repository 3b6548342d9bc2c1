//! Spans in a SQLite file, for those who look at one service without a collector.

mod span;
mod table;

pub use span::{FinishedSpan, SpanKind, SpanStatus};
pub use table::{SpanTable, SpanTableBuilder};

/// The table, as [`SpanTable`] makes it where it is missing.
pub const SPANS_SCHEMA: &str = include_str!("schema.sql");
