//! The future of both layers: first the proof, then the inner service under it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use kest_baggage::Ambient;
use kest_core::{Admission, Arrival};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::answer::Rejection;
use crate::respond::Respond;
use crate::steps::Received;

/// Steps 1 to 4, then the inner service.
pub type ArrivalFuture<S, RequestBody> = ProvingFuture<S, RequestBody, (Arrival, Received)>;

/// Steps 5 and 6, then the inner service.
pub type OperationFuture<S, RequestBody> = ProvingFuture<S, RequestBody, Admission>;

pub(crate) type Proving<Proof> = Pin<Box<dyn Future<Output = Result<Proof, Rejection>> + Send>>;

/// Hands the request to the inner service, with what was proved about it.
pub(crate) type Enter<S, RequestBody, Proof> =
    fn(&mut S, Request<RequestBody>, Proof) -> Ambient<<S as Service<Request<RequestBody>>>::Future>;

pin_project! {
    /// Waits for a proof about the request, then runs the inner service under it; a refusal is its answer.
    #[must_use = "futures do nothing unless polled"]
    pub struct ProvingFuture<S, RequestBody, Proof>
    where
        S: Service<Request<RequestBody>>,
    {
        #[pin]
        state: State<S, RequestBody, Proof>,
        respond: Option<Respond>,
    }
}

pin_project! {
    #[project = Projection]
    enum State<S, RequestBody, Proof>
    where
        S: Service<Request<RequestBody>>,
    {
        Proving {
            proving: Proving<Proof>,
            request: Option<Request<RequestBody>>,
            inner: S,
            enter: Enter<S, RequestBody, Proof>,
        },
        Running { #[pin] running: Ambient<S::Future> },
    }
}

impl<S, RequestBody, Proof> ProvingFuture<S, RequestBody, Proof>
where
    S: Service<Request<RequestBody>>,
{
    pub(crate) fn new(
        proving: Proving<Proof>,
        request: Request<RequestBody>,
        inner: S,
        enter: Enter<S, RequestBody, Proof>,
        respond: Option<Respond>,
    ) -> Self {
        Self { state: State::Proving { proving, request: Some(request), inner, enter }, respond }
    }
}

impl<S, RequestBody, Proof> std::fmt::Debug for ProvingFuture<S, RequestBody, Proof>
where
    S: Service<Request<RequestBody>>,
{
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ProvingFuture").finish_non_exhaustive()
    }
}

impl<S, RequestBody, Proof, ResponseBody> Future for ProvingFuture<S, RequestBody, Proof>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    ResponseBody: Default,
{
    type Output = Result<Response<ResponseBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let running = match this.state.as_mut().project() {
                Projection::Running { running } => return running.poll(context),
                Projection::Proving { proving, request, inner, enter } => {
                    let proof = match ready!(proving.as_mut().poll(context)) {
                        Ok(proof) => proof,
                        Err(rejection) => return refuse(rejection, this.respond.as_ref()),
                    };
                    // The request is there until the proof is; a poll after completion never resolves.
                    let Some(request) = request.take() else { return Poll::Pending };
                    enter(inner, request, proof)
                }
            };
            this.state.set(State::Running { running });
        }
    }
}

/// One line, one count, and the constant answer.
pub(crate) fn refuse<Body: Default, Error>(
    rejection: Rejection,
    respond: Option<&Respond>,
) -> Poll<Result<Response<Body>, Error>> {
    rejection.report();
    Poll::Ready(Ok(rejection.respond(respond)))
}
