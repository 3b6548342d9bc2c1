//! Tickets: given out, used once, and counted when they come again.

use async_trait::async_trait;
use kest_authority::{Alarm, NewTicket, Place, Ticket, TicketState};

use super::session::{Row, Session, Value, row, unreadable};
use super::slot::Transaction;
use super::workloads::identity;
use crate::session::{Failed, number};

#[async_trait]
impl Transaction for NewTicket {
    type Outcome = ();

    async fn run(&self, session: &mut dyn Session) -> Result<(), Failed> {
        let place = if self.place == Place::Taken { TAKEN } else { FREE };
        let add = "INSERT INTO kest_authority_tickets (hash, identity, created, expires, place) \
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let values = [
            Value::Text(&self.hash),
            Value::Text(self.identity.as_str()),
            Value::Number(number(self.created)),
            Value::Number(number(self.expires)),
            Value::Text(place),
        ];
        if session.execute(add, &values).await? == 1 {
            Ok(())
        } else {
            Err(unreadable("there is such a ticket already"))
        }
    }
}

/// A ticket by its hash.
pub(super) async fn ticket(session: &mut dyn Session, hash: &str) -> Result<Option<Ticket>, Failed> {
    let found = "SELECT hash, identity, created, expires, place, first_used, uses FROM kest_authority_tickets \
        WHERE hash = $1";
    row(session, found, &[Value::Text(hash)]).await?.map(|found| read(&found)).transpose()
}

/// Uses it up; it is not used yet.
pub(super) async fn use_up(session: &mut dyn Session, hash: &str, at: u64) -> Result<(), Failed> {
    let use_up =
        "UPDATE kest_authority_tickets SET first_used = $2, uses = 1 WHERE hash = $1 AND first_used IS NULL";
    let values = [Value::Text(hash), Value::Number(number(at))];
    if session.execute(use_up, &values).await? == 1 {
        Ok(())
    } else {
        Err(unreadable("ticket was used in between"))
    }
}

/// Counts a use of one that is used up.
pub(super) async fn used_again(session: &mut dyn Session, used: &NewTicket) -> Result<Alarm, Failed> {
    let again = "UPDATE kest_authority_tickets SET uses = uses + 1 WHERE hash = $1 AND uses < $2";
    session.execute(again, &[Value::Text(&used.hash), Value::Number(u32::MAX.into())]).await?;
    let counted = ticket(session, &used.hash).await?.map(|counted| counted.state);
    let Some(TicketState::Used { first, uses }) = counted else {
        return Err(unreadable("ticket is gone"));
    };
    Ok(Alarm { identity: used.identity.clone(), first_used: first, uses })
}

/// Tickets that an operator is to see.
pub(super) struct Open {
    pub(super) at: u64,
    pub(super) limit: u32,
}

#[async_trait]
impl Transaction for Open {
    type Outcome = Vec<Ticket>;

    async fn run(&self, session: &mut dyn Session) -> Result<Vec<Ticket>, Failed> {
        let open = "SELECT hash, identity, created, expires, place, first_used, uses FROM kest_authority_tickets \
            WHERE (uses = 0 AND expires > $1) OR uses > 1 ORDER BY created DESC, hash LIMIT $2";
        let values = [Value::Number(number(self.at)), Value::Number(self.limit.into())];
        session.rows(open, &values).await?.iter().map(read).collect()
    }
}

/// Forgets those that were over by then.
pub(super) struct Forget(pub(super) u64);

#[async_trait]
impl Transaction for Forget {
    type Outcome = u64;

    async fn run(&self, session: &mut dyn Session) -> Result<u64, Failed> {
        let forget = "DELETE FROM kest_authority_tickets WHERE expires < $1";
        session.execute(forget, &[Value::Number(number(self.0))]).await
    }
}

fn read(row: &Row) -> Result<Ticket, Failed> {
    let place = match row.text(4)?.as_str() {
        FREE => Place::Free,
        TAKEN => Place::Taken,
        _other => return Err(unreadable("ticket is of no known kind")),
    };
    let ticket = NewTicket {
        hash: row.text(0)?,
        identity: identity(&row.text(1)?)?,
        created: row.number(2)?,
        expires: row.number(3)?,
        place,
    };
    let state = match (row.maybe(5)?, u32::try_from(row.number(6)?).map_err(unreadable)?) {
        (None, 0) => TicketState::Unused,
        (Some(first), uses @ 1..) => TicketState::Used { first, uses },
        _other => return Err(unreadable("ticket is neither used nor unused")),
    };
    Ok(Ticket { ticket, state })
}

/// As [`Place`] stands in the table.
const FREE: &str = "free";
const TAKEN: &str = "taken";
