//! The layer on a route: what the operation is called, which policy it needs, what it does to trust and taints.

use std::sync::Arc;

use http::request;
use http::response;
use kest_core::entry::Resource;
use kest_core::policy::NothingAsked;
use kest_core::trust::Origin;
use kest_core::{Authorize, Kest, Operation};
use tower_layer::Layer;

use crate::answer::Rejection;
use crate::respond::Respond;
use crate::service::Operate;

type ResourceOf = Arc<dyn Fn(&request::Parts) -> Resource + Send + Sync>;

/// Asks policy, signs the entry and puts the [`Admission`](kest_core::Admission) into the request's extensions and
/// into the ambient context: steps 5 to 7.
///
/// Default and customised:
///
/// ```
/// # use std::sync::Arc;
/// # use kest_core::{Kest, Operation, OsRandom, entry::Resource, policy::policy_fn, trust::Origin};
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
/// .resource(|parts| Resource::new(parts.uri.path()));
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
    /// When neither `policy` nor the deployment asks anything.
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
    /// [`NothingAsked`] when neither `policy` nor the deployment asks anything.
    pub fn try_shared(
        kest: Kest,
        operation: Operation,
        policy: Arc<dyn Authorize>,
    ) -> Result<Self, NothingAsked> {
        kest.check_policy(policy.as_ref())?;
        let plan =
            Plan { kest, operation, policy, root_origin: Origin::internet(), resource: None, respond: None };
        Ok(Self { plan: Arc::new(plan) })
    }

    /// The origin of requests that come without a passport, when the operation names none; `internet` otherwise.
    #[must_use]
    pub fn root_origin(self, origin: Origin) -> Self {
        self.change(|plan| plan.root_origin = origin)
    }

    /// Finds what the operation acts on, for policy and record.
    #[must_use]
    pub fn resource(self, of: impl Fn(&request::Parts) -> Resource + Send + Sync + 'static) -> Self {
        self.change(|plan| plan.resource = Some(Arc::new(of)))
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
