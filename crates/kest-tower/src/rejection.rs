//! Every kind of refusal, and the one table that gives each its status and says what it means.

use http::StatusCode;
use kest_core::AdmitErrorKind;
use kest_core::refusal::{Actor, Explanation};

use crate::row::{GrpcCode, Row};

/// Makes the kinds of one table, so that a kind without a decision cannot be written.
macro_rules! kinds {
    (
        ours { $($(#[$doc:meta])* $kind:ident $name:literal $actor:ident $status:ident $grpc:ident $($challenge:literal)?:
            $expected:literal, $mend:literal;)* }
        of_an_operation { $($not_admitted:ident $its_status:ident $its_grpc:ident;)* }
    ) => {
        /// The kinds of refusals, by who must act.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RejectionKind {
            $($(#[$doc])* $kind,)*
            $(
                #[doc = concat!("[`AdmitErrorKind::", stringify!($not_admitted), "`], where that is what a request asked for.")]
                $not_admitted,
            )*
        }

        impl RejectionKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)* $(Self::$not_admitted,)*];

            /// What the table says.
            pub(crate) fn row(self) -> Row {
                match self {
                    $(Self::$kind => {
                        let told = Explanation::new($name, Actor::$actor, $expected, $mend);
                        Row::of(told, (StatusCode::$status, GrpcCode::$grpc))$(.challenging($challenge))?
                    })*
                    $(Self::$not_admitted => {
                        let told = AdmitErrorKind::$not_admitted.explanation();
                        Row::of(told, (StatusCode::$its_status, GrpcCode::$its_grpc))
                    })*
                }
            }
        }

        impl From<AdmitErrorKind> for RejectionKind {
            fn from(kind: AdmitErrorKind) -> Self {
                match kind {
                    $(AdmitErrorKind::$not_admitted => Self::$not_admitted,)*
                    // Of a later kest-core: a 500, until it has a row here.
                    _ => Self::NotSignable,
                }
            }
        }
    };
}

impl RejectionKind {
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
}

