//! Who issues the identities of services: tickets, certificates, the trust bundle and tokens.
//!
//! [`Store`] is what an authority remembers.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod store;

pub use store::{
    Alarm, Enrolled, Enrolment, EntryKeyRecord, LiveKey, NewTicket, Place, Renewal, Renewed, Revoked, State,
    Store, StoreError, Ticket, TicketState, Workload,
};
