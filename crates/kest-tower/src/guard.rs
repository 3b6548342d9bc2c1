//! The layer on a route that needs a scope or a role: plain grants, before any policy is asked.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response, response};
use kest_core::refusal::Step;
use kest_core::{Arrival, Caller, Challenge, Confirmation, IdentitySource};
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Rejection;
use crate::body::{BodyHandling, GuardFuture};
use crate::rejection::RejectionKind;
use crate::respond::{Answering, Respond};
use crate::touch::touch;

/// Lets a request through when its caller was granted every scope and has every role that is named.
///
/// Grants come from the caller's own credential, as far as its issuer may grant them (`TrustedIssuer::grants`), and only
/// when that was verified: where identity comes from the lineage there are none. Policies see the same sets as
/// `subject.scopes` and `subject.roles`.
///
/// ```
/// # fn main() -> Result<(), kest_tower::ScopeError> {
/// use kest_tower::GuardLayer;
/// let plain = GuardLayer::scopes(["orders:write"])?;
/// let careful = GuardLayer::scopes(["orders:write"])?
///     .roles(["clerk"])
///     .issuer("https://login.example")
///     .tenant("acme")
///     .realm("shop");
/// let by_role = GuardLayer::for_roles(["clerk"])?;
/// # drop((plain, careful, by_role));
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
    issuers: Vec<Arc<str>>,
    tenants: Vec<Arc<str>>,
    realm: Option<Box<str>>,
    respond: Option<Respond>,
    body: BodyHandling,
}

/// A guard cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// A scope cannot stand in a challenge.
    #[error("scope is empty or has characters that no scope has")]
    Malformed,
    /// A role of no name, which no token has.
    #[error("role is empty")]
    NamelessRole,
    /// Neither scope nor role is named, so that everybody would get in.
    #[error("guard asks for nothing: name a scope or a role")]
    NothingAsked,
}

impl GuardLayer {
    /// Needs all of `scopes`.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] for a scope that RFC 6749 section 3.3 does not know (empty, with blanks, quotes or backslashes),
    /// and for no scope at all.
    pub fn scopes(scopes: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Result<Self, ScopeError> {
        let scopes: Vec<Arc<str>> = scopes.into_iter().map(Into::into).collect();
        if scopes.iter().all(|scope| is_scope(scope)) {
            Self::of(scopes, Vec::new())
        } else {
            Err(ScopeError::Malformed)
        }
    }

    /// Needs all of these scopes, which stand in the program.
    ///
    /// # Panics
    ///
    /// When [`scopes`](Self::scopes) would refuse them, with the literals and the line.
    #[must_use]
    #[track_caller]
    pub fn from_static<const COUNT: usize>(scopes: [&'static str; COUNT]) -> Self {
        kest_core::literal(scopes, Self::scopes(scopes))
    }

    /// Needs all of `roles`, and no scope.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] for an empty role, and for no role at all.
    pub fn for_roles(roles: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Result<Self, ScopeError> {
        let roles: Vec<Arc<str>> = roles.into_iter().map(Into::into).collect();
        if roles.iter().any(|role| role.is_empty()) {
            return Err(ScopeError::NamelessRole);
        }
        Self::of(Vec::new(), roles)
    }

    /// Needs all of `roles` too.
    #[must_use]
    pub fn roles(self, roles: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.change(|plan| plan.roles.extend(roles.into_iter().map(Into::into)))
    }

    /// Takes grants of this issuer only, its `iss` compared byte for byte; said again, of that one as well. Without it
    /// those of every issuer count that may grant them.
    #[must_use]
    pub fn issuer(self, issuer: impl Into<Arc<str>>) -> Self {
        self.change(|plan| plan.issuers.push(issuer.into()))
    }

    /// Takes grants within this tenant only; said again, within that one as well. Without it those within every tenant
    /// count.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<Arc<str>>) -> Self {
        self.change(|plan| plan.tenants.push(tenant.into()))
    }

    /// Names the realm in challenges; left out when it has quotes or backslashes in it.
    #[must_use]
    pub fn realm(self, realm: impl Into<Box<str>>) -> Self {
        let realm = realm.into();
        let quotable = realm.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\'));
        self.change(|plan| plan.realm = quotable.then_some(realm))
    }

    /// Gives the handler a signed body as it comes; see [`OperationLayer::streaming_body`](crate::OperationLayer::streaming_body).
    #[must_use]
    pub fn streaming_body(self) -> Self {
        self.change(|plan| plan.body = BodyHandling::Stream)
    }

    /// Shapes status and headers of refusals.
    #[must_use]
    pub fn respond(self, hook: impl Fn(&Rejection, &mut response::Parts) + Send + Sync + 'static) -> Self {
        self.change(|plan| plan.respond = Some(Arc::new(hook)))
    }

    fn of(scopes: Vec<Arc<str>>, roles: Vec<Arc<str>>) -> Result<Self, ScopeError> {
        if scopes.is_empty() && roles.is_empty() {
            return Err(ScopeError::NothingAsked);
        }
        let (issuers, tenants) = (Vec::new(), Vec::new());
        let body = BodyHandling::Whole;
        let plan = Plan { scopes, roles, issuers, tenants, realm: None, respond: None, body };
        Ok(Self { plan: Arc::new(plan) })
    }

    fn change(self, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Arc::unwrap_or_clone(self.plan);
        change(&mut plan);
        Self { plan: Arc::new(plan) }
    }
}

impl std::fmt::Debug for GuardLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GuardLayer")
            .field("scopes", &self.plan.scopes)
            .field("roles", &self.plan.roles)
            .field("issuers", &self.plan.issuers)
            .field("tenants", &self.plan.tenants)
            .finish_non_exhaustive()
    }
}

