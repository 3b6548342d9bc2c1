//! Audit logs of Kest, and the memory of an authority, in SQLite and PostgreSQL.
//!
//! # Audit logs
//!
//! One row a record, and in it the line as it was signed and chained.
//!
//! [`Sqlite`] is a file beside the service, [`Postgres`] a server that many replicas share. Both are places of
//! [`kest-audit`](kest_audit): what a service writes, what is sealed, and how it is verified are the same as in a folder.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use kest_audit::{Durability, LogVerifier};
//! use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
//! use kest_core::{Admitter, Audit, Limits, Operation, OsRandom, Verifier, policy::dangerous_allow_all, trust::Origin};
//! use kest_sql::Sqlite;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("audit.db");
//! let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
//! let mut ring = KeyRing::new();
//! ring.trust_signer(signer.as_ref())?;
//!
//! let place = Sqlite::builder(path).build()?;
//! let log = Arc::new(place.recorder(signer.clone(), Durability::Required).open().await?);
//! let shared: Arc<dyn Audit> = log.clone();
//! let service = Admitter::builder(signer).audit(shared).build();
//! let job = Operation::named("nightly")?;
//! service.originate(Origin::system(), &job, &dangerous_allow_all()).await?;
//! log.close().await?;
//!
//! let report = LogVerifier::new(Verifier::new(Limits::default()), &ring).verify(&place.log()?, |_bytes| ())?;
//! assert!(report.holds());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # The memory of an authority
//!
//! With the feature `authority` the same places keep what an authority remembers: tickets, epochs, entry keys, and the number of
//! its state. [`Sqlite`] is for one authority, [`Postgres`] for several that share it.
//!
//! ```
//! # #[cfg(all(feature = "sqlite", feature = "authority"))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use kest_authority::Store as _;
//! use kest_sql::Sqlite;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("authority.sqlite");
//! let store = Sqlite::builder(path).build()?.authority_store();
//! assert!(store.state().await?.workloads.is_empty());
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "sqlite", feature = "authority")))]
//! # fn main() {}
//! ```
//!
//! # Limits and caveats
//!
//! - Triggers keep rows from being changed or deleted by accident. One who owns the tables can drop them: that what was
//!   changed shows is for verifying to prove.
//! - A database that says that a transaction lasts and then loses it loses records; that shows as a cut. An authority forgets
//!   a revocation by it, or that a ticket was used, and that does not show.
//! - SQLite: on a disk of this machine. Its write-ahead log does not work on network file systems.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![expect(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names and no code")]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod append;
#[cfg(all(feature = "authority", any(feature = "sqlite", feature = "postgres")))]
mod authority;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod read;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod remove;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(all(feature = "authority", feature = "postgres"))]
pub use authority::POSTGRES_AUTHORITY_SCHEMA;
#[cfg(all(feature = "authority", feature = "sqlite"))]
pub use authority::SQLITE_AUTHORITY_SCHEMA;
#[cfg(all(feature = "authority", any(feature = "sqlite", feature = "postgres")))]
pub use authority::{AuthorityStore, StoreFault};
#[cfg(feature = "postgres")]
pub use postgres::{POSTGRES_SCHEMA, Postgres, PostgresBuildError, PostgresBuilder};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use remove::RemoveError;
#[cfg(feature = "spans")]
pub use sqlite::{FinishedSpan, SPANS_SCHEMA, SpanKind, SpanStatus, SpanTable, SpanTableBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{SQLITE_SCHEMA, Sqlite, SqliteBuildError, SqliteBuilder};
