//! `kest audit`: what an audit log has, whether all of it is there, and what it says.

mod flags;
mod kept;
mod passport;
pub(crate) mod place;
mod prune;
mod query;
mod tail;
mod verify;
pub(crate) mod view;

use std::collections::HashMap;
use std::io;

use kest_audit::{Recorded, Wanted};
use kest_core::Limits;
use kest_core::entry::EntryHash;
use kest_core::signature::KeyRing;

use crate::failure::{Answer, Failure};

pub(crate) use flags::{Audit, Query};

/// Runs one of the commands.
pub(crate) async fn run(command: Audit) -> Result<Answer, Failure> {
    match command {
        Audit::Verify(flags) => verify::run(flags).await,
        Audit::Query(flags) => query::run(&flags),
        Audit::Tail(flags) => tail::run(&flags).await,
        Audit::Passport(flags) => passport::run(&flags),
        Audit::Prune(flags) => prune::run(flags).await,
    }
}

/// A log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    /// The folder or a file in it, or the database, cannot be read.
    #[error("audit log cannot be read")]
    Unreadable(#[source] io::Error),
    /// There is no record of an audit log in it.
    #[error("place has no audit log")]
    Empty,
    /// It is no address of a database.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    #[error("database of the audit log cannot be asked")]
    Place(#[source] kest_core::BoxError),
    /// This program was built without it.
    #[cfg(any(not(feature = "sqlite"), not(feature = "postgres")))]
    #[error("this kest was built without the feature {0}")]
    NotBuilt(&'static str),
    /// What an earlier run kept cannot be read, or is of another version.
    #[error("{} is not what an earlier run kept", .0.display())]
    Resume(std::path::PathBuf, #[source] io::Error),
    /// What this run found cannot be kept.
    #[error("cannot write {}", .0.display())]
    Keep(std::path::PathBuf, #[source] io::Error),
    /// The log has a gap, which is evidence, or files could not be deleted.
    #[error(transparent)]
    Prune(#[from] kest_audit::PruneError),
    /// The key file cannot be used.
    #[error("key file {} cannot be used", .0.display())]
    Key(std::path::PathBuf, #[source] Box<kest_core::signature::KeyFileError>),
    /// What a key seals that the bundle does not know, no reader believes.
    #[error("bundle does not trust the key that would seal the deletion")]
    UntrustedKey,
    /// The deletion cannot be recorded.
    #[error(transparent)]
    Open(#[from] kest_audit::OpenError),
    /// The record of the deletion has no end. All files are deleted that were named.
    #[error("audit log cannot be closed")]
    Close(#[source] kest_core::audit::AuditError),
    /// What is asked for is no hash.
    #[error("entry is not a hash of 64 hexadecimal digits")]
    Hash,
}

async fn ring(keys: &std::path::Path) -> Result<KeyRing, Failure> {
    Ok(crate::keys::load(keys).await?.into_ring())
}

pub(crate) fn open(log: &std::path::Path) -> Result<kest_audit::Log, AuditError> {
    let log = place::open(log)?;
    if log.writers().next().is_none() { Err(AuditError::Empty) } else { Ok(log) }
}

/// What the log at `place` has of a lineage, and of what its operations gave.
pub(crate) fn lineage(
    place: &std::path::Path,
    wanted: Wanted<'_>,
    limits: &Limits,
) -> Result<(Recorded, HashMap<EntryHash, EntryHash>), AuditError> {
    let log = open(place)?;
    let found = log.lineage(wanted, limits).map_err(AuditError::Unreadable)?;
    let hashes: Vec<EntryHash> = found.entries.iter().map(|entry| EntryHash::of(entry)).collect();
    let contents = log.contents(&hashes).map_err(AuditError::Unreadable)?;
    Ok((found, contents))
}
