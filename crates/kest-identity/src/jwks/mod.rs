//! The issuer's keys: read tolerantly, fetched within bounds, kept and refreshed.

mod cache;
mod fetch;
mod flight;
mod health;
mod http;
#[cfg(feature = "jwks-client")]
mod jwks_client;
mod keeper;
mod key;
mod key_set;
mod progress;
mod roca;
mod schedule;
mod shared;
pub(crate) mod telemetry;
mod unknown;

pub(crate) use cache::{KeyCache, LookupError, NamedKey, Schedule};
pub use fetch::{FetchError, FetchKeys, KeysUnavailable};
pub use health::{KeyHealth, KeysAtStart, NotReady, Readiness};
pub use http::{HttpKeys, HttpKeysBuilder, HttpKeysError};
#[cfg(feature = "jwks-client")]
pub use jwks_client::JwksClientKeys;
pub(crate) use key::{KeyUse, VerificationKey};
pub use key_set::{KeySet, KeySetError, SkippedKey};

#[cfg(test)]
mod tests;
