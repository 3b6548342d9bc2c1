//! What the bundle is made of, and its number.

use async_trait::async_trait;
use kest_authority::{LiveKey, State};

use super::session::{Session, Value, row, unreadable};
use super::slot::Transaction;
use super::workloads::workloads;
use crate::session::{Failed, number};

/// Replaces the keys of one authority.
pub(super) struct Publish<'a> {
    pub(super) authority: &'a str,
    pub(super) keys: &'a [LiveKey],
    pub(super) at: u64,
}

#[async_trait]
impl Transaction for Publish<'_> {
    type Outcome = ();

    async fn run(&self, session: &mut dyn Session) -> Result<(), Failed> {
        let authority = Value::Text(self.authority);
        let now = "SELECT id, jwk FROM kest_authority_published WHERE authority = $1 ORDER BY place";
        let mut now_there = Vec::new();
        for row in session.rows(now, &[authority]).await? {
            now_there.push(LiveKey { id: row.text(0)?, jwk: row.text(1)? });
        }
        if now_there == self.keys {
            return Ok(());
        }
        let withdraw = "DELETE FROM kest_authority_published WHERE authority = $1";
        session.execute(withdraw, &[authority]).await?;
        let publish =
            "INSERT INTO kest_authority_published (authority, place, id, jwk) VALUES ($1, $2, $3, $4)";
        for (place, key) in (0..).zip(self.keys) {
            let values = [authority, Value::Number(place), Value::Text(&key.id), Value::Text(&key.jwk)];
            session.execute(publish, &values).await?;
        }
        raise(session, self.at).await
    }
}

/// Says that the bundle says something else from now on. The number follows the clock where it can: a store that was restored
/// from a backup is ahead of what services have of it with its next change.
pub(super) async fn raise(session: &mut dyn Session, at: u64) -> Result<(), Failed> {
    let raise = "UPDATE kest_authority_sequence SET sequence = \
        CASE WHEN sequence < $1 THEN $1 ELSE sequence + 1 END WHERE one = 1";
    let clock = Value::Number(number(at.min(MOST_CLOCK)));
    if session.execute(raise, &[clock]).await? == 1 {
        Ok(())
    } else {
        Err(unreadable("number of the state is missing"))
    }
}

/// The number of the present state.
pub(super) struct Sequence;

#[async_trait]
impl Transaction for Sequence {
    type Outcome = u64;

    async fn run(&self, session: &mut dyn Session) -> Result<u64, Failed> {
        let sequence = "SELECT sequence FROM kest_authority_sequence WHERE one = 1";
        let found = row(session, sequence, &[]).await?;
        found.ok_or_else(|| unreadable("number of the state is missing"))?.number(0)
    }
}

/// All of it, at one moment.
pub(super) struct Whole;

#[async_trait]
impl Transaction for Whole {
    type Outcome = State;

    async fn run(&self, session: &mut dyn Session) -> Result<State, Failed> {
        let sequence = Sequence.run(session).await?;
        let published = "SELECT authority, id, jwk FROM kest_authority_published ORDER BY authority, place";
        let mut keys = Vec::new();
        for row in session.rows(published, &[]).await? {
            keys.push((row.text(0)?, LiveKey { id: row.text(1)?, jwk: row.text(2)? }));
        }
        Ok(State { sequence, keys, workloads: workloads(session).await? })
    }
}

/// The year 5138: a clock that is further ahead does not use up the numbers that JSON can say.
const MOST_CLOCK: u64 = 100_000_000_000_000;
