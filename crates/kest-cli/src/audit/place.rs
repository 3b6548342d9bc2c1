//! Where a log lies: a folder, a file of `SQLite`, or a server of `PostgreSQL`.

use std::path::Path;

use kest_audit::Log;

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

enum Named<'it> {
    Folder(&'it Path),
    Sqlite(&'it Path),
    Postgres(&'it str),
}

fn named(place: &Path) -> Named<'_> {
    let text = place.to_str().unwrap_or_default();
    if let Some(path) = text.strip_prefix("sqlite:") {
        Named::Sqlite(Path::new(path))
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        Named::Postgres(text)
    } else {
        Named::Folder(place)
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(path: &Path) -> Result<Log, AuditError> {
    let place = kest_sql::Sqlite::builder(path).timeout(WAIT).build();
    place.map_err(|cause| AuditError::Place(cause.into()))?.log().map_err(AuditError::Unreadable)
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_path: &Path) -> Result<Log, AuditError> {
    Err(AuditError::NotBuilt("sqlite"))
}

#[cfg(feature = "postgres")]
fn postgres(address: &str) -> Result<Log, AuditError> {
    let place = kest_sql::Postgres::builder(address).timeout(WAIT).build();
    place.map_err(|cause| AuditError::Place(cause.into()))?.log().map_err(AuditError::Unreadable)
}

#[cfg(not(feature = "postgres"))]
fn postgres(_address: &str) -> Result<Log, AuditError> {
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
