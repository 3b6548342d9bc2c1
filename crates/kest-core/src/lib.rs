//! Values and proofs of Kest: signed audit entries, verified passports, trust, taints, permits.
//!
//! Every step of a request's life gives a value that only that step can make: an [`UnverifiedPassport`] shows
//! nothing, a [`Passport`] was proved, a [`Caller`] was authenticated, a [`Permit`](policy::Permit) was granted, an
//! [`Admission`] is signed. This crate knows no network, no runtime and no HTTP; time and randomness are arguments.
//!
//! ```
//! use std::sync::Arc;
//! use kest_core::policy::dangerous_allow_all;
//! use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
//! use kest_core::trust::Origin;
//! use kest_core::{Admitter, Limits, Operation, OsRandom, UnverifiedPassport, Verifier};
//!
//! # fn block_on<F: Future>(future: F) -> F::Output {
//! #     let mut future = std::pin::pin!(future);
//! #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! #     loop {
//! #         if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) { return output; }
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # block_on(async {
//! let workload = WorkloadId::new("spiffe://example.org/cart")?;
//! let signer = Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom)?);
//! let mut ring = KeyRing::new();
//! ring.trust_signer(signer.as_ref())?;
//!
//! // A nightly job starts a lineage, and one of its steps adds to it.
//! let kest = Admitter::builder(signer).build();
//! let job = kest.originate(Origin::system(), &Operation::named("nightly")?, &dangerous_allow_all()).await?;
//! let step = job.operation(Operation::named("resize")?.taint("thumbnail")).admit(&dangerous_allow_all()).await?;
//!
//! // The receiver of the passport proves all of it before using any of it.
//! let limits = Limits::default();
//! let carried = UnverifiedPassport::from_json(
//!     step.passport().to_json().as_bytes(), step.passport().tips(), &limits)?;
//! let proved = Verifier::new(limits).verify(carried, &ring)?;
//! assert_eq!(proved.len(), 2);
//! assert!(proved.taints().contains("thumbnail"));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! A passport proves who signed what in which order. It does not prove that a signer told the truth, that nothing
//! was cut off *and* the tip restated by its carrier, nor that a request is not a replay of an earlier one.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admission;
mod admit_error;
mod admit_options;
mod admit_report;
mod admitter;
mod arrival;
pub mod audit;
pub mod caller;
mod canonical;
mod clock;
mod deadline;
mod dialect;
pub mod entry;
pub mod file;
mod grpc_method;
mod json_object;
mod limits;
mod literal;
mod name;
mod operation;
pub mod passport;
mod passport_binding;
mod path;
pub mod policy;
mod quota;
mod random;
pub mod refusal;
pub mod replay;
mod row;
mod share;
pub mod signature;
mod slots;
pub mod span;
mod strict_json;
pub mod taint;
mod trace_context;
pub mod tracer;
pub mod trust;

pub use admission::{Admission, Joined, Nested};
pub use admit_error::{AdmitError, AdmitErrorKind};
pub use admit_options::AdmitOptions;
pub use admitter::{Admitter, AdmitterBuilder};
pub use arrival::{Arrival, Lineage};
pub use audit::Audit;
pub use caller::{
    Attested, Authenticate, AuthenticateError, Caller, Challenge, Claim, Confirmation, Credentials, Evidence,
    FromLineage, HeaderName, HeaderNameError, IdentitySource, PeerCertificate, RequestTarget, authenticate,
    authenticate_credentials,
};
pub use canonical::{CanonicalizeError, canonicalize};
pub use clock::{Clock, SystemClock};
pub use dialect::Dialect;
pub use entry::Identity;
pub use grpc_method::{GrpcPathError, is_grpc_method};
pub use json_object::JsonObject;
pub use limits::Limits;
#[doc(hidden)]
pub use literal::literal;
pub use operation::{Operation, OperationError};
pub use passport::{Passport, UnverifiedPassport, Verifier};
pub use passport_binding::PassportBinding;
pub use path::{NormalPath, PathError};
pub use policy::Authorize;
pub use quota::{Quota, QuotaError};
pub use random::{OsRandom, Random, RandomError};
pub use replay::ReplayStore;
pub use share::Share;
pub use signature::Sign;
pub use slots::{NoSlot, Slot, Slots};
pub use strict_json::{StrictJsonError, parse_strict_json, parse_strict_object};
pub use trace_context::{TraceContext, TraceState};

/// A cause whose type belongs to someone else.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
