//! The layer on a route that everybody may have: nothing is asked and nothing is signed, and that is said.

use std::task::{Context, Poll};

use http::{Request, Response};
use kest_core::refusal::Step;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{BodyHandling, GuardFuture};
use crate::respond::Answering;
use crate::touch::touch;

/// Says of a route inside an [`InboundLayer`](crate::InboundLayer) that it needs neither an operation nor a guard.
///
/// Without it an answer of such a route is refused with `no_operation`, since it may as well have been forgotten. For
/// what shows no data and changes nothing: liveness, metadata, static files, CORS preflights.
///
/// ```
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// use kest_tower::public;
/// use tower::ServiceBuilder;
///
/// // With axum: `.route("/healthz", get(healthz).route_layer(public()))`.
/// let healthz = ServiceBuilder::new()
///     .layer(public())
///     .service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new("ok".to_owned())));
/// # drop(healthz);
/// ```
#[must_use]
pub fn public() -> PublicLayer {
    PublicLayer { body: BodyHandling::Whole }
}

/// See [`public`].
#[derive(Debug, Clone, Copy)]
pub struct PublicLayer {
    body: BodyHandling,
}

impl PublicLayer {
    /// Gives the handler a signed body as it comes; see [`OperationLayer::streaming_body`](crate::OperationLayer::streaming_body).
    #[must_use]
    pub fn streaming_body(self) -> Self {
        Self { body: BodyHandling::Stream }
    }
}

impl<S> Layer<S> for PublicLayer {
    type Service = Public<S>;

    fn layer(&self, inner: S) -> Public<S> {
        Public { inner, body: self.body }
    }
}

/// A service behind [`public`].
#[derive(Debug, Clone)]
pub struct Public<S> {
    inner: S,
    body: BodyHandling,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Public<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardFuture<S, RequestBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        touch(request.extensions_mut());
        self.body.apply(request.extensions());
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let answering = Answering::to(&request, None);
        GuardFuture::waiting(ready, request, Step::Inbound, answering)
    }
}
