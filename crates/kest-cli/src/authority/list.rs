//! `kest authority list`: who is enrolled, and which tickets are out.

use std::fmt;

use jiff::Timestamp;
use kest_authority::{EntryKeyRecord, Place, State, Ticket, TicketState, Workload};
use kest_core::{Clock as _, SystemClock};
use serde::Serialize;

use super::AuthorityError;
use super::flags;
use super::place::{Missing, store};
use crate::failure::{Answer, Failure};
use crate::output::Output;

/// All of it; times are milliseconds since 1970.
#[derive(Debug, Serialize)]
struct Listed {
    sequence: u64,
    workloads: Vec<Enrolled>,
    tickets: Vec<Given>,
}

#[derive(Debug, Serialize)]
struct Enrolled {
    identity: String,
    epoch: u64,
    /// The last epoch that is void.
    void: Option<u64>,
    state: Life,
    enrolled: u64,
    renewed: u64,
    alive_until: u64,
    entry_keys: Vec<Key>,
}

/// Whether an identity can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Life {
    Alive,
    /// Its last certificate is over.
    Expired,
    Revoked,
}

#[derive(Debug, Serialize)]
struct Key {
    kid: String,
    since: u64,
    until: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Given {
    /// SHA-256 of the ticket.
    hash: String,
    identity: String,
    created: u64,
    expires: u64,
    replace: bool,
    /// More than once is an alarm.
    uses: u32,
    first_used: Option<u64>,
}

/// Prints both.
pub(crate) async fn run(flags: flags::List) -> Result<Answer, Failure> {
    let store = store(&flags.place, Missing::Refused)?;
    let now = SystemClock.unix_millis();
    let state = store.state().await.map_err(AuthorityError::Store)?;
    let tickets = store.tickets(now, MOST_TICKETS).await.map_err(AuthorityError::Store)?;
    let listed = Listed::of(state, tickets, now);
    let mut output = Output::open();
    if flags.json {
        output.json(&listed)?;
    } else {
        for workload in &listed.workloads {
            output.line(&workload.to_string())?;
        }
        for ticket in &listed.tickets {
            output.line(&ticket.to_string())?;
        }
    }
    output.flush()?;
    Ok(Answer::Yes)
}

impl Listed {
    fn of(state: State, tickets: Vec<Ticket>, now: u64) -> Self {
        let workloads = state.workloads.into_iter().map(|workload| Enrolled::of(workload, now)).collect();
        Self { sequence: state.sequence, workloads, tickets: tickets.into_iter().map(Given::of).collect() }
    }
}

impl Life {
    pub(super) fn of(workload: &Workload, now: u64) -> Self {
        if workload.void.is_some_and(|void| workload.epoch <= void) {
            Self::Revoked
        } else if workload.alive_until <= now {
            Self::Expired
        } else {
            Self::Alive
        }
    }
}

impl Enrolled {
    fn of(workload: Workload, now: u64) -> Self {
        let key =
            |record: EntryKeyRecord| Key { kid: record.key.kid, since: record.since, until: record.until };
        Self {
            identity: workload.identity.to_string(),
            epoch: workload.epoch.number(),
            void: workload.void.map(|void| void.number()),
            state: Life::of(&workload, now),
            enrolled: workload.enrolled,
            renewed: workload.renewed,
            alive_until: workload.alive_until,
            entry_keys: workload.entry_keys.into_iter().map(key).collect(),
        }
    }
}

impl fmt::Display for Enrolled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = time(self.alive_until);
        let (identity, epoch, keys) = (&self.identity, self.epoch, self.entry_keys.len());
        match self.state {
            Life::Alive => {
                write!(formatter, "{identity} epoch {epoch} alive until {until}, entry keys: {keys}")
            }
            Life::Expired => write!(formatter, "{identity} epoch {epoch} over since {until}"),
            Life::Revoked => write!(formatter, "{identity} epoch {epoch} revoked"),
        }
    }
}

impl Given {
    fn of(ticket: Ticket) -> Self {
        let (uses, first_used) = if let TicketState::Used { first, uses } = ticket.state {
            (uses, Some(first))
        } else {
            (0, None)
        };
        Self {
            hash: ticket.ticket.hash,
            identity: ticket.ticket.identity.to_string(),
            created: ticket.ticket.created,
            expires: ticket.ticket.expires,
            replace: ticket.ticket.place == Place::Taken,
            uses,
            first_used,
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (identity, hash) = (&self.identity, self.hash.get(..8).unwrap_or_default());
        match self.first_used {
            None => write!(formatter, "ticket {hash} for {identity} until {}", time(self.expires)),
            Some(first) => {
                let (uses, first) = (self.uses, time(first));
                write!(formatter, "ticket {hash} for {identity} USED {uses} TIMES, first at {first}")
            }
        }
    }
}

/// A time as people read it.
pub(super) fn time(millis: u64) -> String {
    let time = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.map_or_else(|| millis.to_string(), |time| time.to_string())
}

/// The newest ones: an operator who has more out looks into the store.
pub(super) const MOST_TICKETS: u32 = 1000;
