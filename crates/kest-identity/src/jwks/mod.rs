//! The issuer's keys: read tolerantly, fetched within bounds, kept and refreshed.

mod cache;
mod fetch;
mod health;
mod http;
#[cfg(feature = "jwks-client")]
mod jwks_client;
mod key;
mod key_set;
mod roca;
pub(crate) mod telemetry;

pub(crate) use cache::{KeyCache, LookupError, NamedKey};
pub use fetch::{FetchError, FetchKeys, KeySetUnavailable};
pub use health::{KeyHealth, KeysAtStart, NotReady, Readiness};
pub use http::{HttpKeys, HttpKeysBuilder, HttpKeysError};
#[cfg(feature = "jwks-client")]
pub use jwks_client::JwksClientKeys;
pub(crate) use key::{KeyUse, VerificationKey};
pub use key_set::{KeySet, KeySetError, SkippedKey};

#[cfg(test)]
pub(crate) mod tests;
