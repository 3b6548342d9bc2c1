//! What an operator does to the authority, beside the process that runs it: both share its folder.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kest::core::{BoxError, OsRandom, SystemClock};
use kest::identity::{SpiffeId, TrustDomain};
use kest::workload::protocol::TicketText;
use kest_authority::{Authority, AuthorityKeys, Place, Revoked};

use crate::authority;

/// The trust domain of the fleet.
pub const DOMAIN: &str = "fleet.example";

/// Makes the keys of a new authority in `folder`.
///
/// # Errors
///
/// When there are keys already, or the folder cannot be written to.
pub fn begin(folder: &Path, life: Duration) -> Result<(), BoxError> {
    let domain = TrustDomain::parse(DOMAIN)?;
    let names = ["127.0.0.1".to_owned()];
    drop(AuthorityKeys::init_with_longest_life(folder, &domain, names, life, &SystemClock, &OsRandom)?);
    Ok(())
}

/// The identity of that name in the fleet.
///
/// # Errors
///
/// When it is no SPIFFE id.
pub fn identity(path: &str) -> Result<SpiffeId, BoxError> {
    Ok(SpiffeId::parse(&format!("spiffe://{DOMAIN}/{path}"))?)
}

/// The operator's hold on the authority.
#[derive(Debug)]
pub struct Operator {
    authority: Authority,
}

impl Operator {
    /// Of the authority in `folder`.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub async fn of(folder: &Path, workloads: SocketAddr, life: Duration) -> Result<Self, BoxError> {
        Ok(Self { authority: authority::over(folder, workloads, life).await? })
    }

    /// A ticket for `path`, good for a minute.
    ///
    /// # Errors
    ///
    /// When the memory of the authority does not keep it.
    pub async fn ticket(&self, path: &str, place: Place) -> Result<TicketText, BoxError> {
        Ok(self.authority.give_ticket(&identity(path)?, Duration::from_secs(60), place).await?)
    }

    /// Revokes `path`.
    ///
    /// # Errors
    ///
    /// When the memory of the authority does not keep that.
    pub async fn revoke(&self, path: &str) -> Result<(), BoxError> {
        let revoked = self.authority.revoke(&identity(path)?).await?;
        if revoked == Revoked::Unknown { Err("there is no such workload".into()) } else { Ok(()) }
    }

    /// Makes the next root, which issues after `overlap`; false while the one before the present one is not over.
    ///
    /// # Errors
    ///
    /// When it is not kept.
    pub async fn rotate_root(&self, overlap: Duration) -> Result<bool, BoxError> {
        match self.authority.keys().rotate_root(overlap, &SystemClock, &OsRandom) {
            Ok(()) => {
                self.authority.keep_up_now().await?;
                Ok(true)
            }
            Err(kest_authority::KeysError::NotOver) => Ok(false),
            Err(cause) => Err(cause.into()),
        }
    }
}
