//! Describes an operation of a service and ends in its layer.

use std::sync::Arc;

use http::request;
use http::response;
use kest_core::entry::{NameError, OperationName, Resource, ResourceError, Sanitizer};
use kest_core::policy::{PolicyRequest, dangerous_allow_all, deployment_only, policy_fn};
use kest_core::trust::Origin;
use kest_core::{Authorize, JsonObject, Operation, OperationError, Sign};
use kest_tower::{DescribeError, OperationLayer, Rejection};

use crate::service::Kest;

/// What [`Kest::operation`] begins with: a name, or an [`Operation`] that was described already.
#[derive(Debug)]
pub struct Named(Result<Operation, NameError>);

impl From<&str> for Named {
    fn from(name: &str) -> Self {
        Self(OperationName::new(name).map(Operation::new))
    }
}

impl From<String> for Named {
    fn from(name: String) -> Self {
        Self(OperationName::new(name).map(Operation::new))
    }
}

impl From<Operation> for Named {
    fn from(operation: Operation) -> Self {
        Self(Ok(operation))
    }
}

/// What one route is called, what it does to trust and taints, and how it is asked about. It ends in the policy that it
/// needs, which makes the layer.
///
/// ```
/// # use kest::prelude::*;
/// # fn example(kest: &Kest) -> Result<(), kest::OperationBuildError> {
/// let plain = kest.operation("list_items").policy_fn("known_user", |asked| asked.user().is_some())?;
/// let careful = kest
///     .operation("import_feed")
///     .origin(Origin::third_party_api())
///     .taint("feed")
///     .resource_from_path()
///     .policy_fn("not_from_a_model", |asked| !asked.taints().contains("llm"))?;
/// # drop((plain, careful));
/// # Ok(())
/// # }
/// ```
#[must_use = "an operation is guarded by the layer that its policy makes"]
pub struct OperationBuilder {
    kest: Kest,
    operation: Result<Operation, NameError>,
    signer: Option<Arc<dyn Sign>>,
    #[cfg(feature = "policy")]
    engine: Option<kest_policy::Policies>,
    shape: Vec<Shape>,
}

/// What is said about the layer rather than the operation, in order.
type Shape = Box<dyn FnOnce(OperationLayer) -> OperationLayer + Send>;

impl OperationBuilder {
    pub(crate) fn new(kest: &Kest, Named(operation): Named) -> Self {
        Self {
            kest: kest.clone(),
            operation,
            signer: None,
            #[cfg(feature = "policy")]
            engine: None,
            shape: Vec::new(),
        }
    }

    /// Classifies the data; `system` otherwise.
    pub fn classification(self, classification: impl Into<Arc<str>>) -> Self {
        self.with(|operation| operation.classification(classification))
    }

    /// Says where the operation's own data comes from; trust is lowered accordingly.
    pub fn origin(self, origin: Origin) -> Self {
        self.with(|operation| operation.origin(origin))
    }

    /// Adds a taint to everything that follows.
    pub fn taint(self, taint: impl Into<Box<str>>) -> Self {
        self.with(|operation| operation.taint(taint))
    }

    /// Declares the operation a sanitizer; the reason is signed.
    pub fn sanitizer(self, sanitizer: Sanitizer) -> Self {
        self.with(|operation| operation.sanitizer(sanitizer))
    }

    /// Signs a label of the service's own into each entry; see [`Operation::label`].
    pub fn label(self, name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        self.with(|operation| operation.label(name, value))
    }

    /// Says what surrounds the operation, for policies and in each entry; see [`Operation::environment`].
    pub fn environment(self, environment: JsonObject) -> Self {
        self.with(|operation| operation.environment(environment))
    }

