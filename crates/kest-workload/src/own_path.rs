//! The guard of paths that belong to one workload: the path must name the peer of the connection.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use kest_identity::SpiffeId;

use crate::peer::PeerIdentity;

/// The peer, whose own path was asked for: the parameter `{workload}` of the route is its SPIFFE id, or the path of that.
///
/// Whatever else is asked for is answered 403 without a body, whether there is such a workload or not; so is a request without a
/// peer, and one on a route without the parameter.
///
/// ```
/// use axum::{Router, routing::get};
/// use kest_workload::OwnPath;
///
/// // `/executors/worker-7/task` is answered to spiffe://example.org/worker-7 alone.
/// let app: Router = Router::new().route("/executors/{workload}/task", get(task));
///
/// async fn task(OwnPath(executor): OwnPath) -> String {
///     format!("next for {executor}")
/// }
/// # drop(app);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPath(pub SpiffeId);

impl<S: Send + Sync> FromRequestParts<S> for OwnPath {
    type Rejection = NotOwnPath;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NotOwnPath> {
        let peer = parts.extensions.get::<PeerIdentity>().map(|peer| peer.workload().clone());
        let peer = peer.ok_or(NotOwnPath::because("no_peer"))?;
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_cause| NotOwnPath::because("path"))?;
        let mut named = parameters.iter().filter(|(name, _)| *name == PARAMETER).map(|(_, value)| value);
        let (Some(named), None) = (named.next(), named.next()) else {
            return Err(NotOwnPath::because("no_parameter"));
        };
        let is_own = named == peer.as_str() || Some(named) == peer.path().strip_prefix('/');
        if is_own { Ok(Self(peer)) } else { Err(NotOwnPath::because("not_own")) }
    }
}

/// The path is not the peer's own: 403 without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOwnPath(());

impl NotOwnPath {
    /// The reason is in the log alone.
    fn because(kind: &'static str) -> Self {
        tracing::warn!(kind, "path is not the peer's own");
        Self(())
    }
}

impl IntoResponse for NotOwnPath {
    fn into_response(self) -> Response {
        StatusCode::FORBIDDEN.into_response()
    }
}

const PARAMETER: &str = "workload";
