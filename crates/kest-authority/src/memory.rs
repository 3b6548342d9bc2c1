//! The memory of an authority in the memory of its process: for tests, and for authorities that may forget.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use kest_identity::SpiffeId;
use kest_workload::protocol::Epoch;

use crate::store::{
    Alarm, Enrolled, Enrolment, EntryKeyRecord, Evidence, LiveKey, MOST_ENTRY_KEYS, NewTicket, Place,
    Renewal, Renewed, Revoked, State, Store, StoreError, Ticket, TicketState, Workload,
};

/// A [`Store`] that lasts as long as its process.
///
/// An authority that starts again with an empty one begins its epochs and its sequence anew, which those who followed it
/// refuse: for what must last there are the stores of `kest-sql`.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    sequence: u64,
    tickets: HashMap<String, Ticket>,
    workloads: BTreeMap<SpiffeId, Workload>,
    /// Whose each key is or was: a key that was given up, or taken away, never comes back.
    names: HashMap<String, (SpiffeId, Epoch)>,
    keys: BTreeMap<String, Vec<LiveKey>>,
}

impl MemoryStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> Result<MutexGuard<'_, Memory>, StoreError> {
        self.0.lock().map_err(|_poisoned| StoreError::new("a change was broken off"))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn add_ticket(&self, ticket: &NewTicket) -> Result<(), StoreError> {
        let mut memory = self.lock()?;
        if memory.tickets.len() >= MOST_TICKETS || memory.tickets.contains_key(&ticket.hash) {
            return Err(StoreError::new("ticket is there already, or there are too many"));
        }
        memory
            .tickets
            .insert(ticket.hash.clone(), Ticket { ticket: ticket.clone(), state: TicketState::Unused });
        Ok(())
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        self.lock()?.enrol(enrolment)
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        self.lock()?.renew(renewal)
    }

    async fn revoke(&self, identity: &SpiffeId, _at: u64) -> Result<Revoked, StoreError> {
        let mut memory = self.lock()?;
        let Some(workload) = memory.workloads.get_mut(identity) else { return Ok(Revoked::Unknown) };
        let epoch = workload.epoch;
        if workload.void != Some(epoch) {
            workload.void = Some(epoch);
            workload.entry_keys.clear();
            memory.changed();
        }
        Ok(Revoked::UpTo(epoch))
    }

    async fn retire(&self, at: u64, ended_before: u64) -> Result<u64, StoreError> {
        let mut memory = self.lock()?;
        let mut changed = 0_u64;
        for workload in memory.workloads.values_mut() {
            let alive_until = workload.alive_until;
            for key in &mut workload.entry_keys {
                if alive_until <= at && key.until.is_none_or(|until| until > alive_until) {
                    key.until = Some(alive_until);
                    changed = changed.saturating_add(1);
                }
            }
            let out = |key: &mut EntryKeyRecord| key.until.is_some_and(|until| until < ended_before);
            let left = workload.entry_keys.extract_if(.., out).count();
            changed = changed.saturating_add(u64::try_from(left).unwrap_or(u64::MAX));
        }
        if changed > 0 {
            memory.changed();
        }
        Ok(changed)
    }

    async fn publish(&self, authority: &str, keys: &[LiveKey], _at: u64) -> Result<(), StoreError> {
        let mut memory = self.lock()?;
        if memory.keys.get(authority).map(Vec::as_slice) != Some(keys) {
            memory.keys.insert(authority.to_owned(), keys.to_vec());
            memory.changed();
        }
        Ok(())
    }

    async fn sequence(&self) -> Result<u64, StoreError> {
        Ok(self.lock()?.sequence)
    }

    async fn state(&self) -> Result<State, StoreError> {
        let memory = self.lock()?;
        let of_all = memory.keys.iter();
        Ok(State {
            sequence: memory.sequence,
            keys: of_all
                .flat_map(|(authority, keys)| keys.iter().map(|key| (authority.clone(), key.clone())))
                .collect(),
            workloads: memory.workloads.values().cloned().collect(),
        })
    }

    async fn workload(&self, identity: &SpiffeId) -> Result<Option<Workload>, StoreError> {
        Ok(self.lock()?.workloads.get(identity).cloned())
    }

    async fn tickets(&self, at: u64, limit: u32) -> Result<Vec<Ticket>, StoreError> {
        let memory = self.lock()?;
        let is_told = |ticket: &&Ticket| match ticket.state {
            TicketState::Unused => at < ticket.ticket.expires,
            TicketState::Used { uses, .. } => uses > 1,
        };
        let mut tickets: Vec<Ticket> = memory.tickets.values().filter(is_told).cloned().collect();
        tickets.sort_by(|one, other| {
            (other.ticket.created, &one.ticket.hash).cmp(&(one.ticket.created, &other.ticket.hash))
        });
        tickets.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(tickets)
    }

    async fn forget_tickets(&self, before: u64) -> Result<u64, StoreError> {
        let mut memory = self.lock()?;
        let had = memory.tickets.len();
        memory.tickets.retain(|_hash, ticket| ticket.ticket.expires >= before);
        Ok(u64::try_from(had.saturating_sub(memory.tickets.len())).unwrap_or(u64::MAX))
    }
}

