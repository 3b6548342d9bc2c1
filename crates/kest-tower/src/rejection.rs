//! Every way to refuse a request, and the one table that gives each its status.

use std::sync::Arc;

use http::header::{HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use kest_baggage::{ReadError, RestoreError, RestoreFailure};
use kest_core::passport::SignError;
use kest_core::policy::AuthorizeError;
use kest_core::{AdmitError, AuthenticateError, Challenge};

use crate::respond::Respond;

/// Why a request was refused; found in the extensions of the refusing response.
///
/// It says what was wrong and never what the request contained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    challenge: Option<Arc<Challenge>>,
}

/// The kinds of refusal, by who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The `baggage` header cannot be read.
    BaggageMalformed,
    /// The `baggage` header or the passport in it is over a limit.
    BaggageTooLarge,
    /// The claim check is unknown or expired, or what it led to is no passport.
    ClaimGone,
    /// The claim store did not answer.
    ClaimStoreUnavailable,
    /// The passport does not hold.
    PassportInvalid,
    /// A passport is required and none came.
    PassportMissing,
    /// The keys to verify the passport with are out of reach.
    KeysUnavailable,
    /// Credentials are required and none came.
    CredentialsMissing,
    /// The credentials do not hold.
    CredentialsInvalid,
    /// The credentials cannot be judged now.
    IdentityUnavailable,
    /// The credentials do not grant a scope that the route needs.
    InsufficientScope,
    /// The caller does not have a role that the route needs.
    RoleMissing,
    /// The caller's grants are of another issuer or within another tenant than the route takes.
    GrantedElsewhere,
    /// The caller's credentials were not verified, so that they grant nothing.
    GrantsUnverified,
    /// Steps 1 to 4, or policy and signer, did not finish in time.
    TookTooLong,
    /// A policy said no.
    Denied,
    /// A policy failed, which counts as a no.
    PolicyFailed,
    /// No policy was evaluated.
    NoPolicy,
    /// The operation's policy spoke for the deployment.
    PolicyMisplaced,
    /// The policy engine did not answer.
    PolicyUnavailable,
    /// The signer did not answer, or wrongly.
    SignerUnavailable,
    /// The lineage cannot take another entry.
    LineageFull,
    /// The operation is declared in a way that cannot be signed.
    NotSignable,
    /// An `OperationLayer` ran without an `InboundLayer` around it.
    NoArrival,
}

