//! The layer on a route: what the operation is called, which policy it needs, what it does to trust and taints.

use std::sync::{Arc, Once};

use http::request;
use http::response;
use kest_core::entry::{Resource, ResourceError};
use kest_core::trust::Origin;
use kest_core::{Authorize, Kest, Operation, OperationError};
use tower_layer::Layer;

use crate::address::in_normal_form;
use crate::answer::Rejection;
use crate::respond::Respond;
use crate::service::Operate;

type ResourceOf = Arc<dyn Fn(&request::Parts) -> Result<Resource, ResourceError> + Send + Sync>;

/// Asks policy, signs the entry and puts the [`Admission`](kest_core::Admission) into the request's extensions and
/// into the ambient context: steps 5 to 7.
///
/// Default and customised:
///
/// ```
/// # use std::sync::Arc;
/// # use kest_core::{Kest, Operation, OsRandom, policy::policy_fn, trust::Origin};
/// # use kest_core::signature::{Ed25519Signer, WorkloadId};
/// # use kest_tower::OperationLayer;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
/// # let kest = Kest::builder(signer).build();
/// let plain = OperationLayer::new(
///     kest.clone(),
///     Operation::named("list_items")?,
///     policy_fn("known_user", |inquiry| inquiry.user().is_some())?,
/// );
/// let careful = OperationLayer::new(
///     kest,
///     Operation::named("import_feed")?.origin(Origin::third_party_api()).taint("feed"),
///     policy_fn("not_from_a_model", |inquiry| !inquiry.taints().contains("llm"))?,
/// )
/// .root_origin(Origin::user_input())
/// .resource_from_path();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OperationLayer {
    pub(crate) plan: Arc<Plan>,
}

/// What one route does for every request.
pub(crate) struct Plan {
    pub(crate) kest: Kest,
    pub(crate) operation: Operation,
    pub(crate) policy: Arc<dyn Authorize>,
    pub(crate) root_origin: Origin,
    pub(crate) resource: Option<ResourceOf>,
    pub(crate) respond: Option<Respond>,
}

impl OperationLayer {
    /// A layer that runs `operation` only when `policy` allows it.
    ///
    /// There is no default policy: allowing everything is said with
    /// [`dangerous_allow_all`](kest_core::policy::dangerous_allow_all), and leaving it to the deployment's policies
    /// with [`deployment_only`](kest_core::policy::deployment_only).
    ///
    /// # Panics
    ///
    /// When neither `policy` nor the deployment asks anything; see [`try_shared`](Self::try_shared).
    #[must_use]
    pub fn new(kest: Kest, operation: Operation, policy: impl Authorize + 'static) -> Self {
        Self::shared(kest, operation, Arc::new(policy))
    }

    /// As [`new`](Self::new), with a policy that several routes share.
    ///
    /// # Panics
    ///
    /// When no request could be admitted; [`try_shared`](Self::try_shared) says what is wrong as an error.
    #[must_use]
    #[expect(clippy::panic, reason = "a service must not start with a route that can allow nothing")]
    pub fn shared(kest: Kest, operation: Operation, policy: Arc<dyn Authorize>) -> Self {
        let name = operation.name().clone();
        match Self::try_shared(kest, operation, policy) {
            Ok(layer) => layer,
            Err(error) => panic!("operation {name}: {error}"),
        }
    }

    /// As [`shared`](Self::shared), with an error instead of a panic.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when no request could be admitted: neither `policy` nor the deployment asks anything, `policy` is
    /// the deployment's, or `operation` declares what cannot be signed.
    pub fn try_shared(
        kest: Kest,
        operation: Operation,
        policy: Arc<dyn Authorize>,
    ) -> Result<Self, OperationError> {
        kest.check(&operation, policy.as_ref())?;
        say_that_only_routes_decide(&kest);
        let plan =
            Plan { kest, operation, policy, root_origin: Origin::internet(), resource: None, respond: None };
        Ok(Self { plan: Arc::new(plan) })
    }