    /// Has `signer` sign the entries of this operation in place of the service's own: a key that is kept elsewhere, for what is
    /// worth more. It must be of the service's workload and among the keys that the service trusts: a service does not sign
    /// what it would refuse.
    pub fn signer(mut self, signer: impl Sign + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Looks the policies that this operation [names](Self::policy) up among these, in place of the service's: another engine,
    /// or the same with other settings. The deployment's policies are asked all the same, before them.
    #[cfg(feature = "policy")]
    pub fn engine(mut self, policies: kest_policy::Policies) -> Self {
        self.engine = Some(policies);
        self
    }

    /// The origin of requests that come without a passport, when the operation names none; `internet` otherwise.
    pub fn root_origin(self, origin: Origin) -> Self {
        self.shaped(|layer| layer.root_origin(origin))
    }

    /// Finds what the operation acts on in each request; see [`OperationLayer::resource`].
    pub fn resource<Found>(self, of: impl Fn(&request::Parts) -> Found + Send + Sync + 'static) -> Self
    where
        Found: Into<Result<Resource, ResourceError>>,
    {
        self.shaped(|layer| layer.resource(of))
    }

    /// The operation acts on what stands at the path that the client asked for, as [`Resource::from_path`] names it.
    pub fn resource_from_path(self) -> Self {
        self.shaped(OperationLayer::resource_from_path)
    }

    /// Completes the operation by what each request says, also by what a database says about it; see
    /// [`OperationLayer::describe`]. With axum's extractors: [`kest::extract::describe`](crate::tower).
    pub fn describe<Described>(
        self,
        of: impl Fn(Operation, request::Parts) -> Described + Send + Sync + 'static,
    ) -> Self
    where
        Described: Future<Output = Result<Operation, DescribeError>> + Send + 'static,
    {
        self.shaped(|layer| layer.describe(of))
    }

    /// Gives the handler a signed body as it comes, of any length; see [`OperationLayer::streaming_body`].
    pub fn streaming_body(self) -> Self {
        self.shaped(OperationLayer::streaming_body)
    }

    /// Shapes status and headers of refusals.
    pub fn respond(self, hook: impl Fn(&Rejection, &mut response::Parts) + Send + Sync + 'static) -> Self {
        self.shaped(|layer| layer.respond(hook))
    }

    /// The layer, which asks this policy of the service's [`Policies`](crate::Policies).
    ///
    /// # Errors
    ///
    /// [`OperationBuildError`] when the service has no such policy, or no request could be admitted.
    #[cfg(feature = "policy")]
    pub fn policy(self, name: impl Into<Arc<str>>) -> Result<OperationLayer, OperationBuildError> {
        self.policies([name])
    }

    /// The layer, which asks all of these policies of the service's [`Policies`](crate::Policies).
    ///
    /// # Errors
    ///
    /// As [`policy`](Self::policy).
    #[cfg(feature = "policy")]
    pub fn policies(
        self,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<OperationLayer, OperationBuildError> {
        let own = self.engine.as_ref();
        // Tiers of policies that are not the deployment's would be asked by no one.
        if own.is_some_and(|own| !own.deployment().is_empty()) {
            return Err(OperationBuildError::TiersOfItsOwn);
        }
        let known = own.or(self.kest.0.policies.as_ref()).ok_or(OperationBuildError::NoPolicies)?;
        let named = known.function(names).map_err(|cause| OperationBuildError::Policy(cause.into()))?;
        self.authorize(named)
    }

    /// The layer, which asks a closure under the name that is signed into every entry that it allowed.
    ///
    /// # Errors
    ///
    /// [`OperationBuildError`] when the name is no name, or no request could be admitted.
    pub fn policy_fn(
        self,
        name: impl Into<Arc<str>>,
        allows: impl Fn(&PolicyRequest<'_>) -> bool + Send + Sync + 'static,
    ) -> Result<OperationLayer, OperationBuildError> {
        let policy = policy_fn(name, allows).map_err(|cause| OperationBuildError::Policy(cause.into()))?;
        self.authorize(policy)
    }

    /// The layer, which asks an engine of your own.
    ///
    /// # Errors
    ///
    /// [`OperationBuildError`] when no request could be admitted.
    pub fn authorize(self, policy: impl Authorize + 'static) -> Result<OperationLayer, OperationBuildError> {
        let operation = self.operation.map_err(OperationBuildError::Name)?;
        let layer = OperationLayer::try_shared(self.kest.admitter().clone(), operation, Arc::new(policy))
            .map_err(OperationBuildError::Operation)?;
        let layer = match self.signer {
            Some(signer) if self.kest.0.keys.believes(signer.as_ref()) == Some(false) => {
                return Err(OperationBuildError::UntrustedSigner);
            }
            Some(signer) => layer.signer(signer).map_err(OperationBuildError::Operation)?,
            None => layer,
        };
        Ok(self.shape.into_iter().fold(layer, |layer, shape| shape(layer)))
    }

    /// The layer, which asks the deployment's policies and no other.
    ///
    /// # Errors
    ///
    /// [`OperationBuildError`] when the deployment has none either.
    pub fn deployment_only(self) -> Result<OperationLayer, OperationBuildError> {
        self.authorize(deployment_only())
    }

    /// The layer, which runs the operation for everybody whom the deployment's policies let through.
    ///
    /// What is given up: who reaches the route may run it.
    ///
    /// # Errors
    ///
    /// [`OperationBuildError`] when no request could be admitted.
    pub fn dangerous_allow_all(self) -> Result<OperationLayer, OperationBuildError> {
        self.authorize(dangerous_allow_all())
    }

    fn with(mut self, change: impl FnOnce(Operation) -> Operation) -> Self {
        self.operation = self.operation.map(change);
        self
    }

    fn shaped(mut self, shape: impl FnOnce(OperationLayer) -> OperationLayer + Send + 'static) -> Self {
        self.shape.push(Box::new(shape));
        self
    }
}

impl std::fmt::Debug for OperationBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OperationBuilder").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// The layer of an operation cannot be built: a fault of the program, found at start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationBuildError {
    /// The operation's name is no name.
    #[error("operation has no usable name")]
    Name(#[source] NameError),
    /// No request could be admitted.
    #[error("operation can never be admitted")]
    Operation(#[source] OperationError),
    /// The key that signs for this operation alone is not one that the service trusts.
    #[error("signer of the operation is not trusted: add its key to what .trust(..) is given")]
    UntrustedSigner,
    /// The policies that are given to one operation have tiers, which are the deployment's.
    #[error("policies of the operation have tiers of their own: give those to KestBuilder::policies(..)")]
    TiersOfItsOwn,
    /// A policy is named and the service has none.
    #[error("a policy is named and the service has none: give its builder .policies(..)")]
    NoPolicies,
    /// The policy is not known, or its name is no name.
    #[error("policy of the operation cannot be asked")]
    Policy(#[source] kest_core::BoxError),
}