// A row: the name, who must act, the status, the code that gRPC has for it, the challenge; what was expected; what to do.
kinds! {
    ours {
        /// The `baggage` header cannot be read.
        BaggageMalformed "baggage_malformed" Caller BAD_REQUEST InvalidArgument:
            "a baggage header that follows W3C Baggage, with one passport and its chain tip in it",
            "let the caller write the header with a Kest client; `kest verify --baggage` says what is wrong";
        /// The `baggage` header or the passport in it is over a limit.
        BaggageTooLarge "baggage_too_large" Caller REQUEST_HEADER_FIELDS_TOO_LARGE ResourceExhausted:
            "a baggage header and a passport within Limits",
            "let the caller use a passport store, or raise the limit that the cause names on both sides";
        /// The claim check is unknown or expired, or what it led to is no passport.
        ClaimCheckGone "claim_check_gone" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a claim check that the passport store still knows, for the lineage that was announced",
            "see whether both sides use the same store and key, and whether the call took longer than \
             Limits::claim_check_ttl";
        /// The passport store did not answer.
        PassportStoreUnavailable "passport_store_unavailable" Dependency SERVICE_UNAVAILABLE Unavailable:
            "an answer of the passport store within Limits::passport_store_wait",
            "see whether the store runs; where none is configured, give InboundBuilder::passport_store one";
        /// The passport does not hold.
        PassportInvalid "passport_invalid" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a passport whose entries, links, scores, taints and tips hold under trusted keys",
            "where the cause is unknown_principal or unknown_key, add that workload's key to the bundle; \
             else `kest verify --baggage` shows the entry";
        /// A passport is required and none came.
        PassportMissing "passport_missing" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a passport with at least one entry",
            "let the caller carry its lineage with a Kest client; an edge leaves require_passport() out";
        /// The passport is older than `Limits::max_tip_age`, or dated in the future.
        PassportStale "passport_stale" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a passport whose last operation was signed within Limits::max_tip_age, give or take \
             Limits::clock_skew",
            "let the caller start or continue a lineage anew; where many callers are refused, compare the clocks";
        /// A passport came where none is taken.
        PassportRefused "passport_refused" Caller UNAUTHORIZED Unauthenticated "Kest":
            "no passport, since this service starts lineages and continues none",
            "let the caller leave it out; a service that others call says PassportPresence::Optional";
        /// A passport came without a proof that the request was made by the signer of its tip.
        ProofMissing "proof_missing" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a passport with a hop proof: a signature of the request by the signer of the passport's tip",
            "let the caller send with a Kest client, which signs each attempt; where callers cannot, tie passports with \
             bound_to_peer()";
        /// The hop proof is malformed, or of another request, service, passport, key or moment, or the body was swapped.
        ProofInvalid "proof_invalid" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a hop proof of exactly this request, for an authority of this service, made within the last seconds by the \
             signer of the passport's tip",
            "the cause names the rule: compare what callers ask for with HopProof's authorities, the clocks, and what proxies \
             between change";
        /// The hop proof was used before.
        ProofReplayed "proof_replayed" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a hop proof that was not used before",
            "let the caller sign each attempt anew, below its retries; where no caller repeats itself, a proof was copied";
        /// Used hop proofs cannot be remembered now.
        ProofUnavailable "proof_unavailable" Dependency SERVICE_UNAVAILABLE Unavailable:
            "a replay store with room, that answers",
            "see whether the store of HopProof::replays runs; where it is full, raise Limits::replay_ids";
        /// The peer of the connection is not the signer of the passport's tip.
        PeerMismatch "peer_mismatch" Caller UNAUTHORIZED Unauthenticated "Kest":
            "a connection of which the peer's certificate names the signer of the passport's tip",
            "where the cause is no_peer, see that the code which ends TLS puts a PeerWorkload into the extensions; else a passport \
             travelled through another workload, or was copied";
        /// The keys to verify the passport with are out of reach.
        KeysUnavailable "keys_unavailable" Dependency SERVICE_UNAVAILABLE Unavailable:
            "the keys of the workloads that the passport names",
            "see what the ResolveKeys of this service asks and whether it answers";
        // RFC 6750 section 3.1: without credentials, the challenge has no error code.
        /// Credentials are required and none came.
        CredentialsMissing "credentials_missing" Caller UNAUTHORIZED Unauthenticated "Bearer":
            "one credential of the kind that IdentityChoice names",
            "let the caller send it; routes for everybody stand outside of the InboundLayer";
        /// The credentials do not hold.
        CredentialsInvalid "credentials_invalid" Caller UNAUTHORIZED Unauthenticated r#"Bearer error="invalid_token""#:
            "a credential that holds for the issuer, audience and binding that are configured",
            "the cause names the rule: compare the token with the configuration, for example with \
             an expiry, an audience or a key id";
        /// The credentials cannot be judged now.
        IdentityUnavailable "identity_unavailable" Dependency SERVICE_UNAVAILABLE Unavailable:
            "the issuer's keys, or whatever else judges the credential",
            "see the lines about key sets: they name the issuer, its address and what went wrong";
        // RFC 6750 section 3.1; the guard, which knows the scope, adds it.
        /// The credentials do not grant a scope that the route needs.
        InsufficientScope "insufficient_scope" Caller FORBIDDEN PermissionDenied r#"Bearer error="insufficient_scope""#:
            "a credential with every scope that the guard names",
            "let the issuer grant the scope, or take it out of the GuardLayer of this route";
        /// The caller does not have a role that the route needs.
        RoleMissing "role_missing" Caller FORBIDDEN PermissionDenied:
            "a caller with every role that the guard names",
            "let the issuer assign the role, or take it out of the GuardLayer of this route";
        /// The caller's grants are of another issuer or within another tenant than the route takes.
        GrantedElsewhere "granted_elsewhere" Caller FORBIDDEN PermissionDenied:
            "a credential of an issuer and a tenant whose grants this guard takes",
            "let the caller use the issuer and tenant of this route, or name others in its GuardLayer";
        /// The caller's credentials were not verified, so that they grant nothing.
        GrantsUnverified "grants_unverified" Caller FORBIDDEN PermissionDenied:
            "a verified credential: without that it grants nothing",
            "verify tokens with IdentityChoice::jwks; the insecure mode cannot open a guard";
        /// A gRPC method that its service's layer does not name.
        UnknownMethod "unknown_method" Caller NOT_FOUND Unimplemented:
            "a gRPC method that the layer of its service names",
            "where the service has the method, name it: kest.grpc_service(..).methods(..); else the caller asks for \
             what there is not";
        /// The request does not say what the operation acts on.
        RequestUndescribed "request_undescribed" Caller BAD_REQUEST InvalidArgument:
            "a request in which OperationLayer::describe finds what the operation is about",
            "let the caller send what the route's description reads; the route's documentation names it";
        /// What the operation acts on cannot be found out now.
        DescriptionUnavailable "description_unavailable" Dependency SERVICE_UNAVAILABLE Unavailable:
            "an answer of what OperationLayer::describe asks",
            "see whether the database or service that the route's description asks is there";
        /// The body of the request is longer than what is held before the handler runs.
        BodyTooLarge "body_too_large" Caller PAYLOAD_TOO_LARGE ResourceExhausted:
            "a body within the limit that OperationLayer::hash_body was given, or Limits::signed_body_bytes under a hop proof",
            "let the caller send less, raise the limit, or say streaming_body() on this route";
        /// A layer or an extractor ran without an `InboundLayer` around it.
        NoArrival "no_arrival" Service INTERNAL_SERVER_ERROR Internal:
            "an InboundLayer around this layer or handler",
            "add the InboundLayer outside of it: on the router after all of its routes";
        /// An extractor asked for an admission where no `OperationLayer` is around the handler.
        NoAdmission "no_admission" Service INTERNAL_SERVER_ERROR Internal:
            "an OperationLayer around the handler that asks for its admission",
            "put an OperationLayer on the route with route_layer";
        /// An `InboundLayer` ran inside another.
        SecondArrival "second_arrival" Service INTERNAL_SERVER_ERROR Internal:
            "one InboundLayer around a request",
            "take the inner or the outer InboundLayer away: the inner one would forget the lineage that the \
             outer one proved";
        /// A route answered that no operation, no guard and no `public()` was around.
        NoOperation "no_operation" Service INTERNAL_SERVER_ERROR Internal:
            "an OperationLayer or a GuardLayer on every route that answers, or kest::public() on it",
            "put an OperationLayer on the route with route_layer; where everybody may have the answer, \
             kest::public(); or move the route outside of the InboundLayer";
    }
    // What these mean stands in the table of kest-core.
    of_an_operation {
        ShareUsedUp TOO_MANY_REQUESTS ResourceExhausted;
        Overloaded SERVICE_UNAVAILABLE Unavailable;
        TookTooLong SERVICE_UNAVAILABLE Unavailable;
        Denied FORBIDDEN PermissionDenied;
        PolicyFailed FORBIDDEN PermissionDenied;
        NoPolicy INTERNAL_SERVER_ERROR Internal;
        PolicyMisplaced INTERNAL_SERVER_ERROR Internal;
        PolicyUnavailable SERVICE_UNAVAILABLE Unavailable;
        SignerUnavailable SERVICE_UNAVAILABLE Unavailable;
        AuditUnavailable SERVICE_UNAVAILABLE Unavailable;
        ResourceMalformed BAD_REQUEST InvalidArgument;
        ResourceTooLong REQUEST_HEADER_FIELDS_TOO_LARGE ResourceExhausted;
        LineageFull REQUEST_HEADER_FIELDS_TOO_LARGE ResourceExhausted;
        EntryTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE ResourceExhausted;
        NotSignable INTERNAL_SERVER_ERROR Internal;
        OperationUnnamed INTERNAL_SERVER_ERROR Internal;
    }
}

#[cfg(test)]
#[path = "rejection/tests.rs"]
mod tests;