    /// The origin of requests that come without a passport, when the operation names none; `internet` otherwise.
    #[must_use]
    pub fn root_origin(self, origin: Origin) -> Self {
        self.change(|plan| plan.root_origin = origin)
    }

    /// Finds what the operation acts on, for policy and record: a [`Resource`], or why it cannot be named.
    ///
    /// `of` sees the address that the client asked for, whichever routers have cut a prefix off it, and its path in the one
    /// [normal form](kest_core::NormalPath). A request whose path has none is answered with 400 (`resource_malformed`), and
    /// so is one for which `of` fails; an id over `Limits::resource_id_bytes` with 431 (`resource_too_long`).
    ///
    /// Ids are best made of path parameters, which the router has decoded once: with axum by `resource_of_parameters` of
    /// kest-axum.
    ///
    /// ```
    /// # use kest_core::entry::Resource;
    /// # use kest_tower::OperationLayer;
    /// # fn example(layer: OperationLayer) -> OperationLayer {
    /// layer.resource(|parts| {
    ///     let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
    ///     Resource::from_path(&format!("/documents/{name}"))
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn resource<Found>(self, of: impl Fn(&request::Parts) -> Found + Send + Sync + 'static) -> Self
    where
        Found: Into<Result<Resource, ResourceError>>,
    {
        self.change(|plan| plan.resource = Some(Arc::new(move |parts| of(parts).into())))
    }

    /// The operation acts on what stands at the path that the client asked for, as [`Resource::from_path`] names it.
    #[must_use]
    pub fn resource_from_path(self) -> Self {
        self.resource(|parts| Resource::from_path(parts.uri.path()))
    }

    /// Shapes status and headers of refusals.
    #[must_use]
    pub fn respond(self, hook: impl Fn(&Rejection, &mut response::Parts) + Send + Sync + 'static) -> Self {
        self.change(|plan| plan.respond = Some(Arc::new(hook)))
    }

    fn change(self, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Arc::unwrap_or_clone(self.plan);
        change(&mut plan);
        Self { plan: Arc::new(plan) }
    }
}

impl Plan {
    /// What the request of `parts` is about, found in the address that was asked for.
    pub(crate) fn resource_of(&self, parts: &mut request::Parts) -> Result<Option<Resource>, Rejection> {
        let Some(of) = &self.resource else {
            let own = self.operation.named_resource().check(self.kest.limits());
            return own.map(|()| None).map_err(Rejection::of_own_resource);
        };
        let asked_for = in_normal_form(parts).map_err(ResourceError::from)?;
        let as_routed = std::mem::replace(&mut parts.uri, asked_for);
        let found = of(parts);
        parts.uri = as_routed;
        let resource = found?;
        resource.check(self.kest.limits())?;
        Ok(Some(resource))
    }
}

/// Once: a service without the tiers above its routes may want that, and people should have seen it.
fn say_that_only_routes_decide(kest: &Kest) {
    static SAID: Once = Once::new();
    if !kest.has_deployment_policy() {
        SAID.call_once(|| {
            tracing::warn!(
                "no deployment policy: enterprise, platform and application tiers are empty, and only each operation's \
                 own policy is asked; KestBuilder::deployment_policy takes Policies::deployment()"
            );
        });
    }
}

impl Clone for Plan {
    fn clone(&self) -> Self {
        Self {
            kest: self.kest.clone(),
            operation: self.operation.clone(),
            policy: Arc::clone(&self.policy),
            root_origin: self.root_origin.clone(),
            resource: self.resource.clone(),
            respond: self.respond.clone(),
        }
    }
}

impl std::fmt::Debug for OperationLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OperationLayer")
            .field("operation", &self.plan.operation)
            .field("policy", &self.plan.policy)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for OperationLayer {
    type Service = Operate<S>;

    fn layer(&self, inner: S) -> Operate<S> {
        Operate::new(inner, self.clone())
    }
}
