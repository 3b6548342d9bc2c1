//! What is asked by those who have a certificate of this authority.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use kest_core::{Share, Slots};
use kest_workload::PeerIdentity;
use kest_workload::protocol::{RenewRequest, TokenRequest};
use tower_service::Service;

use super::{answer, read};
use crate::authority::Authority;
use crate::error::{RenewError, TokenError};
use crate::telemetry::{self, Asked};

/// `POST /v1/renew`, `POST /v1/token`, `GET /v1/bundle` and `GET /v1/jwks`, for the listener that asks for a certificate.
///
/// The peer is the [`PeerIdentity`] of the connection; without one every route is refused. All refusals are 403 without a body.
/// Of requests under way there are 256 at most, and one workload has its part of them at most; past that the answer is 503.
#[derive(Debug, Clone)]
pub struct WorkloadRouter(pub(super) Router);

impl WorkloadRouter {
    /// The routes of `authority`.
    #[must_use]
    pub fn new(authority: Authority) -> Self {
        let slots = Slots::new(MOST_AT_ONCE, 0);
        let router = Router::new()
            .route("/v1/renew", any(renew))
            .route("/v1/token", any(token))
            .route("/v1/bundle", any(bundle))
            .route("/v1/jwks", any(jwks))
            .fallback(nothing)
            .layer(from_fn(with_peer))
            .with_state(Held { authority, slots });
        Self(router)
    }

    /// The routes as a service, for a program with a listener of its own: it must prove who the peer is, and put a
    /// [`PeerIdentity`] into the extensions of each request.
    #[must_use]
    pub fn into_service(
        self,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
        self.0
    }
}

#[derive(Debug, Clone)]
struct Held {
    authority: Authority,
    slots: Slots,
}

/// Nothing here is for those of whom the handshake proved nothing.
async fn with_peer(request: Request<Body>, next: Next) -> Response {
    if request.extensions().get::<PeerIdentity>().is_none() {
        return answer::refused();
    }
    next.run(request).await
}

async fn renew(State(held): State<Held>, request: Request<Body>) -> Response {
    if request.method() != Method::POST {
        return answer::refused();
    }
    let Some(peer) = request.extensions().get::<PeerIdentity>().cloned() else { return answer::refused() };
    let Ok(_slot) = held.slots.try_enter(Share::of_workload(peer.workload().workload())) else {
        return crowded(Asked::Renew, &peer);
    };
    let Some(asked) = read::json::<RenewRequest>(request).await else {
        telemetry::refused(Asked::Renew, "malformed", Some(peer.workload()));
        return answer::refused();
    };
    match held.authority.renew(&peer, &asked).await {
        Ok(issued) => answer::issued(&issued),
        Err(RenewError::Trouble(_)) => answer::unavailable(),
        Err(_refused) => answer::refused(),
    }
}

async fn token(State(held): State<Held>, request: Request<Body>) -> Response {
    if request.method() != Method::POST {
        return answer::refused();
    }
    let Some(peer) = request.extensions().get::<PeerIdentity>().cloned() else { return answer::refused() };
    let Ok(_slot) = held.slots.try_enter(Share::of_workload(peer.workload().workload())) else {
        return crowded(Asked::Token, &peer);
    };
    let Some(asked) = read::json::<TokenRequest>(request).await else {
        telemetry::refused(Asked::Token, "malformed", Some(peer.workload()));
        return answer::refused();
    };
    match held.authority.token(&peer, &asked).await {
        Ok(issued) => answer::issued(&issued),
        Err(TokenError::Trouble(_)) => answer::unavailable(),
        Err(_refused) => answer::refused(),
    }
}

async fn bundle(State(held): State<Held>, method: Method, headers: HeaderMap) -> Response {
    answer::bundle(&held.authority, &method, &headers).await
}

async fn jwks(State(held): State<Held>, method: Method, headers: HeaderMap) -> Response {
    answer::jwks(&held.authority, &method, &headers).await
}

async fn nothing() -> Response {
    answer::refused()
}

fn crowded(asked: Asked, peer: &PeerIdentity) -> Response {
    telemetry::refused(asked, "crowded", Some(peer.workload()));
    answer::unavailable()
}

/// A renewal costs two signatures and a transaction, and comes every forty minutes.
const MOST_AT_ONCE: usize = 256;
