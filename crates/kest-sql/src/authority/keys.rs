//! Entry keys that come and go, and whose their names are.

use kest_authority::EntryKeyRecord;
use kest_identity::SpiffeId;
use kest_workload::protocol::Epoch;

use super::session::{Session, Value, row};
use crate::session::{Failed, number};

/// Whose a name of a key is, if it is known: who had it first, and in which epoch.
pub(super) async fn owner(session: &mut dyn Session, kid: &str) -> Result<Option<(String, Epoch)>, Failed> {
    let owner = "SELECT identity, epoch FROM kest_authority_kids WHERE kid = $1";
    let Some(owner) = row(session, owner, &[Value::Text(kid)]).await? else { return Ok(None) };
    Ok(Some((owner.text(0)?, Epoch::new(owner.number(1)?))))
}

/// Adds a key whose name is new.
pub(super) async fn add(
    session: &mut dyn Session,
    identity: &SpiffeId,
    epoch: Epoch,
    record: &EntryKeyRecord,
) -> Result<(), Failed> {
    let (identity, kid) = (Value::Text(identity.as_str()), Value::Text(&record.key.kid));
    let name = "INSERT INTO kest_authority_kids (kid, identity, epoch) VALUES ($1, $2, $3)";
    session.execute(name, &[kid, identity, Value::Number(number(epoch.number()))]).await?;
    let key = "INSERT INTO kest_authority_entry_keys (kid, identity, kty, crv, x, since, until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (kty, crv, x) = (&record.key.kty, &record.key.crv, &record.key.x);
    let values = [kid, identity, Value::Text(kty), Value::Text(crv), Value::Text(x)];
    let times = [Value::Number(number(record.since)), Value::Maybe(record.until.map(number))];
    session.execute(key, &[values.as_slice(), times.as_slice()].concat()).await.map(drop)
}

/// Forgets all keys of an identity. Their names stay known.
pub(super) async fn forget(session: &mut dyn Session, identity: &SpiffeId) -> Result<(), Failed> {
    let forget = "DELETE FROM kest_authority_entry_keys WHERE identity = $1";
    session.execute(forget, &[Value::Text(identity.as_str())]).await.map(drop)
}
