//! Opens the audit log of a hop, in whichever place it lies.

use std::path::Path;
use std::sync::Arc;

use kest::audit::{Durability, JsonLines, Recorder};
use kest::core::BoxError;
use kest::{Limits, Sign};

/// The log at `place`: a folder, `sqlite:PATH`, or the address of a server of `PostgreSQL`.
pub(crate) async fn open(
    place: &Path,
    signer: Arc<dyn Sign>,
    durability: Durability,
    limits: &Limits,
) -> Result<Recorder, BoxError> {
    let text = place.to_str().unwrap_or_default();
    let database = if let Some(path) = text.strip_prefix("sqlite:") {
        sqlite(path, signer, durability)?
    } else if text.starts_with("postgres") && text.contains("://") {
        postgres(text, signer, durability)?
    } else {
        let folder = JsonLines::builder(place, signer, durability).limits(limits.clone());
        return Ok(folder.open()?.into());
    };
    Ok(database.limits(limits.clone()).open().await?)
}

#[cfg(feature = "databases")]
use databases::{postgres, sqlite};

#[cfg(feature = "databases")]
mod databases {
    use std::sync::Arc;

    use kest::Sign;
    use kest::audit::{Durability, RecorderBuilder};
    use kest::core::BoxError;
    use kest::sql::{Postgres, Sqlite};

    pub(super) fn sqlite(
        path: &str,
        signer: Arc<dyn Sign>,
        durability: Durability,
    ) -> Result<RecorderBuilder, BoxError> {
        Ok(Sqlite::builder(path).build()?.recorder(signer, durability))
    }

    pub(super) fn postgres(
        address: &str,
        signer: Arc<dyn Sign>,
        durability: Durability,
    ) -> Result<RecorderBuilder, BoxError> {
        Ok(Postgres::builder(address).build()?.recorder(signer, durability))
    }
}

#[cfg(not(feature = "databases"))]
use absent as sqlite;
#[cfg(not(feature = "databases"))]
use absent as postgres;

#[cfg(not(feature = "databases"))]
fn absent(
    _address: &str,
    _signer: Arc<dyn Sign>,
    _durability: Durability,
) -> Result<kest::audit::RecorderBuilder, BoxError> {
    Err("audit logs in databases need the feature `databases` of this package".into())
}
