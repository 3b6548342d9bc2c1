//! Every reason for which a token is refused.

use kest_core::{AuthenticateError, BoxError};

use crate::combine::{OtherCaller, of_which};
use crate::confirmation::BindingError;

/// A bearer credential does not hold.
///
/// No message and no cause repeats anything that the credential contained. Log [`InvalidToken::kind`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// More than one `Authorization` header came.
    #[error("more than one credential came")]
    SeveralCredentials,
    /// The credential is of another scheme, or is not a scheme and a blank and something.
    #[error("credential is not a bearer token")]
    NotBearer,
    /// Longer than `Limits::token_bytes`.
    #[error("token is over the limit")]
    TooLong,
    /// Not three parts of base64url, joined by dots.
    #[error("token is not a compact jws")]
    NotCompact,
    /// A part is not canonical base64url, or not one unambiguous JSON object.
    #[error("token is malformed")]
    Malformed(#[source] BoxError),
    /// `alg` is missing, unknown, or not one that the configuration allows.
    #[error("signature algorithm is not allowed")]
    Algorithm,
    /// The header asks for an extension, which RFC 7515 section 4.1.11 says must then be understood.
    #[error("token header has a critical extension")]
    Extension,
    /// The header brings a key or says where to fetch one.
    #[error("token brings its own key")]
    OwnKey,
    /// `typ` or a claim says that this is no access token, or nothing says that it is one.
    #[error("token is of another type")]
    Type,
    /// A claim that only ID tokens have: the answer to a login is not meant for this service.
    #[error("token is an id token")]
    IdToken,
    /// The header names no key.
    #[error("token names no key")]
    NoKeyId,
    /// The issuer publishes no such key.
    #[error("token names an unknown key")]
    UnknownKey,
    /// The key exists but must not be used with this algorithm.
    #[error("key is not meant for this algorithm")]
    AlgorithmOfKey,
    /// The signature is not by that key over these bytes.
    #[error("signature does not hold")]
    Signature,
    /// `iss` is missing or names an issuer that is not trusted.
    #[error("token is from another issuer")]
    Issuer,
    /// `aud` is missing or does not contain this service.
    #[error("token is for another audience")]
    Audience,
    /// `exp` is missing.
    #[error("token has no expiry")]
    NoExpiry,
    /// `exp` has passed.
    #[error("token has expired")]
    Expired,
    /// `nbf` has not come yet.
    #[error("token is not yet valid")]
    NotYetValid,
    /// `iat` has not come yet.
    #[error("token was issued in the future")]
    IssuedInFuture,
    /// `exp` is further away than tokens of this issuer may live.
    #[error("token lives too long")]
    LivesTooLong,
    /// The claim that names the user is missing, empty or no string.
    #[error("token names no user")]
    NoUser,
    /// The claim that names the tenant is missing, empty or no string.
    #[error("token names no tenant")]
    NoTenant,
    /// A claim that the configuration requires is missing or has another value.
    #[error("a required claim is missing or another one")]
    RequiredClaim,
    /// A claim that is to be kept is over `Limits::token_claim_bytes`, or not read alike by every reader.
    #[error("a claim that is kept is over the limit or ambiguous")]
    KeptClaim,
    /// More scopes or roles than `Limits::token_grants`.
    #[error("token grants too much at once")]
    TooManyGrants,
    /// Another claim has a type or form that it must not have.
    #[error("a claim is malformed")]
    Claim,
}

impl InvalidToken {
    /// A name of the case for logs and metrics, which holds nothing that the token contained.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SeveralCredentials => "several_credentials",
            Self::NotBearer => "not_bearer",
            Self::TooLong => "too_long",
            Self::NotCompact => "not_compact",
            Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::Extension => "extension",
            Self::OwnKey => "own_key",
            Self::Type => "type",
            Self::IdToken => "id_token",
            Self::NoKeyId => "no_key_id",
            Self::UnknownKey => "unknown_key",
            Self::AlgorithmOfKey => "algorithm_of_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::LivesTooLong => "lives_too_long",
            Self::NoUser => "no_user",
            Self::NoTenant => "no_tenant",
            Self::RequiredClaim => "required_claim",
            Self::KeptClaim => "kept_claim",
            Self::TooManyGrants => "too_many_grants",
            Self::Claim => "claim",
        }
    }
}

/// The finer kind of a refused credential, for logs and metrics; `None` for causes of other crates.
#[must_use]
pub fn cause_of(error: &AuthenticateError) -> Option<&'static str> {
    if let Some(of) = of_which(error) {
        return cause_of(&of.error);
    }
    match error {
        AuthenticateError::Invalid(cause)
        | AuthenticateError::Unavailable(cause)
        | AuthenticateError::ShareUsedUp(cause) => {
            let token = || cause.downcast_ref::<InvalidToken>().map(InvalidToken::kind);
            let several = || cause.is::<OtherCaller>().then_some("other_caller");
            cause.downcast_ref::<BindingError>().map(BindingError::kind).or_else(token).or_else(several)
        }
        // Kinds that are added elsewhere name nothing here.
        AuthenticateError::Missing | _ => None,
    }
}

impl From<InvalidToken> for AuthenticateError {
    fn from(invalid: InvalidToken) -> Self {
        tracing::debug!(kind = invalid.kind(), "token refused");
        Self::Invalid(Box::new(invalid))
    }
}