impl Memory {
    fn changed(&mut self) {
        self.sequence = self.sequence.saturating_add(1);
    }

    fn enrol(&mut self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        let (identity, place) = match self.judge_evidence(enrolment) {
            Ok(right) => right,
            Err(refused) => return Ok(refused),
        };
        let present = self.workloads.get(&identity);
        if place == Place::Free && present.is_some_and(|present| is_held(present, enrolment)) {
            return Ok(Enrolled::Alive { identity });
        }
        if self.names.contains_key(&enrolment.entry_key.key.kid) {
            return Ok(Enrolled::KeyTaken);
        }
        let epoch = present.map_or(Epoch::FIRST, |present| present.epoch.next());
        let void = present.map(|present| present.epoch);
        if self.names.len() >= MOST_KEY_NAMES {
            return Err(StoreError::new("too many keys are remembered"));
        }
        if let Evidence::Ticket(hash) = &enrolment.evidence
            && let Some(ticket) = self.tickets.get_mut(hash)
        {
            ticket.state = TicketState::Used { first: enrolment.at, uses: 1 };
        }
        self.names.insert(enrolment.entry_key.key.kid.clone(), (identity.clone(), epoch));
        let workload = Workload {
            identity: identity.clone(),
            epoch,
            void,
            enrolled: enrolment.at,
            renewed: enrolment.at,
            alive_until: enrolment.alive_until,
            entry_keys: vec![enrolment.entry_key.clone()],
        };
        self.workloads.insert(identity.clone(), workload);
        self.changed();
        Ok(Enrolled::Begun { identity, epoch })
    }

    /// Whose identity the evidence gives a right to, and whether it gives its place away; or why it gives none.
    fn judge_evidence(&mut self, enrolment: &Enrolment) -> Result<(SpiffeId, Place), Enrolled> {
        let hash = match &enrolment.evidence {
            Evidence::Token(identity) => return Ok((identity.clone(), Place::Free)),
            Evidence::Ticket(hash) => hash,
        };
        let Some(ticket) = self.tickets.get_mut(hash) else { return Err(Enrolled::NoTicket) };
        let identity = ticket.ticket.identity.clone();
        match &mut ticket.state {
            TicketState::Used { first, uses } => {
                *uses = uses.saturating_add(1);
                Err(Enrolled::TicketUsed(Alarm { identity, first_used: *first, uses: *uses }))
            }
            TicketState::Unused if enrolment.at >= ticket.ticket.expires => {
                Err(Enrolled::TicketExpired { identity })
            }
            TicketState::Unused => Ok((identity, ticket.ticket.place)),
        }
    }

    fn renew(&mut self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        let Some(workload) = self.workloads.get_mut(&renewal.identity) else { return Ok(Renewed::Unknown) };
        if workload.epoch != renewal.epoch || workload.void >= Some(renewal.epoch) {
            return Ok(Renewed::Void);
        }
        if renewal.at >= workload.alive_until {
            return Ok(Renewed::NotAlive);
        }
        let counts = |key: &&EntryKeyRecord| key.until.is_none_or(|until| until > renewal.at);
        let mut keys: Vec<EntryKeyRecord> = workload.entry_keys.iter().filter(counts).cloned().collect();
        let newest = keys.iter().find(|key| key.until.is_none()).map(|key| &key.key);
        if let Some(next) = &renewal.entry_key
            && newest != Some(&next.key)
        {
            if self.names.contains_key(&next.key.kid) {
                return Ok(Renewed::KeyTaken);
            }
            if keys.len() >= MOST_ENTRY_KEYS {
                return Ok(Renewed::TooManyKeys);
            }
            if self.names.len() >= MOST_KEY_NAMES {
                return Err(StoreError::new("too many keys are remembered"));
            }
            for key in &mut keys {
                let end = renewal.earlier_keys_until;
                key.until = Some(key.until.map_or(end, |until| until.min(end)));
            }
            keys.push(next.clone());
            self.names.insert(next.key.kid.clone(), (renewal.identity.clone(), renewal.epoch));
        }
        workload.renewed = renewal.at;
        workload.alive_until = workload.alive_until.max(renewal.alive_until);
        if workload.entry_keys != keys {
            workload.entry_keys = keys;
            self.changed();
        }
        Ok(Renewed::Renewed)
    }
}

/// Whether the identity is alive, and its present key did not give its place away.
fn is_held(present: &Workload, enrolment: &Enrolment) -> bool {
    let is_alive = present.void < Some(present.epoch) && enrolment.at < present.alive_until;
    let is_present = |key: &EntryKeyRecord| {
        enrolment.current_key.as_ref() == Some(&key.key) && key.until.is_none_or(|until| until > enrolment.at)
    };
    is_alive && !present.entry_keys.iter().any(is_present)
}

/// Some ten megabytes. An operator gives tickets out; past ones are forgotten by `forget_tickets`.
const MOST_TICKETS: usize = 65_536;

/// Some hundred megabytes: a thousand workloads that take a new key each day for two years.
const MOST_KEY_NAMES: usize = 1 << 20;
