//! What is asked by those who have no certificate yet.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::any;
use kest_core::{Share, Slots};
use kest_workload::protocol::EnrolRequest;
use tower_service::Service;

use super::{answer, read};
use crate::authority::Authority;
use crate::error::EnrolError;
use crate::telemetry::{self, Asked};

/// `POST /v1/enrol`, `GET /v1/bundle` and `GET /v1/jwks`, for the listener that shows a certificate and asks for none.
///
/// All else is refused as a bad ticket is: 403 and no body. Of enrolments under way there are 64 at most, and one address has
/// its part of them at most; past that the answer is 503.
#[derive(Debug, Clone)]
pub struct EnrolmentRouter(pub(super) Router);

impl EnrolmentRouter {
    /// The routes of `authority`.
    #[must_use]
    pub fn new(authority: Authority) -> Self {
        let slots = Slots::new(MOST_AT_ONCE, 0);
        let router = Router::new()
            .route("/v1/enrol", any(enrol))
            .route("/v1/bundle", any(bundle))
            .route("/v1/jwks", any(jwks))
            .fallback(nothing)
            .with_state(Held { authority, slots });
        Self(router)
    }

    /// The routes as a service, for a program with a listener of its own: it must not be the one of workloads.
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

async fn enrol(State(held): State<Held>, request: Request<Body>) -> Response {
    if request.method() != Method::POST {
        return answer::refused();
    }
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(it)| it.ip());
    let share = address.map_or(Share::UNKNOWN, Share::of_address);
    let Ok(_slot) = held.slots.try_enter(share) else {
        telemetry::refused(Asked::Enrol, "crowded", None);
        return answer::unavailable();
    };
    let Some(asked) = read::json::<EnrolRequest>(request).await else {
        telemetry::refused(Asked::Enrol, "malformed", None);
        return answer::refused();
    };
    match held.authority.enrol(&asked).await {
        Ok(issued) => answer::issued(&issued),
        Err(EnrolError::Trouble(_)) => answer::unavailable(),
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

/// An enrolment costs three signatures and a transaction; twenty services start at once.
const MOST_AT_ONCE: usize = 64;
