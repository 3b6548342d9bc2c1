//! Who is calling: JWT bearer tokens verified against a JSON Web Key Set, for Kest.
//!
//! A service chooses once where the identity of its callers comes from, and [`guard`] makes sure that it did:
//!
//! - [`JwtAuthenticator`]: a token, verified here by the rules and published keys of one issuer or several;
//! - [`kest_core::FromLineage`]: the verified lineage, for services behind such an edge;
//! - [`InsecureIdentity`]: whatever the token says, unverified, for development only.
//!
//! ```
//! use kest_identity::{IdentityChoice, JwtAuthenticator, WithoutToken, guard, process_environment};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Issuer and audience are enough: where the keys are, the issuer's metadata say.
//! let jwt = JwtAuthenticator::builder()
//!     .issuer("https://issuer.example/")
//!     .audience("https://orders.example/")
//!     .without_token(WithoutToken::FromLineage)
//!     .build()?;
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
//!
//! Only access tokens are taken (`typ` is `at+jwt`, RFC 9068): tokens of type `JWT`, which older issuers give, take
//! [`TrustedIssuer::accept_plain_jwt`]. A token that was verified is remembered by its digest until it expires or its
//! key is withdrawn; proof that it is in the right hands is asked for with each request.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bearer;
mod bundle;
mod choice;
mod combine;
mod confirmation;
mod dpop;
mod insecure;
mod jwks;
mod jwt;
mod mtls;
mod peer;
mod refresh;
mod resource;
mod spiffe;
pub mod telemetry;

pub use bundle::{
    BundleFault, BundleFile, BundleFileBuilder, BundleHealth, BundleStartError, BundleUnavailable, BundleUrl,
    BundleUrlBuilder, FetchBundle, FetchedBundle, FollowedBundle, FollowedBundleBuilder,
};
pub use choice::{IdentityChoice, NoIdentityChoice, guard, process_environment};
pub use combine::{AllOf, FirstOf, all_of, first_of};
pub use confirmation::{BindingError, InvalidProof, WrongBinding};
pub use dpop::{DpopSettings, DpopSettingsError, Requirement};
pub use insecure::InsecureIdentity;
#[cfg(feature = "jwks-client")]
pub use jwks::JwksClientKeys;
pub use jwks::{
    FetchError, FetchKeys, HttpKeys, HttpKeysBuilder, HttpKeysError, KeyHealth, KeySet, KeySetError,
    KeySetUnavailable, KeysAtStart, NotReady, Readiness, SkippedKey,
};
pub use jwt::{
    Algorithm, ClaimNames, ClaimPath, Grants, InvalidToken, JwtAuthenticator, JwtAuthenticatorBuilder,
    JwtBuildError, TokenHeader, TrustedIssuer, UnverifiedToken, WithoutToken, cause_of,
};
pub use peer::PeerWorkload;
#[cfg(feature = "x509")]
pub use peer::PeerWorkloadError;
pub use resource::{ResourceError, ResourceMetadata};
pub use spiffe::{SpiffeId, SpiffeIdError, TrustDomain};
