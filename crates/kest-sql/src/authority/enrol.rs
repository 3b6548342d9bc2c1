//! Uses a ticket up and begins an epoch, all of it or nothing.

use async_trait::async_trait;
use kest_authority::{Enrolled, Enrolment, Evidence, Place, Ticket, TicketState, Workload};
use kest_identity::SpiffeId;
use kest_workload::protocol::Epoch;

use super::keys;
use super::published::raise;
use super::session::{Session, Value, unreadable};
use super::slot::Transaction;
use super::tickets::{self, ticket};
use super::workloads::{is_alive, workload};
use crate::session::{Failed, number};

#[async_trait]
impl Transaction for Enrolment {
    type Outcome = Enrolled;

    async fn run(&self, session: &mut dyn Session) -> Result<Enrolled, Failed> {
        let (identity, place) = match who(self, session).await? {
            Ok(evidence) => evidence,
            Err(refused) => return Ok(refused),
        };
        let present = workload(session, &identity).await?;
        let kept = present.as_ref().filter(|it| is_alive(it, self.at) && !succeeds(self, it, place));
        if kept.is_some() {
            return Ok(Enrolled::Alive { identity });
        }
        if keys::owner(session, &self.entry_key.key.kid).await?.is_some() {
            return Ok(Enrolled::KeyTaken);
        }
        if let Evidence::Ticket(hash) = &self.evidence {
            tickets::use_up(session, hash, self.at).await?;
        }
        let epoch = begin(self, session, &identity, present.as_ref()).await?;
        Ok(Enrolled::Begun { identity, epoch })
    }
}

/// Whose identity the evidence is for, or why it counts for no one's.
async fn who(
    enrolment: &Enrolment,
    session: &mut dyn Session,
) -> Result<Result<(SpiffeId, Place), Enrolled>, Failed> {
    let hash = match &enrolment.evidence {
        // A token gives no place away.
        Evidence::Token(identity) => return Ok(Ok((identity.clone(), Place::Free))),
        Evidence::Ticket(hash) => hash,
        _later => return Err(unreadable("evidence is of no known kind")),
    };
    let Some(Ticket { ticket, state }) = ticket(session, hash).await? else {
        return Ok(Err(Enrolled::NoTicket));
    };
    if state != TicketState::Unused {
        // One that is over too: that it came twice says that it was stolen.
        return tickets::used_again(session, &ticket).await.map(Enrolled::TicketUsed).map(Err);
    }
    if ticket.expires <= enrolment.at {
        return Ok(Err(Enrolled::TicketExpired { identity: ticket.identity }));
    }
    Ok(Ok((ticket.identity, ticket.place)))
}

/// Whether the operator, or a key that the identity has now, gives the place of one that is alive away.
fn succeeds(enrolment: &Enrolment, present: &Workload, place: Place) -> bool {
    let counts = |until: Option<u64>| until.is_none_or(|until| enrolment.at < until);
    place == Place::Taken
        || enrolment.current_key.as_ref().is_some_and(|current| {
            present.entry_keys.iter().any(|record| record.key == *current && counts(record.until))
        })
}

/// Begins the next epoch, with its first key and no other.
async fn begin(
    enrolment: &Enrolment,
    session: &mut dyn Session,
    identity: &SpiffeId,
    present: Option<&Workload>,
) -> Result<Epoch, Failed> {
    let epoch = present.map_or(Epoch::FIRST, |present| present.epoch.next());
    let numbered = i64::try_from(epoch.number()).map_err(unreadable)?;
    let void = present.map(|present| number(present.epoch.number()));
    keys::forget(session, identity).await?;
    let upsert = "INSERT INTO kest_authority_workloads AS it (identity, epoch, void, enrolled, renewed, alive_until) \
        VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT (identity) DO UPDATE SET epoch = excluded.epoch, \
        void = excluded.void, enrolled = excluded.enrolled, renewed = excluded.renewed, \
        alive_until = excluded.alive_until WHERE it.epoch < excluded.epoch";
    let values = [
        Value::Text(identity.as_str()),
        Value::Number(numbered),
        Value::Maybe(void),
        Value::Number(number(enrolment.at)),
        Value::Number(number(enrolment.alive_until)),
    ];
    if session.execute(upsert, &values).await? != 1 {
        return Err(unreadable("identity has no epoch left"));
    }
    keys::add(session, identity, epoch, &enrolment.entry_key).await?;
    raise(session, enrolment.at).await?;
    Ok(epoch)
}
