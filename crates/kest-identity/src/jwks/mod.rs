//! The issuer's keys: read tolerantly, fetched within bounds, kept and refreshed.

mod cache;
mod fetch;
mod flight;
mod http;
mod key;
mod key_set;

pub(crate) use cache::{KeyCache, LookupError, Schedule};
pub use fetch::{FetchError, FetchKeys, KeysUnavailable};
pub use http::{HttpKeys, HttpKeysError};
pub(crate) use key::VerificationKey;
pub use key_set::{KeySet, KeySetError, SkippedKey};

#[cfg(test)]
mod tests;
