//! What ends: all that an identity has, by an operator; keys of workloads that live no longer, and those that ended long ago.

use async_trait::async_trait;
use kest_authority::Revoked;
use kest_identity::SpiffeId;

use super::keys::forget;
use super::published::raise;
use super::session::{Session, Value};
use super::slot::Transaction;
use super::workloads::{is_void, workload};
use crate::session::{Failed, number};

/// Makes all epochs of an identity void.
pub(super) struct Revoke<'a> {
    pub(super) identity: &'a SpiffeId,
    pub(super) at: u64,
}

#[async_trait]
impl Transaction for Revoke<'_> {
    type Outcome = Revoked;

    async fn run(&self, session: &mut dyn Session) -> Result<Revoked, Failed> {
        let Some(present) = workload(session, self.identity).await? else { return Ok(Revoked::Unknown) };
        if !is_void(&present) || !present.entry_keys.is_empty() {
            let void = "UPDATE kest_authority_workloads SET void = epoch WHERE identity = $1";
            session.execute(void, &[Value::Text(self.identity.as_str())]).await?;
            forget(session, self.identity).await?;
            raise(session, self.at).await?;
        }
        Ok(Revoked::UpTo(present.epoch))
    }
}

/// Ends keys with the life of their workload, and forgets those that ended.
pub(super) struct Retire {
    pub(super) at: u64,
    pub(super) ended_before: u64,
}

#[async_trait]
impl Transaction for Retire {
    type Outcome = u64;

    async fn run(&self, session: &mut dyn Session) -> Result<u64, Failed> {
        let end = "UPDATE kest_authority_entry_keys SET until = (SELECT it.alive_until \
            FROM kest_authority_workloads AS it WHERE it.identity = kest_authority_entry_keys.identity) \
            WHERE EXISTS (SELECT 1 FROM kest_authority_workloads AS it \
                WHERE it.identity = kest_authority_entry_keys.identity AND it.alive_until <= $1 \
                AND (kest_authority_entry_keys.until IS NULL OR kest_authority_entry_keys.until > it.alive_until))";
        let forget = "DELETE FROM kest_authority_entry_keys WHERE until < $1";
        let ended = session.execute(end, &[Value::Number(number(self.at))]).await?;
        let forgotten = session.execute(forget, &[Value::Number(number(self.ended_before))]).await?;
        let changed = ended.saturating_add(forgotten);
        if changed > 0 {
            raise(session, self.at).await?;
        }
        Ok(changed)
    }
}
