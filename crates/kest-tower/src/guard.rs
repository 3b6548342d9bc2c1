//! The layer on a route that needs a scope or a role: plain grants, before any policy is asked.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response, response};
use kest_core::{Arrival, Challenge, Confirmation, IdentitySource, Principal};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::future::refuse;
use crate::rejection::{Rejection, RejectionKind};
use crate::respond::Respond;

/// Lets a request through when its caller was granted every scope and has every role that is named.
///
/// Grants come from the caller's own credential: where identity comes from the lineage there are none. Policies see the
/// same sets as `subject.scopes` and `subject.roles`.
///
/// ```
/// # fn main() -> Result<(), kest_tower::ScopeError> {
/// use kest_tower::GuardLayer;
/// let plain = GuardLayer::scopes(["orders:write"])?;
/// let careful = GuardLayer::scopes(["orders:write"])?.roles(["clerk"]).realm("shop");
/// # drop((plain, careful));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GuardLayer {
    plan: Arc<Plan>,
}

#[derive(Clone)]
struct Plan {
    scopes: Vec<Arc<str>>,
    roles: Vec<Arc<str>>,
    realm: Option<Box<str>>,
    respond: Option<Respond>,
}

/// A scope or realm cannot stand in a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("scope is empty or has characters that no scope has")]
pub struct ScopeError;

impl GuardLayer {
    /// Needs all of `scopes`.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] for a scope that RFC 6749 section 3.3 does not know: empty, with blanks, quotes or backslashes.
    pub fn scopes(scopes: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Result<Self, ScopeError> {
        let scopes: Vec<Arc<str>> = scopes.into_iter().map(Into::into).collect();
        if scopes.iter().all(|scope| is_scope(scope)) {
            Ok(Self::of(Plan { scopes, roles: Vec::new(), realm: None, respond: None }))
        } else {
            Err(ScopeError)
        }
    }

    /// Needs all of `roles` too.
    #[must_use]
    pub fn roles(self, roles: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.change(|plan| plan.roles = roles.into_iter().map(Into::into).collect())
    }

    /// Names the realm in challenges; left out when it has quotes or backslashes in it.
    #[must_use]
    pub fn realm(self, realm: impl Into<Box<str>>) -> Self {
        let realm = realm.into();
        let quotable = realm.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\'));
        self.change(|plan| plan.realm = quotable.then_some(realm))
    }

    /// Shapes status and headers of refusals.
    #[must_use]
    pub fn respond(self, hook: impl Fn(&Rejection, &mut response::Parts) + Send + Sync + 'static) -> Self {
        self.change(|plan| plan.respond = Some(Arc::new(hook)))
    }

    fn of(plan: Plan) -> Self {
        Self { plan: Arc::new(plan) }
    }

    fn change(self, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Arc::unwrap_or_clone(self.plan);
        change(&mut plan);
        Self::of(plan)
    }
}

impl std::fmt::Debug for GuardLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GuardLayer")
            .field("scopes", &self.plan.scopes)
            .field("roles", &self.plan.roles)
            .finish_non_exhaustive()
    }
}

impl Plan {
    fn check(&self, extensions: &Extensions) -> Result<(), Rejection> {
        let Some(arrival) = extensions.get::<Arrival>() else {
            tracing::error!("guard layer without inbound layer around it: every request is refused");
            return Err(Rejection::new(RejectionKind::NoArrival));
        };
        let principal = arrival.principal();
        let has =
            |granted: &[Arc<str>], needed: &[Arc<str>]| needed.iter().all(|name| granted.contains(name));
        if has(principal.scopes(), &self.scopes) {
            let held = has(principal.roles(), &self.roles);
            return if held { Ok(()) } else { Err(Rejection::new(RejectionKind::RoleMissing)) };
        }
        // RFC 6750 section 3.1: who brought nothing is told what to bring, without an error code.
        let kind = if principal.source() == IdentitySource::Anonymous {
            RejectionKind::CredentialsMissing
        } else {
            RejectionKind::InsufficientScope
        };
        Err(Rejection::new(kind).with_challenge(Some(self.challenge(kind, principal))))
    }

    /// RFC 6750 section 3: realm, error and scope, all of them from the configuration.
    fn challenge(&self, kind: RejectionKind, principal: &Principal) -> Challenge {
        // RFC 9449 section 7.1: a token that was used with a proof is asked for with one.
        let scheme =
            if matches!(principal.confirmation(), Some(Confirmation::Jkt(_))) { "DPoP" } else { "Bearer" };
        let mut parameters = Vec::new();
        parameters.extend(self.realm.as_ref().map(|realm| format!("realm=\"{realm}\"")));
        if kind == RejectionKind::InsufficientScope {
            parameters.push("error=\"insufficient_scope\"".to_owned());
        }
        parameters.push(format!("scope=\"{}\"", self.scopes.join(" ")));
        Challenge::new([format!("{scheme} {}", parameters.join(", "))])
    }
}

/// RFC 6749 section 3.3: `scope-token`.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, layer: self.clone() }
    }
}

/// A service behind a [`GuardLayer`].
#[derive(Debug, Clone)]
pub struct Guard<S> {
    inner: S,
    layer: GuardLayer,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Guard<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    ResponseBody: Default,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        match self.layer.plan.check(request.extensions()) {
            Ok(()) => GuardFuture { state: State::Running { running: self.inner.call(request) } },
            Err(rejection) => {
                let respond = self.layer.plan.respond.clone();
                GuardFuture { state: State::Refused { refused: Some((rejection, respond)) } }
            }
        }
    }
}

pin_project! {
    /// The inner service's answer, or the refusal.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardFuture<Running> {
        #[pin]
        state: State<Running>,
    }
}

pin_project! {
    #[project = Projection]
    enum State<Running> {
        Running { #[pin] running: Running },
        Refused { refused: Option<(Rejection, Option<Respond>)> },
    }
}

impl<Running> std::fmt::Debug for State<Running> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Running { .. } => "Running",
            Self::Refused { .. } => "Refused",
        })
    }
}

impl<Running, Body: Default, Error> Future for GuardFuture<Running>
where
    Running: Future<Output = Result<Response<Body>, Error>>,
{
    type Output = Result<Response<Body>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projection::Running { running } => running.poll(context),
            // A poll after completion never resolves.
            Projection::Refused { refused } => match refused.take() {
                Some((rejection, respond)) => refuse(rejection, respond.as_ref()),
                None => Poll::Pending,
            },
        }
    }
}
