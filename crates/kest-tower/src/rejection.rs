//! Every kind of refusal, and the one table that gives each its status and says what it means.

use http::StatusCode;
use kest_core::AdmitErrorKind;
use kest_core::refusal::{Actor, Explanation};

use crate::row::{Grpc, Row};

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
    /// The passport is older than `Limits::max_tip_age`, or dated in the future.
    PassportStale,
    /// A passport came where none is taken.
    PassportRefused,
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
    /// The caller has used up its share of what all callers share; others go on.
    ShareUsedUp,
    /// There is too much work at once, of all callers together.
    Overloaded,
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
    /// What the operation acts on is spelled in a way that readers may take for two things.
    ResourceMalformed,
    /// What the operation acts on has a name over the limit.
    ResourceTooLong,
    /// The lineage cannot take another entry.
    LineageFull,
    /// What the request brought makes an entry that is over a limit.
    EntryTooLarge,
    /// The operation is declared in a way that cannot be signed.
    NotSignable,
    /// A layer or an extractor ran without an `InboundLayer` around it.
    NoArrival,
    /// An extractor asked for an admission where no `OperationLayer` is around the handler.
    NoAdmission,
    /// An `InboundLayer` ran inside another.
    SecondArrival,
    /// A route answered that no operation, no guard and no `public()` was around.
    NoOperation,
}

