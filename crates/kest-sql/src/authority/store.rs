//! What an authority asks, and on which connection.

use std::sync::Arc;

use async_trait::async_trait;
use kest_authority::{
    Enrolled, Enrolment, LiveKey, NewTicket, Renewal, Renewed, Revoked, State, Store, StoreError, Ticket,
    Workload,
};
use kest_identity::SpiffeId;

use super::end::{Retire, Revoke};
use super::published::{Publish, Sequence, Whole};
use super::session::{Open, Turn};
use super::slot::Slot;
use super::tickets;
use super::workloads::Known;

/// The memory of an authority in a database: made by `authority_store` of a `Sqlite` or a `Postgres`.
///
/// It has two connections, one for changes and one for reading, and each is used by one transaction at a time. Authorities that
/// share a database come after each other with what they change.
///
/// An error has a [`StoreFault`](crate::StoreFault) as its cause, which says whether trying once more is safe.
#[derive(Debug, Clone)]
pub struct AuthorityStore {
    writing: Arc<Slot>,
    reading: Arc<Slot>,
}

impl AuthorityStore {
    pub(super) fn of(open: Arc<dyn Open>) -> Self {
        let reading = Arc::new(Slot::new(Arc::clone(&open), Turn::Read));
        Self { writing: Arc::new(Slot::new(open, Turn::Write)), reading }
    }
}

#[async_trait]
impl Store for AuthorityStore {
    async fn add_ticket(&self, ticket: &NewTicket) -> Result<(), StoreError> {
        self.writing.run(ticket).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        self.writing.run(enrolment).await
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        self.writing.run(renewal).await
    }

    async fn revoke(&self, identity: &SpiffeId, at: u64) -> Result<Revoked, StoreError> {
        self.writing.run(&Revoke { identity, at }).await
    }

    async fn retire(&self, at: u64, ended_before: u64) -> Result<u64, StoreError> {
        self.writing.run(&Retire { at, ended_before }).await
    }

    async fn publish(&self, authority: &str, keys: &[LiveKey], at: u64) -> Result<(), StoreError> {
        self.writing.run(&Publish { authority, keys, at }).await
    }

    async fn sequence(&self) -> Result<u64, StoreError> {
        self.reading.run(&Sequence).await
    }

    async fn state(&self) -> Result<State, StoreError> {
        self.reading.run(&Whole).await
    }

    async fn workload(&self, identity: &SpiffeId) -> Result<Option<Workload>, StoreError> {
        self.reading.run(&Known(identity)).await
    }

    async fn tickets(&self, at: u64, limit: u32) -> Result<Vec<Ticket>, StoreError> {
        self.reading.run(&tickets::Open { at, limit }).await
    }

    async fn forget_tickets(&self, before: u64) -> Result<u64, StoreError> {
        self.writing.run(&tickets::Forget(before)).await
    }
}
