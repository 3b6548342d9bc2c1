//! Who is calling: JWT bearer tokens verified against a JSON Web Key Set, for Kest.
//!
//! A service chooses once where the identity of its callers comes from, and [`guard`] makes sure that it did:
//!
//! - [`JwtAuthenticator`]: a bearer token, verified here against the keys that the issuer publishes;
//! - [`kest_core::FromLineage`]: the verified lineage, for services behind such an edge;
//! - [`InsecureIdentity`]: whatever the token says, unverified, for development only.
//!
//! ```
//! use kest_identity::{IdentityChoice, JwtAuthenticator, WithoutToken, guard, process_environment};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let jwt = JwtAuthenticator::builder()
//!     .jwks_uri("https://issuer.example/jwks.json")
//!     .issuer("https://issuer.example/")
//!     .audience("https://orders.example/")
//!     .without_token(WithoutToken::FromLineage)
//!     .try_build()?;
//! let mechanism = guard(Some(IdentityChoice::jwks(jwt)), &process_environment)?.into_authenticate();
//! # drop(mechanism);
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! Token and key set sizes, waiting times and the pace of fetches are bounded by [`kest_core::Limits`]. Keys live in
//! memory: once they are there, no request waits for the network. Revoking a key takes effect with the next refresh
//! (300 s by default), revoking a token does not take effect before it expires. A token that brings its own key
//! (`jwk`, `jku`, `x5u`, `x5c`) is refused even when it is signed by a known one.

mod bearer;
mod choice;
mod insecure;
mod jwks;
mod jwt;

pub use choice::{IdentityChoice, NoIdentityChoice, guard, process_environment};
pub use insecure::InsecureIdentity;
pub use jwks::{
    FetchError, FetchKeys, HttpKeys, HttpKeysError, KeySet, KeySetError, KeysUnavailable, SkippedKey,
};
pub use jwt::{
    Algorithm, ClaimNames, InvalidToken, JwtAuthenticator, JwtAuthenticatorBuilder, JwtBuildError,
    TokenHeader, UnverifiedToken, WithoutToken,
};
