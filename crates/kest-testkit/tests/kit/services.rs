//! Services of these tests: one that is whole, and the parts to build others of.

use axum::Router;
use axum::routing::{MethodRouter, post};
use kest_axum::{Admitted, Authenticated};
use kest_core::policy::policy_fn;
use kest_core::{FromLineage, Operation};
use kest_identity::IdentityChoice;
use kest_testkit::TestKest;
use kest_tower::{HopProof, InboundLayer, OperationLayer};

pub(crate) fn kit() -> TestKest {
    TestKest::new(["gateway", "orders", "cart"])
}

/// A handler like any other.
pub(crate) async fn reserve(Authenticated(caller): Authenticated, Admitted(admission): Admitted) -> String {
    let hops = admission.passport().len();
    format!("{} reserved through {hops} hops", caller.user().unwrap_or("a stranger"))
}

pub(crate) fn operation(kit: &TestKest) -> OperationLayer {
    let known = policy_fn("known_user", |asked| asked.user().is_some()).unwrap();
    OperationLayer::new(kit.admitter("cart").build(), Operation::from_static("reserve"), known)
}

pub(crate) fn inbound(kit: &TestKest, identity: impl Into<IdentityChoice>) -> InboundLayer {
    kit.inbound().identity(identity).dangerous_bearer_passports().build()
}

/// `POST /reserve`.
pub(crate) fn router(route: MethodRouter) -> Router {
    Router::new().route("/reserve", route)
}

/// With both layers, behind an edge.
pub(crate) fn whole(kit: &TestKest) -> Router {
    router(post(reserve).route_layer(operation(kit))).layer(inbound(kit, FromLineage))
}

/// The name by which services that demand hop proofs are called.
pub(crate) const AUTHORITY: &str = "cart.internal";

/// Behind an edge, for callers who sign each request.
pub(crate) fn proving(kit: &TestKest, change: impl FnOnce(HopProof) -> HopProof) -> InboundLayer {
    kit.inbound().identity(FromLineage).hop_proof(change(HopProof::for_authority(AUTHORITY))).build()
}
