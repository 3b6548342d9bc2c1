//! The layer on a route: what the operation is called, which policy it needs, what it does to trust and taints.

use std::borrow::Cow;
use std::sync::{Arc, Once};

use http::request;
use http::response;
use kest_core::entry::{OperationName, Resource, ResourceError};
use kest_core::refusal::Step;
use kest_core::trust::Origin;
use kest_core::{Admitter, Authorize, Operation, OperationError, Sign};
use tower_layer::Layer;

use crate::address::in_normal_form;
use crate::answer::Rejection;
use crate::body::BodyHandling;
use crate::describe::{Describe, DescribeError, check_description};
use crate::hash_body::{HashedOperationLayer, InputHash};
use crate::rejection::RejectionKind;
use crate::respond::Respond;
use crate::service::Operate;
use crate::touch::name_of_route;

type ResourceOf = Arc<dyn Fn(&request::Parts) -> Result<Resource, ResourceError> + Send + Sync>;

/// Asks policy, signs the entry and puts the [`Admission`](kest_core::Admission) into the request's extensions and
/// into the ambient context: steps 5 to 7.
///
/// Default and customised:
///
/// ```
/// # use std::sync::Arc;
/// # use kest_core::{Admitter, Operation, OsRandom, policy::policy_fn, trust::Origin};
/// # use kest_core::signature::{Ed25519Signer, WorkloadId};
/// # use kest_tower::OperationLayer;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
/// # let kest = Admitter::builder(signer).build();
/// let plain = OperationLayer::new(
///     kest.clone(),
///     Operation::named("list_items")?,
///     policy_fn("known_user", |request| request.user().is_some())?,
/// );
/// let careful = OperationLayer::new(
///     kest,
///     Operation::named("import_feed")?.origin(Origin::third_party_api()).taint("feed"),
///     policy_fn("not_from_a_model", |request| !request.taints().contains("llm"))?,
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
    pub(crate) admitter: Admitter,
    pub(crate) operation: Operation,
    pub(crate) policy: Arc<dyn Authorize>,
    pub(crate) root_origin: Origin,
    pub(crate) resource: Option<ResourceOf>,
    pub(crate) describe: Option<Describe>,
    pub(crate) signer: Option<Arc<dyn Sign>>,
    pub(crate) respond: Option<Respond>,
    pub(crate) body: BodyHandling,
    pub(crate) answer: AnswerHashing,
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
    pub fn new(admitter: Admitter, operation: Operation, policy: impl Authorize + 'static) -> Self {
        Self::shared(admitter, operation, Arc::new(policy))
    }

    /// As [`new`](Self::new), with a policy that several routes share.
    ///
    /// # Panics
    ///
    /// When no request could be admitted; [`try_shared`](Self::try_shared) says what is wrong as an error.
    #[must_use]
    #[expect(clippy::panic, reason = "a service must not start with a route that can allow nothing")]
    pub fn shared(admitter: Admitter, operation: Operation, policy: Arc<dyn Authorize>) -> Self {
        let name = operation.name().clone();
        match Self::try_shared(admitter, operation, policy) {
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
        admitter: Admitter,
        operation: Operation,
        policy: Arc<dyn Authorize>,
    ) -> Result<Self, OperationError> {
        admitter.check(&operation, policy.as_ref())?;
        say_that_only_routes_decide(&admitter);
        let root_origin = Origin::internet();
        let plan = Plan {
            admitter,
            operation,
            policy,
            root_origin,
            resource: None,
            describe: None,
            signer: None,
            respond: None,
            body: BodyHandling::Whole,
            answer: AnswerHashing::None,
        };
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

    /// Has `signer` sign the entries of this operation, in place of the service's own: a key that is kept elsewhere, for what is
    /// worth more. What policy is asked about stays the service's workload, whose key it must be; those who verify must trust
    /// it beside the other.
    ///
    /// # Errors
    ///
    /// [`OperationError::OtherWorkload`].
    pub fn signer(self, signer: Arc<dyn Sign>) -> Result<Self, OperationError> {
        self.plan.admitter.check_signer(signer.as_ref())?;
        Ok(self.change(|plan| plan.signer = Some(signer)))
    }

    /// Completes the operation by what each request says: what it acts on, with attributes, its origin, its taints, its labels,
    /// environment and span.
    ///
    /// `of` is given the operation as it was declared, with the [`resource`](Self::resource) that was found, and the
    /// request's parts, with the address that the client asked for in its normal form. It may ask a database. An error
    /// refuses the request before policy is asked. It has `Limits::admission_wait`, together with policy and signer.
    ///
    /// ```
    /// # use kest_core::entry::Resource;
    /// # use kest_tower::{DescribeError, OperationLayer};
    /// # fn example(layer: OperationLayer) -> OperationLayer {
    /// layer.describe(|operation, parts| async move {
    ///     let tenant = parts.headers.get("x-tenant").ok_or_else(|| DescribeError::malformed("no tenant"))?;
    ///     let tenant = tenant.to_str().map_err(DescribeError::malformed)?;
    ///     Ok(operation.resource(Resource::from_segments(["tenants", tenant])?).taint("uploaded"))
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn describe<Described>(
        self,
        of: impl Fn(Operation, request::Parts) -> Described + Send + Sync + 'static,
    ) -> Self
    where
        Described: Future<Output = Result<Operation, DescribeError>> + Send + 'static,
    {
        self.change(|plan| {
            plan.describe = Some(Arc::new(move |operation, parts| Box::pin(of(operation, parts))))
        })
    }

    /// Also signs the SHA-256 of each request's body, as `input_hash`.
    ///
    /// The body is read whole before policy is asked, and handed on in one piece. One over `limit` bytes is answered with
    /// 413 (`body_too_large`), one that does not arrive within `Limits::admission_wait` with 503; requests with trailers
    /// are refused. Up to `limit` bytes are held for each request that is being served.
    #[must_use]
    pub fn hash_body(self, limit: usize) -> HashedOperationLayer {
        HashedOperationLayer::new(self, limit)
    }

    /// Has the audit log record the SHA-256 of each answer's body with its end, as `content_hash` of the record `finished`.
    ///
    /// The bytes are hashed as the handler gives them, on their way out: of any length, with nothing held back, and before layers further
    /// out compress or change them. Trailers are not covered. An answer that was cut off, failed, panicked, or was not taken
    /// whole is recorded without a hash. The operation's own entry was signed before it ran; to have the hash in the lineage, sign a
    /// nested operation with [`Operation::content_hash`]. Without an audit log this changes nothing.
    #[must_use]
    pub fn hash_answer(self) -> Self {
        self.change(|plan| plan.answer = AnswerHashing::Recorded)
    }

    /// Gives the handler a signed body as it comes, of any length: for uploads, and for gRPC methods whose client streams.
    ///
    /// What is given up, where the inbound layer demands a [hop proof](crate::HopProof): the handler acts on data before it is known
    /// whether they are the ones that were signed. Reading ends in an error where they are not, so nothing may be kept for good
    /// before the end was read. Elsewhere this changes nothing.
    #[must_use]
    pub fn streaming_body(self) -> Self {
        self.change(|plan| plan.body = BodyHandling::Stream)
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

/// Whether the bytes of an answer are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerHashing {
    None,
    Recorded,
}

/// What one request says about the operation, before anything is asked.
pub(crate) struct Said {
    name: Option<OperationName>,
    resource: Option<Resource>,
    input: Option<InputHash>,
    parts: Option<request::Parts>,
}

impl Said {
    /// The name that the route gives.
    pub(crate) fn name(&self) -> Option<&OperationName> {
        self.name.as_ref()
    }
}

impl Plan {
    /// What the request of `parts` says: its resource, and its parts where a description reads them.
    pub(crate) fn said(&self, parts: &mut request::Parts) -> Result<Said, Rejection> {
        let name = self.name_of(parts)?;
        let resource = self.resource_of(parts)?;
        let input = parts.extensions.remove();
        let parts = self.describe.as_ref().map(|_| -> Result<request::Parts, Rejection> {
            let mut copy = parts.clone();
            copy.uri = in_normal_form(parts).map_err(ResourceError::from)?;
            Ok(copy)
        });
        Ok(Said { name, resource, input, parts: parts.transpose()? })
    }

    /// The operation of the request that said this.
    pub(crate) async fn operation_of(&self, said: Said) -> Result<Cow<'_, Operation>, Rejection> {
        let mut operation = Cow::Borrowed(&self.operation);
        if let Some(name) = said.name {
            operation = Cow::Owned(operation.into_owned().named_as(name));
        }
        if let Some(resource) = said.resource {
            operation = Cow::Owned(operation.into_owned().resource(resource));
        }
        if let Some(InputHash(hash)) = said.input {
            operation = Cow::Owned(operation.into_owned().input_hash(hash));
        }
        match (&self.describe, said.parts) {
            (Some(describe), Some(parts)) => {
                let described = describe(operation.into_owned(), parts).await?;
                check_description(&described, self.admitter.limits())?;
                Ok(Cow::Owned(described))
            }
            (None, _) | (_, None) => Ok(operation),
        }
    }

    /// The name that the route gives, where the operation has none of its own.
    fn name_of(&self, parts: &request::Parts) -> Result<Option<OperationName>, Rejection> {
        if !self.operation.is_unnamed() {
            return Ok(None);
        }
        let unnamed = || Rejection::new(Step::Operation, RejectionKind::OperationUnnamed);
        name_of_route(&parts.method, &parts.extensions).ok_or_else(unnamed).map(Some)
    }

    /// What the request of `parts` is about, found in the address that was asked for.
    fn resource_of(&self, parts: &mut request::Parts) -> Result<Option<Resource>, Rejection> {
        let Some(of) = &self.resource else {
            let own = self.operation.named_resource().check(self.admitter.limits());
            return own.map(|()| None).map_err(Rejection::of_own_resource);
        };
        let asked_for = in_normal_form(parts).map_err(ResourceError::from)?;
        let as_routed = std::mem::replace(&mut parts.uri, asked_for);
        let found = of(parts);
        parts.uri = as_routed;
        let resource = found?;
        resource.check(self.admitter.limits())?;
        Ok(Some(resource))
    }
}

/// Once: a service without the tiers above its routes may want that, and people should have seen it.
fn say_that_only_routes_decide(admitter: &Admitter) {
    static SAID: Once = Once::new();
    if !admitter.has_deployment_policy() {
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
            admitter: self.admitter.clone(),
            operation: self.operation.clone(),
            policy: Arc::clone(&self.policy),
            root_origin: self.root_origin.clone(),
            resource: self.resource.clone(),
            describe: self.describe.clone(),
            signer: self.signer.clone(),
            respond: self.respond.clone(),
            body: self.body,
            answer: self.answer,
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
