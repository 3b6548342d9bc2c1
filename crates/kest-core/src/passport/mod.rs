//! Passports: carried, verified, extended, joined.

mod freshness;
mod lineage_claim;
mod merge;
mod seen;
mod sign;
mod unverified;
mod verified;
mod verify;
mod verify_error;
mod workload_rules;

pub use freshness::{Freshness, NotFresh};
pub use merge::MergeError;
pub use seen::SeenEntries;
pub(crate) use sign::present_key;
pub use sign::{SignContext, SignError};
pub use unverified::{PassportFormError, Tips, TipsError, UnverifiedPassport};
pub use verified::Passport;
pub use verify::{Verifier, VerifySettings};
pub use verify_error::{VerifyError, VerifyErrorKind};
pub use workload_rules::WorkloadRules;

#[cfg(test)]
mod tests;
