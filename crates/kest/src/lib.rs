#![doc = include_str!(concat!(env!("OUT_DIR"), "/README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use kest_baggage as baggage;
pub use kest_core as core;
pub use kest_identity as identity;
pub use kest_signature as signing;
pub use kest_tower as tower;

#[cfg(feature = "audit")]
pub use kest_audit as audit;
#[cfg(feature = "axum")]
pub use kest_axum as extract;
#[cfg(feature = "policy")]
pub use kest_policy as policy;
#[cfg(feature = "redis")]
pub use kest_redis as redis;
#[cfg(any(feature = "audit-postgres", feature = "audit-sqlite"))]
pub use kest_sql as sql;

#[cfg(feature = "telemetry")]
pub use kest_telemetry as telemetry;
#[cfg(feature = "workload")]
pub use kest_workload as workload;

#[cfg(feature = "reqwest")]
pub use kest_reqwest as client;

pub mod prelude;

mod build_error;
mod builder;
mod continue_error;
mod grpc;
mod in_force;
mod messages;
mod operation;
mod service;
mod stores;
mod trust;

pub use build_error::BuildError;
pub use builder::KestBuilder;
pub use continue_error::ContinueError;
pub use grpc::{GrpcBuildError, GrpcServiceBuilder};
pub use messages::{Carrier, CarrierError, Continue, ContinueWithin, Continued, carry};
pub use operation::{Named, OperationBuildError, OperationBuilder};
pub use service::Kest;
pub use trust::Trust;

pub use kest_baggage::carry::{Destination, WithoutLineage};
pub use kest_baggage::{
    Ambience, Fallback, InMemoryPassports, PassportStore, PassportStores, RunNested, Sealing, SealingKey,
    Tiers, current_agent, current_arrival, current_passport, current_task, current_user, run_admitted,
};
pub use kest_core::entry::{OtelContext, Resource, Sanitizer, SpanId, TraceId};
pub use kest_core::policy::{all_of, dangerous_allow_all, deployment_only, policy_fn};
pub use kest_core::signature::{Bundle, Ed25519Signer, KeyRing, ReplaceableSigner, WorkloadId};
pub use kest_core::trust::{Origin, TrustScore};
pub use kest_core::{
    Admission, Arrival, Authorize, Caller, Claim, Clock, Dialect, FromLineage, HeaderName, Identity,
    JsonObject, Limits, Operation, OsRandom, Passport, PassportBinding, ReplayStore, Sign,
    UnverifiedPassport, Verifier,
};
pub use kest_identity::{BundleFile, BundleUrl, IdentityChoice, JwtAuthenticator};
pub use kest_tower::{
    Checked, DescribeError, GuardLayer, HopProof, InboundBuildError, InboundLayer, NoBindingChoice,
    OperationLayer, PassportPresence, PeerWorkload, ProblemDetailsLayer, Rejection, RejectionKind, public,
};

#[cfg(feature = "axum")]
pub use kest_axum::{Admitted, Arrived, Authenticated};
#[cfg(feature = "policy")]
pub use kest_policy::Policies;

/// Identity from whatever the token says, unverified: every caller can claim to be anybody. For development only; see
/// [`IdentityChoice::dangerous_insecure_no_verify`].
#[must_use]
pub fn dangerous_insecure_no_verify() -> IdentityChoice {
    IdentityChoice::dangerous_insecure_no_verify()
}

/// Describes the metrics of every crate that is compiled in to the recorder that is installed.
///
/// The guide on telemetry has all of them in one table.
pub fn describe_metrics() {
    kest_core::refusal::describe_metrics();
    kest_baggage::telemetry::describe_metrics();
    kest_identity::telemetry::describe_metrics();
    #[cfg(feature = "policy")]
    kest_policy::telemetry::describe_metrics();
    #[cfg(feature = "redis")]
    kest_redis::telemetry::describe_metrics();
    #[cfg(feature = "telemetry")]
    kest_telemetry::telemetry::describe_metrics();
    #[cfg(feature = "workload")]
    kest_workload::telemetry::describe_metrics();
}

/// The guides, as they stand in the repository too; their code is compiled with the tests of this crate.
#[cfg(any(
    all(doc, not(doctest)),
    all(
        doctest,
        feature = "audit-postgres",
        feature = "audit-sqlite",
        feature = "axum",
        feature = "reqwest",
        feature = "cedar",
        feature = "opa",
        feature = "telemetry",
        feature = "redis-cluster",
        feature = "redis-tls"
    )
))]
pub mod guides {
    macro_rules! guides {
        ($($(#[doc = $about:literal])+ $name:ident;)+) => {$(
            $(#[doc = $about])+
            ///
            #[doc = include_str!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".md"))]
            pub mod $name {}
        )+};
    }
    guides! {
        /// Protecting a service.
        inbound;
        /// Kest among the layers of every day.
        layers;
        /// Calling the next service.
        outbound;
        /// Jobs that continue the lineage of what caused them.
        queues;
        /// Passports that are worth nothing on another request.
        hop_proof;
        /// What happened, kept so that what is missing shows.
        audit;
        /// Services and channels of gRPC, and any other tower client.
        grpc;
        /// Who is calling: tokens, lineages, mechanisms of your own.
        identity;
        /// Recipes for issuers of tokens.
        providers;
        /// What may happen.
        policy;
        /// Signing keys and trust bundles, and their rotation.
        keys;
        /// Who issues identities, and how it is run.
        authority;
        /// One Redis for many replicas.
        redis;
        /// Tests of a service.
        testing;
        /// Why a request was refused.
        refused;
        /// What a lineage looks like, and a page that proves it.
        pictures;
        /// Spans, traces and metrics.
        telemetry;
    }
}
