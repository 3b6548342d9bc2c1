//! Passports: carried, verified, extended, joined.

mod merge;
mod seen;
mod sign;
mod unverified;
mod verified;
mod verify;

pub use merge::MergeError;
pub use seen::SeenEntries;
pub use sign::{SignContext, SignError};
pub use unverified::{PassportFormError, Tips, TipsError, UnverifiedPassport};
pub use verified::Passport;
pub use verify::{Verifier, VerifyError, VerifyErrorKind};

#[cfg(test)]
mod tests;
