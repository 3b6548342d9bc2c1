//! axum extractors for what Kest proved about a request.
//!
//! ```
//! use axum::{Router, routing::get};
//! use kest_axum::{Admitted, Authenticated};
//!
//! async fn show(Authenticated(caller): Authenticated, Admitted(admission): Admitted) -> String {
//!     format!("{} through {} hops", caller.user().unwrap_or("anonymous"), admission.passport().len())
//! }
//!
//! let router: Router = Router::new().route("/", get(show));
//! ```
//!
//! # Limits and caveats
//!
//! An extractor without its layer is a fault of the configuration: it answers 500 with an empty body and says so in
//! the log. It never answers with an empty value.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod describe;
mod metadata;
mod resource;

pub use describe::{Describer, describe};
pub use metadata::protected_resource;
pub use resource::resource_of_parameters;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use kest_core::refusal::{Refusal, Step};
use kest_core::{Admission, Arrival, Caller};
use kest_tower::RejectionKind;
use kest_tower::respond::AuditedBy;

/// What steps 1 to 4 proved; needs an `InboundLayer` around the router.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "extractors are taken apart by pattern")]
pub struct Arrived(pub Arrival);

/// The signed operation; needs an `OperationLayer` on the route.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "extractors are taken apart by pattern")]
pub struct Admitted(pub Admission);

/// Who is calling; needs an `InboundLayer` around the router.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "extractors are taken apart by pattern")]
pub struct Authenticated(pub Caller);

impl<State: Send + Sync> FromRequestParts<State> for Arrived {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &State) -> Result<Self, StatusCode> {
        proved(parts, RejectionKind::NoArrival).map(Self)
    }
}

impl<State: Send + Sync> FromRequestParts<State> for Admitted {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &State) -> Result<Self, StatusCode> {
        proved(parts, RejectionKind::NoAdmission).map(Self)
    }
}

impl<State: Send + Sync> FromRequestParts<State> for Authenticated {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &State) -> Result<Self, StatusCode> {
        let arrival: Arrival = proved(parts, RejectionKind::NoArrival)?;
        Ok(Self(arrival.caller().clone()))
    }
}

fn proved<Proof: Clone + Send + Sync + 'static>(
    parts: &Parts,
    otherwise: RejectionKind,
) -> Result<Proof, StatusCode> {
    parts.extensions.get::<Proof>().cloned().ok_or_else(|| {
        let status = otherwise.status();
        let audit = parts.extensions.get::<AuditedBy>().map(|AuditedBy(audit)| audit.as_ref());
        let refusal = Refusal::new(Step::Extractor, otherwise.explanation()).status(status.as_u16());
        refusal.audited(audit).report();
        status
    })
}
