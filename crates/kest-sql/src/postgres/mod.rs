//! An audit log in PostgreSQL.

mod address;
mod place;
mod session;

pub use address::PostgresBuildError;
pub use place::{Postgres, PostgresBuilder};

/// The tables, as [`Postgres`] makes them where they are missing and its role may: for one who makes them by hand.
pub const POSTGRES_SCHEMA: &str = include_str!("schema.sql");
