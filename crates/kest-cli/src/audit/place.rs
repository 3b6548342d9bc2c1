//! Where a log lies: a folder, a file of `SQLite`, or a server of `PostgreSQL`.

use std::path::Path;
use std::sync::Arc;

use kest_audit::{Log, OldParts};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use kest_audit::{Recorder, RecorderBuilder};
use kest_core::signature::Ed25519Signer;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use uuid::Uuid;

use super::AuditError;

/// The log at `place`.
pub(super) fn open(place: &Path) -> Result<Log, AuditError> {
    match named(place) {
        Named::Folder(folder) => Log::open(folder).map_err(AuditError::Unreadable),
        Named::Sqlite(path) => sqlite(path),
        Named::Postgres(address) => postgres(address),
    }
}

/// The name of a place, as it may be shown: an address can have a password in it.
pub(crate) fn shown(place: &Path) -> String {
    match named(place) {
        Named::Postgres(address) => {
            let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
            let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            // Of one in which that can be part of a password nothing is shown.
            if behind.contains('@') {
                return format!("{scheme}://..");
            }
            let host = authority.rsplit('@').next().unwrap_or_default();
            let path = behind.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        Named::Folder(_) | Named::Sqlite(_) => place.display().to_string(),
    }
}

/// A place, by the form of its name.
pub(crate) enum Named<'it> {
    Folder(&'it Path),
    Sqlite(&'it Path),
    Postgres(&'it str),
}

pub(crate) fn named(place: &Path) -> Named<'_> {
    let text = place.to_str().unwrap_or_default();
    if let Some(path) = text.strip_prefix("sqlite:") {
        Named::Sqlite(Path::new(path))
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        Named::Postgres(text)
    } else {
        Named::Folder(place)
    }
}

/// Deletes old parts of a log in a database, after a record of its own says so.
pub(super) async fn remove(
    place: &Path,
    signer: Arc<Ed25519Signer>,
    old: &OldParts,
) -> Result<(), AuditError> {
    match named(place) {
        // Files are deleted by `Pruning`.
        Named::Folder(_) => Ok(()),
        Named::Sqlite(path) => remove_from_sqlite(path, signer, old).await,
        Named::Postgres(address) => remove_from_postgres(address, signer, old).await,
    }
}

#[cfg(feature = "sqlite")]
use of_sqlite::{remove_from_sqlite, sqlite};

#[cfg(feature = "sqlite")]
mod of_sqlite {
    use std::path::Path;
    use std::sync::Arc;

    use kest_audit::{Durability, Log, OldParts};
    use kest_core::signature::Ed25519Signer;
    use kest_sql::Sqlite;

    use super::{AuditError, WAIT, remove_by};

    fn place(path: &Path) -> Result<Sqlite, AuditError> {
        Sqlite::builder(path).timeout(WAIT).build().map_err(|cause| AuditError::Place(cause.into()))
    }

    pub(super) fn sqlite(path: &Path) -> Result<Log, AuditError> {
        place(path)?.log().map_err(AuditError::Unreadable)
    }

    pub(super) async fn remove_from_sqlite(
        path: &Path,
        signer: Arc<Ed25519Signer>,
        old: &OldParts,
    ) -> Result<(), AuditError> {
        let place = place(path)?;
        let builder = place.recorder(signer, Durability::Required);
        remove_by(builder, old, async |log, writer, part| place.remove(log, writer, part).await).await
    }
}

#[cfg(feature = "postgres")]
use of_postgres::{postgres, remove_from_postgres};

#[cfg(feature = "postgres")]
mod of_postgres {
    use std::sync::Arc;

    use kest_audit::{Durability, Log, OldParts};
    use kest_core::signature::Ed25519Signer;
    use kest_sql::Postgres;

    use super::{AuditError, WAIT, remove_by};

    fn place(address: &str) -> Result<Postgres, AuditError> {
        Postgres::builder(address).timeout(WAIT).build().map_err(|cause| AuditError::Place(cause.into()))
    }

    pub(super) fn postgres(address: &str) -> Result<Log, AuditError> {
        place(address)?.log().map_err(AuditError::Unreadable)
    }

    pub(super) async fn remove_from_postgres(
        address: &str,
        signer: Arc<Ed25519Signer>,
        old: &OldParts,
    ) -> Result<(), AuditError> {
        let place = place(address)?;
        let builder = place.recorder(signer, Durability::Required);
        remove_by(builder, old, async |log, writer, part| place.remove(log, writer, part).await).await
    }
}

/// Part by part: each deletion is short, so that services of the same database wait for none of them, and what an interrupted run
/// leaves verifies.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
async fn remove_by(
    builder: RecorderBuilder,
    old: &OldParts,
    remove: impl AsyncFn(&Recorder, Uuid, u32) -> Result<(), kest_sql::RemoveError>,
) -> Result<(), AuditError> {
    let log = builder.limits(super::prune::waiting()).open().await.map_err(AuditError::Open)?;
    old.say_again(&log).await.map_err(AuditError::Prune)?;
    for part in old.parts() {
        let removed = remove(&log, part.writer, part.number).await;
        removed.map_err(|cause| AuditError::Place(cause.into()))?;
    }
    log.close().await.map_err(AuditError::Close)
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_path: &Path) -> Result<Log, AuditError> {
    Err(AuditError::NotBuilt("sqlite"))
}

#[cfg(not(feature = "sqlite"))]
async fn remove_from_sqlite(
    _path: &Path,
    _signer: Arc<Ed25519Signer>,
    _old: &OldParts,
) -> Result<(), AuditError> {
    Err(AuditError::NotBuilt("sqlite"))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_address: &str) -> Result<Log, AuditError> {
    Err(AuditError::NotBuilt("postgres"))
}

#[cfg(not(feature = "postgres"))]
async fn remove_from_postgres(
    _address: &str,
    _signer: Arc<Ed25519Signer>,
    _old: &OldParts,
) -> Result<(), AuditError> {
    Err(AuditError::NotBuilt("postgres"))
}

/// One who reads can wait longer than an operation.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const WAIT: std::time::Duration = std::time::Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack: one who looks at a page over a log reads the password of its database.
    #[test]
    fn password_of_a_place_is_not_shown() {
        for (place, told) in [
            ("postgres://audit:secret@db.example.org:5432/audit", "postgres://db.example.org:5432/audit"),
            ("postgresql://audit:s@cret@db/audit?password=secret", "postgresql://db/audit"),
            ("postgres://u:secret?x@db/audit", "postgres://.."),
            ("postgres://db/audit?password=a@secret", "postgres://.."),
            ("postgres://db/audit?password=secret", "postgres://db/audit"),
            ("sqlite:/var/audit.db", "sqlite:/var/audit.db"),
            ("/var/audit", "/var/audit"),
        ] {
            assert_eq!(shown(Path::new(place)), told);
        }
    }
}
