//! `kest authority revoke`: all that an identity has counts no more.

use kest_authority::Revoked;
use kest_core::{Clock as _, SystemClock};
use serde::Serialize;

use super::AuthorityError;
use super::flags;
use super::place::{Missing, store};
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

#[derive(Debug, Serialize)]
struct Done<'it> {
    identity: &'it str,
    /// The last epoch that is void; none where there is no such identity.
    epoch: Option<u64>,
}

/// Revokes, and says up to which epoch.
pub(crate) async fn run(flags: flags::Revoke) -> Result<Answer, Failure> {
    let store = store(&flags.place, Missing::Refused)?;
    let revoked = store.revoke(&flags.identity, SystemClock.unix_millis()).await;
    let epoch = if let Revoked::UpTo(epoch) = revoked.map_err(AuthorityError::Store)? {
        Some(epoch.number())
    } else {
        None
    };
    let mut output = Output::open();
    match (flags.json, epoch) {
        (true, epoch) => output.json(&Done { identity: flags.identity.as_str(), epoch })?,
        (false, Some(epoch)) => output.line(&format!("revoked {} up to epoch {epoch}", flags.identity))?,
        (false, None) => output::say(&format!("{} was never enrolled", flags.identity)),
    }
    output.flush()?;
    Ok(if epoch.is_some() { Answer::Yes } else { Answer::No })
}
