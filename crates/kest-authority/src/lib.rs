//! Who issues the identities of services: tickets, certificates, the trust bundle and tokens.
//!
//! [`Store`] is what an authority remembers.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod memory;
mod store;

pub use memory::MemoryStore;
pub use store::{
    Alarm, Enrolled, Enrolment, EntryKeyRecord, Evidence, LiveKey, MOST_ENTRY_KEYS, NewTicket, Place,
    Renewal, Renewed, Revoked, State, Store, StoreError, Ticket, TicketState, Workload,
};
