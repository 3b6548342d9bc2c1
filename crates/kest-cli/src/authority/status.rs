//! `kest authority status`: whose keys are published, and how many workloads and tickets there are.

use std::collections::BTreeMap;
use std::fmt;

use kest_authority::{AuthorityKeys, KeyKind, KeyState, LiveKey, State, Ticket, TicketState};
use kest_core::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use super::list::{Life, MOST_TICKETS, time};
use super::place::{Missing, store};
use super::{AuthorityError, flags};
use crate::failure::{Answer, Failure};
use crate::output::Output;

#[derive(Debug, Default, Serialize)]
struct Status {
    trust_domain: String,
    /// Those of this folder that are published now.
    keys: Vec<Key>,
    sequence: u64,
    authorities: Vec<Published>,
    workloads: Workloads,
    tickets: Tickets,
}

/// Times are milliseconds since 1970.
#[derive(Debug, Serialize)]
struct Key {
    kind: &'static str,
    name: String,
    used_from: u64,
    not_after: Option<u64>,
    signs: bool,
}

/// What one authority publishes: an id each.
#[derive(Debug, Default, Serialize)]
struct Published {
    authority: String,
    roots: Vec<String>,
    token_keys: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Workloads {
    alive: usize,
    expired: usize,
    revoked: usize,
}

#[derive(Debug, Default, Serialize)]
struct Tickets {
    unused: usize,
    /// Used more than once: each is an alarm.
    stolen: usize,
}

/// Prints it.
pub(crate) async fn run(flags: flags::List) -> Result<Answer, Failure> {
    let keys = AuthorityKeys::open(&flags.place.dir).map_err(AuthorityError::Keys)?;
    let store = store(&flags.place, Missing::Refused)?;
    let now = SystemClock.unix_millis();
    let state = store.state().await.map_err(AuthorityError::Store)?;
    let tickets = store.tickets(now, MOST_TICKETS).await.map_err(AuthorityError::Store)?;
    let mut status = Status::of(state, &tickets, now);
    status.trust_domain = keys.trust_domain().to_string();
    status.keys = keys.states(&SystemClock).into_iter().map(Key::of).collect();
    let mut output = Output::open();
    if flags.json {
        output.json(&status)?;
    } else {
        status.print(&mut output)?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

impl Key {
    fn of(state: KeyState) -> Self {
        Self {
            kind: if state.kind == KeyKind::Root { "root" } else { "token" },
            name: state.name,
            used_from: state.used_from,
            not_after: state.not_after.map(|second| second.saturating_mul(1000)),
            signs: state.signs,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name, from) = (self.kind, &self.name, time(self.used_from));
        let signs = if self.signs { ", signs" } else { "" };
        write!(formatter, "{kind} {name} used from {from}{signs}")?;
        self.not_after.map_or(Ok(()), |until| write!(formatter, ", until {}", time(until)))
    }
}

impl Status {
    fn of(state: State, tickets: &[Ticket], now: u64) -> Self {
        let mut status = Self { sequence: state.sequence, ..Self::default() };
        for workload in &state.workloads {
            let count = match Life::of(workload, now) {
                Life::Alive => &mut status.workloads.alive,
                Life::Expired => &mut status.workloads.expired,
                Life::Revoked => &mut status.workloads.revoked,
            };
            *count = count.saturating_add(1);
        }
        status.tickets.unused = tickets.iter().filter(|ticket| ticket.state == TicketState::Unused).count();
        status.tickets.stolen = tickets.len().saturating_sub(status.tickets.unused);
        let mut authorities: BTreeMap<String, Published> = BTreeMap::new();
        for (authority, key) in state.keys {
            let published = authorities.entry(authority.clone()).or_default();
            published.authority = authority;
            let ids = if is_root(&key) { &mut published.roots } else { &mut published.token_keys };
            ids.push(key.id);
        }
        status.authorities = authorities.into_values().collect();
        status
    }

    fn print(&self, output: &mut Output) -> Result<(), Failure> {
        output.line(&format!("{}, state {}", self.trust_domain, self.sequence))?;
        for key in &self.keys {
            output.line(&key.to_string())?;
        }
        for Published { authority, roots, token_keys } in &self.authorities {
            let (roots, token_keys) = (roots.join(" "), token_keys.join(" "));
            output.line(&format!("authority {authority}: roots {roots}; keys of tokens {token_keys}"))?;
        }
        let Workloads { alive, expired, revoked } = self.workloads;
        output.line(&format!("workloads: {alive} alive, {expired} expired, {revoked} revoked"))?;
        let Tickets { unused, stolen } = self.tickets;
        Ok(output.line(&format!("tickets: {unused} unused, {stolen} used more than once"))?)
    }
}

fn is_root(key: &LiveKey) -> bool {
    #[derive(Deserialize)]
    struct Use {
        #[serde(rename = "use")]
        purpose: String,
    }
    serde_json::from_str::<Use>(&key.jwk).is_ok_and(|it| it.purpose == "x509-svid")
}
