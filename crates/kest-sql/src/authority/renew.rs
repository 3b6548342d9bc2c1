//! Renews what an identity has, with a next entry key where there is one.

use async_trait::async_trait;
use kest_authority::{EntryKeyRecord, MOST_ENTRY_KEYS, Renewal, Renewed, Workload};

use super::keys;
use super::published::raise;
use super::session::{Session, Value};
use super::slot::Transaction;
use super::workloads::{is_alive, is_void, workload};
use crate::session::{Failed, number};

/// What a next entry key is to the keys that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Its name was never seen.
    New,
    /// It was taken before, and the answer was lost.
    Again,
}

#[async_trait]
impl Transaction for Renewal {
    type Outcome = Renewed;

    async fn run(&self, session: &mut dyn Session) -> Result<Renewed, Failed> {
        let Some(present) = workload(session, &self.identity).await? else { return Ok(Renewed::Unknown) };
        if present.epoch != self.epoch || is_void(&present) {
            return Ok(Renewed::Void);
        }
        if !is_alive(&present, self.at) {
            return Ok(Renewed::NotAlive);
        }
        let next = match &self.entry_key {
            None => None,
            Some(key) => match next(self, session, &present, key).await? {
                Ok(next) => Some((next, key)),
                Err(refused) => return Ok(refused),
            },
        };
        let mut changed = forget_ended(self, session).await?;
        if let Some((Next::New, key)) = next {
            end_earlier(self, session).await?;
            keys::add(session, &self.identity, self.epoch, key).await?;
            changed = true;
        }
        live_on(self, session).await?;
        if changed {
            raise(session, self.at).await?;
        }
        Ok(Renewed::Renewed)
    }
}

async fn next(
    renewal: &Renewal,
    session: &mut dyn Session,
    present: &Workload,
    next: &EntryKeyRecord,
) -> Result<Result<Next, Renewed>, Failed> {
    if present.entry_keys.iter().any(|record| record.until.is_none() && record.key == next.key) {
        return Ok(Ok(Next::Again));
    }
    if keys::owner(session, &next.key.kid).await?.is_some() {
        return Ok(Err(Renewed::KeyTaken));
    }
    let staying = present.entry_keys.iter().filter(|it| it.until.is_none_or(|until| renewal.at < until));
    Ok(if staying.count() < MOST_ENTRY_KEYS { Ok(Next::New) } else { Err(Renewed::TooManyKeys) })
}

async fn forget_ended(renewal: &Renewal, session: &mut dyn Session) -> Result<bool, Failed> {
    let forget = "DELETE FROM kest_authority_entry_keys WHERE identity = $1 AND until <= $2";
    let values = [Value::Text(renewal.identity.as_str()), Value::Number(number(renewal.at))];
    Ok(session.execute(forget, &values).await? > 0)
}

/// Keys before the next one end, unless they do so earlier.
async fn end_earlier(renewal: &Renewal, session: &mut dyn Session) -> Result<(), Failed> {
    let end = "UPDATE kest_authority_entry_keys SET until = $2 \
        WHERE identity = $1 AND (until IS NULL OR until > $2)";
    let until = Value::Number(number(renewal.earlier_keys_until));
    session.execute(end, &[Value::Text(renewal.identity.as_str()), until]).await.map(drop)
}

/// Of two renewals at once the one that lives longer counts.
async fn live_on(renewal: &Renewal, session: &mut dyn Session) -> Result<(), Failed> {
    let live_on = "UPDATE kest_authority_workloads SET \
        renewed = CASE WHEN renewed < $2 THEN $2 ELSE renewed END, \
        alive_until = CASE WHEN alive_until < $3 THEN $3 ELSE alive_until END WHERE identity = $1";
    let (at, until) = (number(renewal.at), number(renewal.alive_until));
    let values = [Value::Text(renewal.identity.as_str()), Value::Number(at), Value::Number(until)];
    session.execute(live_on, &values).await.map(drop)
}