impl RejectionKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::BaggageMalformed,
        Self::BaggageTooLarge,
        Self::ClaimGone,
        Self::ClaimStoreUnavailable,
        Self::PassportInvalid,
        Self::PassportMissing,
        Self::PassportStale,
        Self::PassportRefused,
        Self::KeysUnavailable,
        Self::CredentialsMissing,
        Self::CredentialsInvalid,
        Self::IdentityUnavailable,
        Self::InsufficientScope,
        Self::RoleMissing,
        Self::GrantedElsewhere,
        Self::GrantsUnverified,
        Self::ShareUsedUp,
        Self::Overloaded,
        Self::TookTooLong,
        Self::Denied,
        Self::PolicyFailed,
        Self::NoPolicy,
        Self::PolicyMisplaced,
        Self::PolicyUnavailable,
        Self::SignerUnavailable,
        Self::ResourceMalformed,
        Self::ResourceTooLong,
        Self::LineageFull,
        Self::EntryTooLarge,
        Self::NotSignable,
        Self::NoArrival,
        Self::NoAdmission,
        Self::SecondArrival,
        Self::NoOperation,
    ];

    /// A stable name for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().explanation.kind()
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().status
    }

    /// What it means, for the people who run the service.
    #[must_use]
    pub fn explanation(self) -> Explanation {
        self.row().explanation
    }

    /// The table: a new kind does not compile without a decision. A row has the name, who must act, what was expected
    /// and what to do; the status; the code that gRPC has for it; the challenge.
    #[expect(clippy::too_many_lines, reason = "one row for each kind")]
    pub(crate) fn row(self) -> Row {
        use {Actor::Caller, Actor::Dependency, Actor::Service};
        let row = Row::of;
        match self {
            Self::BaggageMalformed => row(
                Explanation::new(
                    "baggage_malformed",
                    Caller,
                    "a baggage header that follows W3C Baggage, with one passport and its chain tip in it",
                    "let the caller write the header with a Kest client; `kest verify --baggage` says what is wrong",
                ),
                (StatusCode::BAD_REQUEST, Grpc::InvalidArgument),
            ),
            Self::BaggageTooLarge => row(
                Explanation::new(
                    "baggage_too_large",
                    Caller,
                    "a baggage header and a passport within Limits",
                    "let the caller use a claim store, or raise the limit that the cause names on both sides",
                ),
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Grpc::ResourceExhausted),
            ),
            Self::ClaimGone => row(
                Explanation::new(
                    "claim_gone",
                    Caller,
                    "a claim check that the claim store still knows, for the lineage that was announced",
                    "see whether both sides use the same store and key, and whether the call took longer than \
                     Limits::claim_ttl",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            .challenging("Kest"),
            Self::ClaimStoreUnavailable => row(
                Explanation::new(
                    "claim_store_unavailable",
                    Dependency,
                    "an answer of the claim store within Limits::claim_wait",
                    "see whether the store runs; where none is configured, give InboundBuilder::claims one",
                ),
                (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            ),
            Self::PassportInvalid => row(
                Explanation::new(
                    "passport_invalid",
                    Caller,
                    "a passport whose entries, links, scores, taints and tips hold under trusted keys",
                    "where the cause is unknown_principal or unknown_key, add that workload's key to the bundle; \
                     else `kest verify --baggage` shows the entry",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            .challenging("Kest"),
            Self::PassportMissing => row(
                Explanation::new(
                    "passport_missing",
                    Caller,
                    "a passport with at least one entry",
                    "let the caller carry its lineage with a Kest client; an edge leaves require_passport() out",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            .challenging("Kest"),
            Self::PassportStale => row(
                Explanation::new(
                    "passport_stale",
                    Caller,
                    "a passport whose last operation was signed within Limits::max_tip_age, give or take \
                     Limits::clock_skew",
                    "let the caller start or continue a lineage anew; where many callers are refused, compare the clocks",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            .challenging("Kest"),
            Self::PassportRefused => row(
                Explanation::new(
                    "passport_refused",
                    Caller,
                    "no passport, since this service starts lineages and continues none",
                    "let the caller leave it out; a service that others call says PassportPresence::Optional",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            .challenging("Kest"),
            Self::KeysUnavailable => row(
                Explanation::new(
                    "keys_unavailable",
                    Dependency,
                    "the keys of the workloads that the passport names",
                    "see what the ResolveKeys of this service asks and whether it answers",
                ),
                (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            ),
            Self::CredentialsMissing => row(
                Explanation::new(
                    "credentials_missing",
                    Caller,
                    "one credential of the kind that IdentityChoice names",
                    "let the caller send it; routes for everybody stand outside of the InboundLayer",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            // RFC 6750 section 3.1: without credentials, no error code.
            .challenging("Bearer"),
            Self::CredentialsInvalid => row(
                Explanation::new(
                    "credentials_invalid",
                    Caller,
                    "a credential that holds for the issuer, audience and binding that are configured",
                    "the cause names the rule: compare the token with the configuration, for example with \
                     an expiry, an audience or a key id",
                ),
                (StatusCode::UNAUTHORIZED, Grpc::Unauthenticated),
            )
            .challenging(r#"Bearer error="invalid_token""#),
            Self::IdentityUnavailable => row(
                Explanation::new(
                    "identity_unavailable",
                    Dependency,
                    "the issuer's keys, or whatever else judges the credential",
                    "see the lines about key sets: they name the issuer, its address and what went wrong",
                ),
                (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            ),
            Self::InsufficientScope => row(
                Explanation::new(
                    "insufficient_scope",
                    Caller,
                    "a credential with every scope that the guard names",
                    "let the issuer grant the scope, or take it out of the GuardLayer of this route",
                ),
                (StatusCode::FORBIDDEN, Grpc::PermissionDenied),
            )
            // RFC 6750 section 3.1; the guard, which knows the scope, adds it.
            .challenging(r#"Bearer error="insufficient_scope""#),
            Self::RoleMissing => row(
                Explanation::new(
                    "role_missing",
                    Caller,
                    "a caller with every role that the guard names",
                    "let the issuer assign the role, or take it out of the GuardLayer of this route",
                ),
                (StatusCode::FORBIDDEN, Grpc::PermissionDenied),
            ),
            Self::GrantedElsewhere => row(
                Explanation::new(
                    "granted_elsewhere",
                    Caller,
                    "a credential of an issuer and a tenant whose grants this guard takes",
                    "let the caller use the issuer and tenant of this route, or name others in its GuardLayer",
                ),
                (StatusCode::FORBIDDEN, Grpc::PermissionDenied),
            ),
            Self::GrantsUnverified => row(
                Explanation::new(
                    "grants_unverified",
                    Caller,
                    "a verified credential: without that it grants nothing",
                    "verify tokens with IdentityChoice::jwks; the insecure mode cannot open a guard",
                ),
                (StatusCode::FORBIDDEN, Grpc::PermissionDenied),
            ),
            Self::ShareUsedUp => row(
                AdmitErrorKind::ShareUsedUp.explanation(),
                (StatusCode::TOO_MANY_REQUESTS, Grpc::ResourceExhausted),
            ),
            Self::Overloaded => {
                row(AdmitErrorKind::Overloaded.explanation(), (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable))
            }
            Self::TookTooLong => {
                row(AdmitErrorKind::TookTooLong.explanation(), (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable))
            }
            Self::Denied => {
                row(AdmitErrorKind::Denied.explanation(), (StatusCode::FORBIDDEN, Grpc::PermissionDenied))
            }
            Self::PolicyFailed => {
                row(AdmitErrorKind::PolicyFailed.explanation(), (StatusCode::FORBIDDEN, Grpc::PermissionDenied))
            }
            Self::NoPolicy => {
                row(AdmitErrorKind::NoPolicy.explanation(), (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal))
            }
            Self::PolicyMisplaced => row(
                AdmitErrorKind::PolicyMisplaced.explanation(),
                (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal),
            ),
            Self::PolicyUnavailable => row(
                AdmitErrorKind::PolicyUnavailable.explanation(),
                (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            ),
            Self::SignerUnavailable => row(
                AdmitErrorKind::SignerUnavailable.explanation(),
                (StatusCode::SERVICE_UNAVAILABLE, Grpc::Unavailable),
            ),
            Self::ResourceMalformed => row(
                AdmitErrorKind::ResourceMalformed.explanation(),
                (StatusCode::BAD_REQUEST, Grpc::InvalidArgument),
            ),
            Self::ResourceTooLong => row(
                AdmitErrorKind::ResourceTooLong.explanation(),
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Grpc::ResourceExhausted),
            ),
            Self::LineageFull => row(
                AdmitErrorKind::LineageFull.explanation(),
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Grpc::ResourceExhausted),
            ),
            Self::EntryTooLarge => row(
                AdmitErrorKind::EntryTooLarge.explanation(),
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Grpc::ResourceExhausted),
            ),
            Self::NotSignable => {
                row(AdmitErrorKind::NotSignable.explanation(), (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal))
            }
            Self::NoArrival => row(
                Explanation::new(
                    "no_arrival",
                    Service,
                    "an InboundLayer around this layer or handler",
                    "add the InboundLayer outside of it: on the router after all of its routes",
                ),
                (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal),
            ),
            Self::NoAdmission => row(
                Explanation::new(
                    "no_admission",
                    Service,
                    "an OperationLayer around the handler that asks for its admission",
                    "put an OperationLayer on the route with route_layer",
                ),
                (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal),
            ),
            Self::SecondArrival => row(
                Explanation::new(
                    "second_arrival",
                    Service,
                    "one InboundLayer around a request",
                    "take the inner or the outer InboundLayer away: the inner one would forget the lineage that the \
                     outer one proved",
                ),
                (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal),
            ),
            Self::NoOperation => row(
                Explanation::new(
                    "no_operation",
                    Service,
                    "an OperationLayer or a GuardLayer on every route that answers, or kest::public() on it",
                    "put an OperationLayer on the route with route_layer; where everybody may have the answer, \
                     kest::public(); or move the route outside of the InboundLayer",
                ),
                (StatusCode::INTERNAL_SERVER_ERROR, Grpc::Internal),
            ),
        }
    }
}

#[cfg(test)]
#[path = "rejection/tests.rs"]
mod tests;
