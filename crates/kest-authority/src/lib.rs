//! Who issues the identities of services: tickets, certificates, the trust bundle and tokens.
//!
//! [`Store`] is what an authority remembers.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authority;
mod certificate;
#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod error;
mod jws;
mod keys;
mod memory;
mod router;
mod store;
pub mod telemetry;

pub use authority::{Authority, AuthorityBuilder, SignedBundle, TokenSource};
pub use error::{
    EnrolError, PeerFault, RenewError, RequestFault, StartError, TicketError, TokenError, Trouble,
};
pub use keys::{AuthorityKeys, KeysError};
pub use memory::MemoryStore;
pub use router::{EnrolmentRouter, ServeError, WorkloadRouter};
pub use store::{
    Alarm, Enrolled, Enrolment, EntryKeyRecord, Evidence, LiveKey, MOST_ENTRY_KEYS, NewTicket, Place,
    Renewal, Renewed, Revoked, State, Store, StoreError, Ticket, TicketState, Workload,
};
