//! Where an authority remembers: a file of `SQLite`, or a server of `PostgreSQL`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kest_authority::Store;
use kest_sql::Sqlite;

use super::AuthorityError;
use super::flags::Place;
use crate::audit::place::{Named, named};

/// Whether a store may be made where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// A mistyped folder shall not look like an authority without workloads.
    Refused,
    /// The authority is new.
    Made,
}

/// What the authority remembers.
pub(super) fn store(place: &Place, missing: Missing) -> Result<Arc<dyn Store>, AuthorityError> {
    let default = || place.dir.join(DEFAULT);
    match place.store.as_deref().map(named) {
        None => sqlite(&default(), missing),
        Some(Named::Sqlite(path)) => sqlite(path, missing),
        Some(Named::Postgres(address)) => postgres(address),
        Some(Named::Folder(_)) => Err(AuthorityError::NoStore),
    }
}

fn sqlite(path: &Path, missing: Missing) -> Result<Arc<dyn Store>, AuthorityError> {
    if missing == Missing::Refused && !path.exists() {
        return Err(AuthorityError::NotThere(PathBuf::from(path)));
    }
    let place = Sqlite::builder(path).timeout(WAIT).build();
    Ok(Arc::new(place.map_err(|cause| AuthorityError::Place(cause.into()))?.authority_store()))
}

#[cfg(feature = "postgres")]
fn postgres(address: &str) -> Result<Arc<dyn Store>, AuthorityError> {
    let place = kest_sql::Postgres::builder(address).timeout(WAIT).build();
    Ok(Arc::new(place.map_err(|cause| AuthorityError::Place(cause.into()))?.authority_store()))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_address: &str) -> Result<Arc<dyn Store>, AuthorityError> {
    Err(AuthorityError::NotBuilt)
}

/// In the folder of the authority.
const DEFAULT: &str = "authority.sqlite";
/// Longer than a workload waits for its authority: so a change that waits for others is not given up while one may still be
/// answered.
const WAIT: Duration = Duration::from_secs(10);
