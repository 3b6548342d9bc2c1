//! Kest passports in and out of the W3C baggage header.
//!
//! Steps 1, 2 and 8 of a request's life: [`HeaderReader`] says what the `baggage` lines carry, [`restore`] opens it,
//! [`pack`] writes a lineage in the smallest [`Tier`] that fits, and [`PackedHeader::inject`] merges it into a request
//! without touching other people's members. In between, [`current_admission`] tells the running code what it works for.
//!
//! ```
//! use std::sync::Arc;
//! use kest_baggage::{HeaderReader, InMemoryPassports, Tier, Tiers, packed_once, restore};
//! use kest_core::policy::dangerous_allow_all;
//! use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
//! use kest_core::trust::Origin;
//! use kest_core::{Admitter, Limits, Operation, OsRandom, Verifier};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let workload = WorkloadId::new("spiffe://example.org/cart")?;
//! let signer = Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom)?);
//! let mut ring = KeyRing::new();
//! ring.trust_signer(signer.as_ref())?;
//! let kest = Admitter::builder(signer).build();
//! let limits = Limits::default();
//!
//! // The calling side: pack once for all calls of an operation, merge into each request.
//! let claims = Arc::new(InMemoryPassports::new(&limits));
//! let tiers = Tiers::auto().store(claims.clone());
//! let job = kest.originate(Origin::system(), &Operation::named("nightly")?, &dangerous_allow_all()).await?;
//! let mut headers = http::HeaderMap::new();
//! headers.insert("baggage", "region=eu".parse()?);
//! packed_once(&job, &tiers).await?.inject(&mut headers, &limits)?;
//! assert!(headers["baggage"].to_str()?.starts_with("region=eu,kest.passport="));
//!
//! // The called side: read, restore, verify.
//! let packed = HeaderReader::new(limits.clone()).read_headers(&headers)?;
//! let restored = restore(packed, Some(claims.as_ref()), &limits).await?;
//! assert_eq!(restored.tier(), Some(Tier::Inline));
//! let carried = restored.passport().ok_or("a passport came")?;
//! let proved = Verifier::new(limits).verify(carried, &ring)?;
//! assert_eq!(proved.tips(), job.passport().tips());
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! What is read here is well formed and nothing more; only verifying proves it. `kest.user`, `kest.agent` and
//! `kest.task` are written for readers of other languages and never read: they are left out when longer than 256 bytes
//! or when the header has no room. A claim check is worth a passport to all who see it, for as long as it lives, unless its
//! claim is for single use; a writer of a passport store can exchange passports in it, unless they are sealed
//! ([`PassportStores::sealed`]). Claim stores are waited for with tokio's timer; the other tiers need no runtime. General baggage
//! propagators lose or cut long members, so none should touch a request that [`PackedHeader::inject`] was called on.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ambience;
mod ambient;
mod answer;
pub mod carry;
mod check;
mod foreign;
mod grpc_status;
mod header;
mod inject;
#[cfg(test)]
#[path = "tests/interop.rs"]
mod interop;
mod member;
mod memory;
mod name;
mod once;
mod pack;
mod packed;
mod restore;
#[cfg(test)]
#[path = "tests/rig.rs"]
mod rig;
mod seal;
#[cfg(test)]
#[path = "tests/seals.rs"]
mod seals;
#[cfg(test)]
#[path = "tests/single_use.rs"]
mod single_use;
mod store;
mod stores;
pub mod telemetry;
mod tier;
pub mod trace;

pub use ambience::{Ambience, AmbienceGuard};
pub use ambient::{
    Ambient, RunNested, current_admission, current_agent, current_arrival, current_passport, current_task,
    current_trace_id, current_user, run_admitted, with_admission, with_arrival,
};
pub use check::NotAsPacked;
pub use foreign::{ForeignMembers, ForeignMembersError};
pub use grpc_status::grpc_status;
pub use header::{HeaderReader, ReadError};
pub use inject::{InjectError, strip};
pub use memory::InMemoryPassports;
pub use once::packed_once;
pub use pack::{PackError, PackedHeader, Tiers, pack, pack_for};
pub use packed::PackedPassport;
pub use restore::{RestoreError, RestoreFailure, Restored, restore};
pub use seal::{Audience, AudienceError, Sealing, SealingError, SealingKey, SealingKeyError, longest_claim};
pub use store::{ClaimCheck, ClaimCheckError, PassportStore, PassportStoreError};
pub use stores::{Fallback, PassportStores};
pub use tier::Tier;