impl RejectionKind {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// Whether kest-core has logged the refusal already, under the id that the entry would have had.
    pub(crate) fn is_logged_with_its_entry(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::PolicyFailed
                | Self::NoPolicy
                | Self::PolicyMisplaced
                | Self::PolicyUnavailable
        )
    }

    /// The table: a new kind does not compile without a decision.
    fn row(self) -> (&'static str, StatusCode) {
        match self {
            Self::BaggageMalformed => ("baggage_malformed", StatusCode::BAD_REQUEST),
            Self::BaggageTooLarge => ("baggage_too_large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::ClaimGone => ("claim_gone", StatusCode::UNAUTHORIZED),
            Self::ClaimStoreUnavailable => ("claim_store_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::PassportInvalid => ("passport_invalid", StatusCode::UNAUTHORIZED),
            Self::PassportMissing => ("passport_missing", StatusCode::UNAUTHORIZED),
            Self::KeysUnavailable => ("keys_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::CredentialsMissing => ("credentials_missing", StatusCode::UNAUTHORIZED),
            Self::CredentialsInvalid => ("credentials_invalid", StatusCode::UNAUTHORIZED),
            Self::IdentityUnavailable => ("identity_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::InsufficientScope => ("insufficient_scope", StatusCode::FORBIDDEN),
            Self::RoleMissing => ("role_missing", StatusCode::FORBIDDEN),
            Self::GrantedElsewhere => ("granted_elsewhere", StatusCode::FORBIDDEN),
            Self::GrantsUnverified => ("grants_unverified", StatusCode::FORBIDDEN),
            Self::TookTooLong => ("took_too_long", StatusCode::SERVICE_UNAVAILABLE),
            Self::Denied => ("denied", StatusCode::FORBIDDEN),
            Self::PolicyFailed => ("policy_failed", StatusCode::FORBIDDEN),
            Self::NoPolicy => ("no_policy", StatusCode::INTERNAL_SERVER_ERROR),
            Self::PolicyMisplaced => ("policy_misplaced", StatusCode::INTERNAL_SERVER_ERROR),
            Self::PolicyUnavailable => ("policy_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::SignerUnavailable => ("signer_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::LineageFull => ("lineage_full", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::NotSignable => ("not_signable", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NoArrival => ("no_arrival", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The challenge of a 401: RFC 9110 section 11.6.1 demands one, RFC 6750 section 3 says which.
    fn challenge(self) -> Option<HeaderValue> {
        let challenge = match self {
            // RFC 6750 section 3.1: without credentials, no error code.
            Self::CredentialsMissing => "Bearer",
            Self::CredentialsInvalid => r#"Bearer error="invalid_token""#,
            // RFC 6750 section 3.1; whoever knows the scope adds it.
            Self::InsufficientScope => r#"Bearer error="insufficient_scope""#,
            Self::PassportInvalid | Self::PassportMissing | Self::ClaimGone => "Kest",
            Self::BaggageMalformed
            | Self::BaggageTooLarge
            | Self::ClaimStoreUnavailable
            | Self::KeysUnavailable
            | Self::IdentityUnavailable
            | Self::RoleMissing
            | Self::GrantedElsewhere
            | Self::GrantsUnverified
            | Self::TookTooLong
            | Self::Denied
            | Self::PolicyFailed
            | Self::NoPolicy
            | Self::PolicyMisplaced
            | Self::PolicyUnavailable
            | Self::SignerUnavailable
            | Self::LineageFull
            | Self::NotSignable
            | Self::NoArrival => return None,
        };
        Some(HeaderValue::from_static(challenge))
    }
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind) -> Self {
        Self { kind, challenge: None }
    }

    /// Says more than the kind's own challenge.
    pub(crate) fn with_challenge(self, challenge: Option<Challenge>) -> Self {
        Self { challenge: challenge.map(Arc::new), ..self }
    }

    /// What was wrong.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The headers that the answer carries beside its status: challenges, and a nonce where one is asked for.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let more = self.challenge.as_deref();
        // A challenge that is no header value would be a fault of the configuration; the kind's own still goes out.
        let told = more.map(Challenge::authenticate).unwrap_or_default();
        let told: Vec<_> = told.iter().filter_map(|value| HeaderValue::from_str(value).ok()).collect();
        let own = if told.is_empty() { self.kind.challenge() } else { None };
        let nonce = more.and_then(Challenge::dpop_nonce).and_then(|nonce| HeaderValue::from_str(nonce).ok());
        let challenges = told.into_iter().chain(own).map(|value| (WWW_AUTHENTICATE, value));
        challenges.chain(nonce.map(|nonce| (DPOP_NONCE, nonce)))
    }

    /// The answer: constant, empty-handed, with this rejection in its extensions.
    pub(crate) fn respond<Body: Default>(self, hook: Option<&Respond>) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = self.status();
        for (name, value) in self.headers() {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(self.clone());
        let (mut parts, body) = response.into_parts();
        if let Some(hook) = hook {
            hook(&self, &mut parts);
        }
        Response::from_parts(parts, body)
    }
}

impl From<&ReadError> for Rejection {
    fn from(error: &ReadError) -> Self {
        Self::new(if error.is_over_limit() {
            RejectionKind::BaggageTooLarge
        } else {
            RejectionKind::BaggageMalformed
        })
    }
}

impl From<&RestoreError> for Rejection {
    fn from(error: &RestoreError) -> Self {
        Self::new(match error.class() {
            RestoreFailure::Malformed => RejectionKind::BaggageMalformed,
            RestoreFailure::OverLimit => RejectionKind::BaggageTooLarge,
            RestoreFailure::ClaimGone | RestoreFailure::ClaimRubbish => RejectionKind::ClaimGone,
            RestoreFailure::StoreUnavailable => RejectionKind::ClaimStoreUnavailable,
        })
    }
}

impl From<&AuthenticateError> for Rejection {
    fn from(error: &AuthenticateError) -> Self {
        Self::new(match error {
            AuthenticateError::Missing => RejectionKind::CredentialsMissing,
            AuthenticateError::Invalid(_) => RejectionKind::CredentialsInvalid,
            AuthenticateError::Unavailable(_) => RejectionKind::IdentityUnavailable,
            // A kind that is added elsewhere refuses too.
            _ => RejectionKind::CredentialsInvalid,
        })
    }
}

impl From<&AdmitError> for Rejection {
    fn from(error: &AdmitError) -> Self {
        Self::new(match error {
            AdmitError::Authorize(AuthorizeError::Denied(_)) => RejectionKind::Denied,
            AdmitError::Authorize(AuthorizeError::NoPolicy) => RejectionKind::NoPolicy,
            AdmitError::Authorize(AuthorizeError::ForeignTier(_) | AuthorizeError::ForeignDeviation) => {
                RejectionKind::PolicyMisplaced
            }
            AdmitError::Authorize(AuthorizeError::Unavailable(_)) => RejectionKind::PolicyUnavailable,
            AdmitError::Authorize(_) => RejectionKind::PolicyFailed,
            AdmitError::Sign(SignError::PassportFull) => RejectionKind::LineageFull,
            AdmitError::Sign(SignError::Unavailable(_) | SignError::WrongSignature)
            | AdmitError::Random(_) => RejectionKind::SignerUnavailable,
            // A kind that is added elsewhere refuses too.
            AdmitError::Sign(_) | _ => RejectionKind::NotSignable,
        })
    }
}

/// RFC 9449 section 8.1.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
