//! A SQLite file, and an audit log in it.

mod held;
mod place;
mod session;

#[cfg(feature = "authority")]
pub(crate) use place::File;
#[cfg(feature = "authority")]
pub(crate) use session::{TURN, failed, is_busy};

pub use place::{Sqlite, SqliteBuildError, SqliteBuilder};

/// The tables, as [`Sqlite`] makes them where they are missing.
pub const SQLITE_SCHEMA: &str = include_str!("schema.sql");