impl Plan {
    fn check(&self, extensions: &Extensions) -> Result<(), Rejection> {
        let Some(arrival) = extensions.get::<Arrival>() else {
            return Err(Rejection::new(Step::Guard, RejectionKind::NoArrival));
        };
        let caller = arrival.caller();
        let Some(kind) = self.missing(caller) else { return Ok(()) };
        let is_mended_by_a_token =
            matches!(kind, RejectionKind::CredentialsMissing | RejectionKind::InsufficientScope);
        let challenge = is_mended_by_a_token.then(|| self.challenge(kind, caller));
        let rejection = Rejection::new(Step::Guard, kind).with_challenge(challenge);
        Err(match self.expected(kind) {
            Some(expected) => rejection.expecting(expected),
            None => rejection,
        })
    }

    /// What this guard asks for, where the table can only say that it asks for something.
    fn expected(&self, kind: RejectionKind) -> Option<String> {
        let list = |what: &str, names: &[Arc<str>]| {
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let lists = if kind == RejectionKind::GrantedElsewhere {
            [list("issuers", &self.issuers), list("tenants", &self.tenants)]
        } else {
            [list("scopes", &self.scopes), list("roles", &self.roles)]
        };
        let lists: Vec<String> = lists.into_iter().flatten().collect();
        (!lists.is_empty()).then(|| format!("a caller of this guard's {}", lists.join("; ")))
    }

    /// Why `caller` is not let in.
    fn missing(&self, caller: &Caller) -> Option<RejectionKind> {
        match caller.source() {
            // RFC 6750 section 3.1: who brought nothing is told what to bring, without an error code.
            IdentitySource::Anonymous => return Some(RejectionKind::CredentialsMissing),
            IdentitySource::Unverified => return Some(RejectionKind::GrantsUnverified),
            IdentitySource::Jwt | IdentitySource::Lineage | _ => {}
        }
        if !is_among(caller.issuer(), &self.issuers) || !is_among(caller.tenant(), &self.tenants) {
            return Some(RejectionKind::GrantedElsewhere);
        }
        let lacks =
            |granted: &[Arc<str>], needed: &[Arc<str>]| needed.iter().any(|name| !granted.contains(name));
        if lacks(caller.scopes(), &self.scopes) {
            return Some(RejectionKind::InsufficientScope);
        }
        lacks(caller.roles(), &self.roles).then_some(RejectionKind::RoleMissing)
    }

    /// RFC 6750 section 3: realm, error and scope, all of them from the configuration.
    fn challenge(&self, kind: RejectionKind, caller: &Caller) -> Challenge {
        // RFC 9449 section 7.1: a token that was used with a proof is asked for with one.
        let scheme =
            if matches!(caller.confirmation(), Some(Confirmation::Jkt(_))) { "DPoP" } else { "Bearer" };
        let mut parameters = Vec::new();
        parameters.extend(self.realm.as_ref().map(|realm| format!("realm=\"{realm}\"")));
        if kind == RejectionKind::InsufficientScope {
            parameters.push("error=\"insufficient_scope\"".to_owned());
        }
        if !self.scopes.is_empty() {
            parameters.push(format!("scope=\"{}\"", self.scopes.join(" ")));
        }
        Challenge::new([format!("{scheme} {}", parameters.join(", ")).trim_end().to_owned()])
    }
}

/// Whether `name` is one of `taken`; where none is named, every one is, and so is no name.
fn is_among(name: Option<&str>, taken: &[Arc<str>]) -> bool {
    taken.is_empty() || name.is_some_and(|name| taken.iter().any(|one| **one == *name))
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
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    ResponseBody: Default,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = GuardFuture<S, RequestBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        touch(request.extensions_mut());
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let answering = || Answering::to(&request, self.layer.plan.respond.clone());
        match self.layer.plan.check(request.extensions()) {
            Ok(()) => {
                let answering = answering();
                self.layer.plan.body.apply(request.extensions());
                GuardFuture::waiting(ready, request, Step::Guard, answering)
            }
            Err(rejection) => GuardFuture::refused(rejection, answering()),
        }
    }
}
