//! Workloads and their entry keys, as they stand in the tables.

use std::collections::BTreeMap;

use async_trait::async_trait;
use kest_authority::{EntryKeyRecord, Workload};
use kest_identity::SpiffeId;
use kest_workload::protocol::{EntryKey, Epoch};

use super::session::{Row, Session, Value, row, unreadable};
use super::slot::Transaction;
use crate::session::Failed;

/// One workload.
pub(super) struct Known<'a>(pub(super) &'a SpiffeId);

#[async_trait]
impl Transaction for Known<'_> {
    type Outcome = Option<Workload>;

    async fn run(&self, session: &mut dyn Session) -> Result<Option<Workload>, Failed> {
        workload(session, self.0).await
    }
}

pub(super) async fn workload(
    session: &mut dyn Session,
    identity: &SpiffeId,
) -> Result<Option<Workload>, Failed> {
    let identity = [Value::Text(identity.as_str())];
    let found = "SELECT identity, epoch, void, enrolled, renewed, alive_until FROM kest_authority_workloads \
        WHERE identity = $1";
    let Some(found) = row(session, found, &identity).await? else { return Ok(None) };
    let mut workload = read(&found)?;
    let keys = "SELECT kid, kty, crv, x, since, until, identity FROM kest_authority_entry_keys \
        WHERE identity = $1 ORDER BY since, kid";
    for key in session.rows(keys, &identity).await? {
        workload.entry_keys.push(entry_key(&key)?);
    }
    Ok(Some(workload))
}

/// All of them, in the order of their ids.
pub(super) async fn workloads(session: &mut dyn Session) -> Result<Vec<Workload>, Failed> {
    let all = "SELECT identity, epoch, void, enrolled, renewed, alive_until FROM kest_authority_workloads";
    let mut workloads = BTreeMap::new();
    for row in session.rows(all, &[]).await? {
        workloads.insert(row.text(0)?, read(&row)?);
    }
    let keys =
        "SELECT kid, kty, crv, x, since, until, identity FROM kest_authority_entry_keys ORDER BY since, kid";
    for row in session.rows(keys, &[]).await? {
        let workload = workloads.get_mut(&row.text(6)?);
        workload.ok_or_else(|| unreadable("entry key is of no workload"))?.entry_keys.push(entry_key(&row)?);
    }
    Ok(workloads.into_values().collect())
}

/// Whether the identity is in use at that time.
pub(super) fn is_alive(workload: &Workload, at: u64) -> bool {
    !is_void(workload) && at < workload.alive_until
}

/// Whether its present epoch is void.
pub(super) fn is_void(workload: &Workload) -> bool {
    workload.void.is_some_and(|void| workload.epoch <= void)
}

fn read(row: &Row) -> Result<Workload, Failed> {
    Ok(Workload {
        identity: identity(&row.text(0)?)?,
        epoch: Epoch::new(row.number(1)?),
        void: row.maybe(2)?.map(Epoch::new),
        enrolled: row.number(3)?,
        renewed: row.number(4)?,
        alive_until: row.number(5)?,
        entry_keys: Vec::new(),
    })
}

fn entry_key(row: &Row) -> Result<EntryKeyRecord, Failed> {
    let key = EntryKey { kid: row.text(0)?, kty: row.text(1)?, crv: row.text(2)?, x: row.text(3)? };
    Ok(EntryKeyRecord { key, since: row.number(4)?, until: row.maybe(5)? })
}

pub(super) fn identity(text: &str) -> Result<SpiffeId, Failed> {
    SpiffeId::parse(text).map_err(unreadable)
}
