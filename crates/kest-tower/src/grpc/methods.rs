//! The layer around a gRPC service: each of its methods is an operation of its own, and one that is not named does not run.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::response::Parts;
use http::{Request, Response};
use kest_baggage::Ambient;
use kest_core::is_grpc_method;
use kest_core::refusal::Step;
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Rejection;
use crate::body::BodyHandling;
use crate::future::OperationFuture;
use crate::operation::OperationLayer;
use crate::rejection::RejectionKind;
use crate::respond::Respond;
use crate::service::{Operate, enter_admitted};
use crate::touch::touch;

/// Asks for each method of a gRPC service what its own [`OperationLayer`] asks.
///
/// An operation's name is that of its method, `package.Service/Method`, as
/// [`Operation::from_grpc_path`](kest_core::Operation::from_grpc_path) gives it. A request for any other method is refused with
/// `unknown_method` (gRPC's `UNIMPLEMENTED`) before the service sees it: a method that was added to the service and not here does not
/// run unasked, and the path of a stranger names no operation.
///
/// ```
/// # use kest_core::{Admitter, Operation, policy::policy_fn};
/// # use kest_tower::OperationLayer;
/// # use kest_tower::grpc::GrpcLayer;
/// # fn example(admitter: &Admitter) -> Result<(), Box<dyn std::error::Error>> {
/// let method = |path: &str| -> Result<OperationLayer, Box<dyn std::error::Error>> {
///     let known = policy_fn("known_user", |asked| asked.user().is_some())?;
///     Ok(OperationLayer::new(admitter.clone(), Operation::from_grpc_path(path)?, known))
/// };
/// let stock = GrpcLayer::new([method("/shop.Stock/Count")?, method("/shop.Stock/Reserve")?])?;
/// let with_a_public_method = stock.clone().public("/shop.Stock/Ping")?;
/// # drop((stock, with_a_public_method));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GrpcLayer {
    methods: Arc<HashMap<Box<str>, Guarded>>,
    respond: Option<Respond>,
}

/// What is asked before a method runs.
#[derive(Debug, Clone)]
enum Guarded {
    ByOperation(OperationLayer),
    ByNothing(BodyHandling),
}

impl GrpcLayer {
    /// Guards the methods that `operations` are named by.
    ///
    /// # Errors
    ///
    /// [`GrpcLayerError`] when an operation's name is not that of a method, a method stands twice, or no method is named.
    pub fn new(operations: impl IntoIterator<Item = OperationLayer>) -> Result<Self, GrpcLayerError> {
        let empty = Self { methods: Arc::default(), respond: None };
        let guarded = |layer: Self, operation: OperationLayer| {
            let name = operation.plan.operation.name().as_str().into();
            layer.with(name, Guarded::ByOperation(operation))
        };
        let layer = operations.into_iter().try_fold(empty, guarded)?;
        if layer.methods.is_empty() { Err(GrpcLayerError::NoMethod) } else { Ok(layer) }
    }

    /// Lets everybody have the method of this path too, as [`public`](crate::public) does: nothing is asked and nothing signed.
    ///
    /// # Errors
    ///
    /// [`GrpcLayerError`] when the path is not `/package.Service/Method`, or the method is guarded already.
    pub fn public(self, path: &str) -> Result<Self, GrpcLayerError> {
        self.public_with(path, BodyHandling::Whole)
    }

    /// As [`public`](Self::public), and gives the method the messages of a signed request as they come: for methods whose client
    /// streams. See [`OperationLayer::streaming_body`], which says it of methods that an operation guards.
    ///
    /// What is given up: messages are handled before it is known whether they are the ones that were signed. The stream ends in an
    /// error where they are not.
    ///
    /// # Errors
    ///
    /// As [`public`](Self::public).
    pub fn public_streaming(self, path: &str) -> Result<Self, GrpcLayerError> {
        self.public_with(path, BodyHandling::Stream)
    }

    fn public_with(self, path: &str, body: BodyHandling) -> Result<Self, GrpcLayerError> {
        let name = path.strip_prefix('/').ok_or(GrpcLayerError::NotAMethod)?;
        self.with(name.into(), Guarded::ByNothing(body))
    }

    /// Shapes status and headers of the refusals of unknown methods.
    #[must_use]
    pub fn respond(self, hook: impl Fn(&Rejection, &mut Parts) + Send + Sync + 'static) -> Self {
        Self { respond: Some(Arc::new(hook)), ..self }
    }

    fn with(self, name: Box<str>, guarded: Guarded) -> Result<Self, GrpcLayerError> {
        if !is_grpc_method(&name) {
            return Err(GrpcLayerError::NotAMethod);
        }
        let mut methods = Arc::unwrap_or_clone(self.methods);
        match methods.insert(name, guarded) {
            Some(_) => Err(GrpcLayerError::Repeated),
            None => Ok(Self { methods: Arc::new(methods), respond: self.respond }),
        }
    }

    /// What guards the method of `path`, byte for byte: tonic compares it so too.
    fn guard_of(&self, path: &str) -> Option<&Guarded> {
        self.methods.get(path.strip_prefix('/')?)
    }
}

impl std::fmt::Debug for GrpcLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names: Vec<_> = self.methods.keys().collect();
        names.sort_unstable();
        formatter.debug_struct("GrpcLayer").field("methods", &names).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for GrpcLayer {
    type Service = Grpc<S>;

    fn layer(&self, inner: S) -> Grpc<S> {
        Grpc { inner, layer: self.clone() }
    }
}

/// A service behind a [`GrpcLayer`].
#[derive(Debug, Clone)]
pub struct Grpc<S> {
    inner: S,
    layer: GrpcLayer,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Grpc<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    ResponseBody: Default,
{
    type Response = Response<Ambient<ResponseBody>>;
    type Error = S::Error;
    type Future = OperationFuture<S, RequestBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        match self.layer.guard_of(request.uri().path()) {
            Some(Guarded::ByOperation(operation)) => Operate::new(ready, operation.clone()).call(request),
            Some(Guarded::ByNothing(body)) => {
                touch(request.extensions_mut());
                body.apply(request.extensions());
                OperationFuture::unasked(ready, request, Step::Inbound)
            }
            None => {
                let unknown = Rejection::new(Step::Operation, RejectionKind::UnknownMethod);
                let refusing = Box::pin(std::future::ready(Err(unknown)));
                OperationFuture::new(refusing, request, ready, enter_admitted, self.layer.respond.clone())
            }
        }
    }
}

/// A [`GrpcLayer`] cannot be built: a fault of the program, found at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrpcLayerError {
    /// A name is not that of a method: name operations with `Operation::from_grpc_path`.
    #[error("operation is not named package.Service/Method")]
    NotAMethod,
    /// A method stands twice.
    #[error("method is guarded twice")]
    Repeated,
    /// No method is named, so that every call would be refused.
    #[error("no method is named")]
    NoMethod,
}
