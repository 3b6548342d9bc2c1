//! The memory of an authority in a database: each change is one transaction, and of two that contend one comes after the other.
//!
//! Who changes something holds the one row of `kest_authority_sequence` (PostgreSQL) or the file (SQLite) until the transaction
//! is over, and only then looks at what it decides by. So the numbers of the states are in the order of the changes.

mod end;
mod enrol;
mod fault;
mod keys;
#[cfg(feature = "postgres")]
mod postgres;
mod published;
mod renew;
mod schema;
mod session;
mod slot;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod tickets;
mod workloads;

pub use fault::StoreFault;
#[cfg(feature = "postgres")]
pub use schema::POSTGRES_AUTHORITY_SCHEMA;
#[cfg(feature = "sqlite")]
pub use schema::SQLITE_AUTHORITY_SCHEMA;
pub use store::AuthorityStore;
