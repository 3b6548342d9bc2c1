//! A database of PostgreSQL, and an audit log in it.

mod address;
mod place;
mod session;

#[cfg(feature = "authority")]
pub(crate) use place::Server;
#[cfg(feature = "authority")]
pub(crate) use session::{failed, lasting, settle_timeouts};

pub use address::PostgresBuildError;
pub use place::{Postgres, PostgresBuilder};

/// The tables, as [`Postgres`] makes them where they are missing and its role may: for one who makes them by hand.
pub const POSTGRES_SCHEMA: &str = include_str!("schema.sql");
