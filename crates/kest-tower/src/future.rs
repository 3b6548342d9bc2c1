//! The futures of the layers: first the proof, then the inner service under it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use kest_baggage::{Ambient, with_admission, with_arrival};
use kest_core::{Admission, Arrival};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::rejection::Rejection;
use crate::respond::Respond;
use crate::steps::Received;

type Proving<Proof> = Pin<Box<dyn Future<Output = Result<Proof, Rejection>> + Send>>;

/// What each proof does to the request and to the future that handles it.
trait Prove: Sized {
    fn mark<Body>(&self, request: &mut Request<Body>);
    fn surround<F: Future>(self, future: F) -> Ambient<F>;
}

impl Prove for (Arrival, Received) {
    fn mark<Body>(&self, request: &mut Request<Body>) {
        request.extensions_mut().insert(self.0.clone());
        request.extensions_mut().insert(self.1);
    }

    fn surround<F: Future>(self, future: F) -> Ambient<F> {
        with_arrival(self.0, future)
    }
}

impl Prove for Admission {
    fn mark<Body>(&self, request: &mut Request<Body>) {
        request.extensions_mut().insert(self.clone());
    }

    fn surround<F: Future>(self, future: F) -> Ambient<F> {
        with_admission(self, future)
    }
}

macro_rules! layer_future {
    ($(#[$doc:meta])* $name:ident, $state:ident, $projection:ident, $proof:ty) => {
        pin_project! {
            $(#[$doc])*
            #[must_use = "futures do nothing unless polled"]
            pub struct $name<S, RequestBody>
            where
                S: Service<Request<RequestBody>>,
            {
                #[pin]
                state: $state<S, RequestBody>,
                respond: Option<Respond>,
            }
        }

        pin_project! {
            #[project = $projection]
            enum $state<S, RequestBody>
            where
                S: Service<Request<RequestBody>>,
            {
                Proving { proving: Proving<$proof>, request: Option<Request<RequestBody>>, inner: S },
                Running { #[pin] running: Ambient<S::Future> },
            }
        }

        impl<S, RequestBody> $name<S, RequestBody>
        where
            S: Service<Request<RequestBody>>,
        {
            pub(crate) fn new(
                proving: Proving<$proof>,
                request: Request<RequestBody>,
                inner: S,
                respond: Option<Respond>,
            ) -> Self {
                Self { state: $state::Proving { proving, request: Some(request), inner }, respond }
            }
        }

        impl<S, RequestBody> std::fmt::Debug for $name<S, RequestBody>
        where
            S: Service<Request<RequestBody>>,
        {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<S, RequestBody, ResponseBody> Future for $name<S, RequestBody>
        where
            S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
            ResponseBody: Default,
        {
            type Output = Result<Response<ResponseBody>, S::Error>;

            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
                let mut this = self.project();
                loop {
                    let running = match this.state.as_mut().project() {
                        $projection::Running { running } => return running.poll(context),
                        $projection::Proving { proving, request, inner } => {
                            let proof = match ready!(proving.as_mut().poll(context)) {
                                Ok(proof) => proof,
                                Err(rejection) => return refuse(rejection, this.respond.as_ref()),
                            };
                            // The request is there until the proof is; a poll after completion never resolves.
                            let Some(mut request) = request.take() else { return Poll::Pending };
                            proof.mark(&mut request);
                            proof.surround(inner.call(request))
                        }
                    };
                    this.state.set($state::Running { running });
                }
            }
        }
    };
}

layer_future! {
    /// Steps 1 to 4, then the inner service.
    ArrivalFuture, ArrivalState, ArrivalProjection, (Arrival, Received)
}

layer_future! {
    /// Steps 5 and 6, then the inner service.
    OperationFuture, OperationState, OperationProjection, Admission
}

/// One line with the kind, and the constant answer.
fn refuse<Body: Default, Error>(
    rejection: Rejection,
    respond: Option<&Respond>,
) -> Poll<Result<Response<Body>, Error>> {
    let (kind, status) = (rejection.kind().as_str(), rejection.status().as_u16());
    if rejection.kind().is_logged_with_its_entry() {
        tracing::trace!(kind, status, "request refused");
    } else if rejection.status().is_server_error() {
        tracing::warn!(kind, status, "request refused");
    } else {
        tracing::info!(kind, status, "request refused");
    }
    Poll::Ready(Ok(rejection.respond(respond)))
}
