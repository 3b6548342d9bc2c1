//! Every reason for which the settings of an authenticator are refused.

use std::time::Duration;

use kest_core::BoxError;

use crate::dpop::DpopSettingsError;
use crate::jwks::HttpKeysError;

/// The settings of a JWT authenticator are incomplete or unsafe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtBuildError {
    /// Nothing says whose tokens are believed.
    #[error("no issuer is given: add `.issuer(..)`")]
    NoIssuer,
    /// Two descriptions of one issuer, of which only one could count.
    #[error("an issuer is given twice")]
    DoubledIssuer,
    /// Nothing says for whom tokens must be.
    #[error("no audience is given: add `.audience(..)`")]
    NoAudience,
    /// The list of allowed algorithms is empty.
    #[error("no signature algorithm is allowed")]
    NoAlgorithm,
    /// The tenant, or the claim that names it, is empty.
    #[error("tenant of an issuer is empty")]
    NoTenant,
    /// Not the name of a SPIFFE trust domain.
    #[error("trust domain is not a name in lower case")]
    TrustDomain,
    /// Nothing says where the keys of a trust domain are, and there is nothing that could be asked for it.
    #[error("no key set of the trust domain is given: add `.jwks_uri(..)` or `.keys_from(..)`")]
    NoKeys,
    /// A claim is looked for under an empty name.
    #[error("name of a claim is empty")]
    NamelessClaim,
    /// More claims are to be kept than `Limits::token_claims`.
    #[error("claims to keep are over the limit")]
    TooManyClaims,
    /// A stolen token would be good for too long.
    #[error("tokens may live for over 24 h, which takes `.dangerous_token_life(..)`: {0:?}")]
    TokenLife(Duration),
    /// Expired tokens would be good for too long.
    #[error("leeway is over 60 s: {0:?}")]
    Leeway(Duration),
    /// Keys must be refreshed, and at least once before they are dropped.
    #[error("keys are refreshed never or later than they are dropped")]
    Refresh,
    /// The realm has a character that cannot stand in a challenge.
    #[error("realm is not printable ascii without quotes")]
    Realm,
    /// The metadata must be found at an absolute https URL.
    #[error("url of the resource metadata cannot be used")]
    ResourceMetadata(#[source] Option<BoxError>),
    /// The settings of proofs of possession are unsafe or cannot be used.
    #[error("settings of proofs of possession cannot be used")]
    Dpop(#[from] DpopSettingsError),
    /// Keys cannot be fetched from the URI of the key set, or of the issuer where its metadata say.
    #[error("keys cannot be fetched from there")]
    Keys(#[from] HttpKeysError),
}
