//! An audit log in a SQLite file.

mod held;
mod place;
mod session;

pub use place::{Sqlite, SqliteBuildError, SqliteBuilder};

/// The tables, as [`Sqlite`] makes them where they are missing.
pub const SQLITE_SCHEMA: &str = include_str!("schema.sql");
