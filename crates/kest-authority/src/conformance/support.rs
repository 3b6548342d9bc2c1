//! What the cases are arranged with.

use std::fmt::Debug;

use kest_identity::SpiffeId;
use kest_workload::protocol::{EntryKey, Epoch};

use crate::store::{
    Enrolled, Enrolment, EntryKeyRecord, Evidence, NewTicket, Place, Renewal, Renewed, Store, Workload,
};

/// The time of the cases: 2026-01-01T00:00:00Z, in milliseconds.
pub(super) const NOW: u64 = 1_767_225_600_000;

/// The life of tickets and certificates here.
pub(super) const HOUR: u64 = 3_600_000;

/// The value, or the end of the test.
#[track_caller]
#[expect(clippy::panic, reason = "the test of a store that does something else must fail here")]
pub(super) fn done<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store does not do it: {error:?}"),
    }
}

pub(super) fn id(name: &str) -> SpiffeId {
    done(SpiffeId::parse(&format!("spiffe://example.org/{name}")))
}

/// A key of that name. Stores do not look into keys.
pub(super) fn key(name: &str) -> EntryKeyRecord {
    let key = EntryKey { kty: "OKP".into(), crv: "Ed25519".into(), x: format!("x-{name}"), kid: name.into() };
    EntryKeyRecord { key, since: NOW, until: None }
}

/// A ticket of an hour.
pub(super) fn ticket(hash: &str, name: &str, place: Place) -> NewTicket {
    NewTicket { hash: hash.into(), identity: id(name), created: NOW, expires: NOW + HOUR, place }
}

/// An enrolment now, for an hour.
pub(super) fn by_ticket(hash: &str, entry_key: &str) -> Enrolment {
    Enrolment {
        evidence: Evidence::Ticket(hash.into()),
        entry_key: key(entry_key),
        current_key: None,
        alive_until: NOW + HOUR,
        at: NOW,
    }
}

/// The same by a token.
pub(super) fn by_token(name: &str, entry_key: &str) -> Enrolment {
    Enrolment { evidence: Evidence::Token(id(name)), ..by_ticket("", entry_key) }
}

/// A renewal now, for two hours from now; earlier keys have half an hour.
pub(super) fn renewal(name: &str, epoch: u64, next: Option<&str>) -> Renewal {
    Renewal {
        identity: id(name),
        epoch: Epoch::new(epoch),
        entry_key: next.map(key),
        earlier_keys_until: NOW + HOUR / 2,
        alive_until: NOW + 2 * HOUR,
        at: NOW,
    }
}

/// Enrols, which must succeed with this epoch.
pub(super) async fn begun(store: &dyn Store, enrolment: &Enrolment, name: &str, epoch: u64) {
    let begun = Enrolled::Begun { identity: id(name), epoch: Epoch::new(epoch) };
    assert_eq!(done(store.enrol(enrolment).await), begun);
}

/// Renews, with this outcome.
pub(super) async fn renewed(store: &dyn Store, renewal: &Renewal, outcome: Renewed) {
    assert_eq!(done(store.renew(renewal).await), outcome);
}

/// The workload, which must be there.
pub(super) async fn told(store: &dyn Store, name: &str) -> Workload {
    done(done(store.workload(&id(name)).await).ok_or("no such workload"))
}

/// The names of its keys and when they end, by name.
pub(super) async fn keys(store: &dyn Store, name: &str) -> Vec<(String, Option<u64>)> {
    let workload = told(store, name).await;
    let mut keys: Vec<_> = workload.entry_keys.into_iter().map(|key| (key.key.kid, key.until)).collect();
    keys.sort();
    keys
}
