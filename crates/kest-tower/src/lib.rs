//! Tower layers of Kest: verify what came in, ask policy, sign the entry, run the handler.
//!
//! [`InboundLayer`] goes once around a service and proves who is calling and through whom. [`OperationLayer`] goes on
//! a route, asks policy and signs the operation's entry. Both work for any [`tower_service::Service`] over
//! [`http::Request`]: axum, plain hyper, tonic. No axum type stands in a signature.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! use http::{Request, Response, StatusCode};
//! use http_body_util::BodyExt as _;
//! use kest_core::policy::policy_fn;
//! use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
//! use kest_core::{Admission, Admitter, Operation, OsRandom};
//! use kest_identity::IdentityChoice;
//! use kest_tower::{HopProof, InboundLayer, OperationLayer};
//! use tower::{ServiceBuilder, ServiceExt as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let workload = WorkloadId::new("spiffe://example.org/cart")?;
//! let signer = Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom)?);
//! let mut ring = KeyRing::new();
//! ring.trust_signer(signer.as_ref())?;
//!
//! // Callers sign each request for the name that they reach the service by.
//! let inbound = InboundLayer::builder(Arc::new(ring))
//!     .identity(IdentityChoice::from_lineage())
//!     .hop_proof(HopProof::for_authority("shop.internal"))
//!     .build();
//! let service = ServiceBuilder::new()
//!     .layer(inbound)
//!     .layer(OperationLayer::new(
//!         Admitter::builder(signer).build(),
//!         Operation::named("list_items")?,
//!         policy_fn("anyone_may_list", |_inquiry| true)?,
//!     ))
//!     .service_fn(|request: Request<_>| async move {
//!         let admission = request.extensions().get::<Admission>().expect("the layer put it there");
//!         Ok::<_, Infallible>(Response::new(admission.passport().len().to_string()))
//!     });
//!
//! let response = service.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "1");
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! The layers need a Tokio runtime with timers. A refused request is answered with an empty body; the
//! [`Rejection`] is in the response's extensions for logging and for [`respond`] hooks. Contexts follow the request's
//! own future and the body of its answer: a task spawned by a handler, and a connection that was upgraded, start without
//! one and must be given the admission, or the [`Ambience`](kest_baggage::Ambience).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod answer;
mod body;
pub mod carry;
mod describe;
mod future;
pub mod grpc;
mod guard;
mod hash_body;
mod hop_proof;
mod inbound;
mod operation;
mod problem;
mod public;
mod rejection;
pub mod respond;
mod row;
mod service;
mod steps;
mod touch;
mod trace;

pub use address::RequestUri;
pub use answer::Rejection;
pub use body::{Checked, GuardFuture};
pub use describe::DescribeError;
pub use future::{ArrivalFuture, OperationFuture, ProvingFuture};
pub use guard::{Guard, GuardLayer, ScopeError};
pub use hash_body::{HashBody, HashedOperationLayer};
pub use hop_proof::{HopProof, InboundBuildError, NoBindingChoice};
pub use inbound::{InboundBuilder, InboundLayer};
pub use kest_baggage::Ambient;
pub use kest_core::refusal::{Explanation, Step};
pub use kest_identity::{PeerWorkload, ResourceMetadata};
pub use kest_signature::hop::HopSettingsError;
pub use operation::OperationLayer;
pub use problem::{ProblemDetails, ProblemDetailsLayer, ProblemFuture};
pub use public::{Public, PublicLayer, public};
pub use rejection::RejectionKind;
pub use service::{Inbound, Operate};
pub use steps::{PassportPresence, Received};
