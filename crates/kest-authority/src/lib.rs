//! Who issues the identities of services: tickets, certificates, the trust bundle and tokens.
//!
//! An [`Authority`] has keys in a folder ([`AuthorityKeys`]) and a memory ([`Store`]). An operator gives out a ticket for one
//! identity; a service shows it, once, with proofs of the keys that it made for itself, and has a certificate of an hour, which it
//! renews by itself. What services believe of each other is in one [signed bundle](SignedBundle): roots, keys that sign
//! entries, and which enrolments are void. The service's side is [`kest_workload`].
//!
//! ```
//! use std::sync::Arc;
//! use base64::{Engine as _, engine::general_purpose::STANDARD};
//! use kest_authority::{Authority, AuthorityKeys, MemoryStore, Place};
//! use kest_core::signature::{Bundle, Ed25519Signer, SigningKey as _, WorkloadId};
//! use kest_core::{Clock as _, OsRandom, SystemClock};
//! use kest_identity::{SpiffeId, TrustDomain};
//! use kest_workload::protocol::{EnrolRequest, EntryKey, Proof};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! // The operator, once:
//! let domain = TrustDomain::parse("example.org")?;
//! let names = ["authority.internal".to_owned()];
//! let keys = AuthorityKeys::init(folder.path(), &domain, names, &SystemClock, &OsRandom)?;
//!
//! // The authority, which serves with `serve_enrolments`, `serve_workloads` and `keep_up`:
//! let builder = Authority::builder(keys, Arc::new(MemoryStore::new()));
//! let authority = builder.workload_url("https://authority.internal:8444").start().await?;
//!
//! // The operator, for each service:
//! let cart = SpiffeId::parse("spiffe://example.org/cart")?;
//! let ticket = authority.give_ticket(&cart, Authority::TICKET_LIFE, Place::Free).await?.reveal().to_string();
//!
//! // The service makes its keys, proves that it has them, and asks:
//! let key = rcgen::KeyPair::generate()?;
//! let csr = rcgen::CertificateParams::default().serialize_request(&key)?.der().to_vec();
//! let signer = Ed25519Signer::generate(WorkloadId::new(cart.as_str())?, &OsRandom)?;
//! let entry_key = EntryKey::of(signer.public_key());
//! let proof = Proof {
//!     aud: "spiffe://example.org".to_owned(),
//!     iat: SystemClock.unix_seconds(),
//!     csr: Proof::digest(&csr),
//!     evidence: Proof::digest(ticket.as_bytes()),
//!     entry_key: entry_key.kid.clone(),
//! };
//! let input = proof.signing_input()?;
//! let proof = Proof::compact(&input, &signer.sign(input.as_bytes()).await?);
//! let request = EnrolRequest {
//!     ticket: Some(ticket), token: None, csr: STANDARD.encode(&csr), entry_key, proof,
//!     current_key: None, current_proof: None,
//! };
//! let issued = authority.enrol(&request).await?;
//! assert_eq!(issued.identity, "spiffe://example.org/cart");
//!
//! // A reader of the bundle verifies what the service signs. The same ticket again is an alarm.
//! let bundle = authority.bundle().await?;
//! assert!(Bundle::from_json(bundle.json().as_bytes())?.ring().knows(signer.workload()));
//! assert_eq!(authority.enrol(&request).await.unwrap_err().kind(), "ticket_used");
//! # Ok(())
//! # }
//! ```
//!
//! Several authorities may share one store: each has a folder of its own, and the bundle has the keys of all of them.
//!
//! # Rules
//!
//! - Everything that a request proves is bounded and judged before the store is asked, and the store does each change in one step: of
//!   two uses of a ticket one is an alarm, also at two authorities.
//! - An identity that is alive is succeeded by its own present key, or where the operator said [`Place::Taken`]. Each enrolment has
//!   the next epoch, and all earlier ones are void.
//! - Nothing of a certificate request is used but its key. A certificate has one name, ends within a day, and no later than its root.
//! - All refusals over HTTP are 403 without a body, whatever was asked; the reason is in the log and in the [metrics](telemetry).
//! - The [enrolment router](EnrolmentRouter) and the [one of workloads](WorkloadRouter) are different types, each served by a method of
//!   its own.
//!
//! # Limits and caveats
//!
//! - A ticket whose answer is lost is used up: the service needs another one. Asking again with it is a second use.
//! - Tickets name the root that issues when they are given out. One that is used after the next root has taken over does not
//!   know the authority any more.
//! - The keys are not encrypted in their file. An authority whose root was stolen is made anew.
//! - An identity that was enrolled twice stays in the bundle's revocations for good: give identities to services, not to each of
//!   their processes.
//! - A reader of bundles that goes by [`check_follows`](kest_core::signature::Bundle::check_follows) refuses a bundle from which a
//!   revoked workload has gone, since it cannot know why; one that verified the authority's signature goes by
//!   [`check_sequence`](kest_core::signature::Bundle::check_sequence).
//! - The keys of tokens are Ed25519, which JWT-SVIDs of SPIFFE do not have: the tokens are access tokens of RFC 9068.
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
pub use keys::{AuthorityKeys, KeyKind, KeyState, KeysError};
pub use memory::MemoryStore;
pub use router::{EnrolmentRouter, ServeError, WorkloadRouter};
pub use store::{
    Alarm, Enrolled, Enrolment, EntryKeyRecord, Evidence, LiveKey, MOST_ENTRY_KEYS, NewTicket, Place,
    Renewal, Renewed, Revoked, State, Store, StoreError, Ticket, TicketState, Workload,
};
