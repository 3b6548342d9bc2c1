//! The future of both layers: first the proof, then the inner service under it, then its answer under it too.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use kest_baggage::{Ambience, Ambient};
use kest_core::Admission;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::answer::Rejection;
use crate::respond::{Answering, Respond};
use crate::steps::Arrived;
use crate::touch::Watch;

/// Steps 1 to 4, then the inner service.
pub type ArrivalFuture<S, RequestBody> = ProvingFuture<S, RequestBody, Arrived>;

/// Steps 5 and 6, then the inner service.
pub type OperationFuture<S, RequestBody> = ProvingFuture<S, RequestBody, Admission>;

pub(crate) type Proving<Proof> = Pin<Box<dyn Future<Output = Result<Proof, Rejection>> + Send>>;

/// Puts what was proved about a request into it, and says what to run the inner service under.
pub(crate) type Enter<RequestBody, Proof> = fn(&mut Request<RequestBody>, Proof) -> Ambience;

pin_project! {
    /// Waits for a proof about the request, then runs the inner service under it; a refusal is its answer.
    #[must_use = "futures do nothing unless polled"]
    pub struct ProvingFuture<S, RequestBody, Proof>
    where
        S: Service<Request<RequestBody>>,
    {
        #[pin]
        state: State<S, RequestBody, Proof>,
        answering: Answering,
        watch: Option<Watch>,
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
            enter: Enter<RequestBody, Proof>,
        },
        Running { #[pin] running: Ambient<S::Future>, ambience: Ambience },
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
        enter: Enter<RequestBody, Proof>,
        respond: Option<Respond>,
    ) -> Self {
        let answering = Answering::to(&request, respond);
        let state = State::Proving { proving, request: Some(request), inner, enter };
        Self { state, answering, watch: None }
    }

    /// Runs the inner service as it is, under what it runs under already: there is nothing to prove.
    pub(crate) fn running(running: S::Future, ambience: Ambience, answering: Answering) -> Self {
        let state = State::Running { running: ambience.clone().wrap(running), ambience };
        Self { state, answering, watch: None }
    }

    /// Judges the answer of the inner service before anything of it leaves.
    pub(crate) fn watched(self, watch: Option<Watch>) -> Self {
        Self { watch, ..self }
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
    type Output = Result<Response<Ambient<ResponseBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let (running, ambience) = match this.state.as_mut().project() {
                Projection::Running { running, ambience } => {
                    let response = ready!(running.poll(context))?;
                    return match this.watch.take().and_then(|watch| watch.judge(&response)) {
                        Some(rejection) => {
                            ambience.scope(|| drop(response));
                            refuse(rejection, this.answering)
                        }
                        None => Poll::Ready(Ok(response.map(|body| ambience.clone().wrap(body)))),
                    };
                }
                Projection::Proving { proving, request, inner, enter } => {
                    let proof = match ready!(proving.as_mut().poll(context)) {
                        Ok(proof) => proof,
                        Err(rejection) => return refuse(rejection, this.answering),
                    };
                    // The request is there until the proof is; a poll after completion never resolves.
                    let Some(mut request) = request.take() else { return Poll::Pending };
                    let ambience = enter(&mut request, proof);
                    let running = ambience.scope(|| inner.call(request));
                    (ambience.clone().wrap(running), ambience)
                }
            };
            this.state.set(State::Running { running, ambience });
        }
    }
}

/// One line, one count, and the constant answer.
pub(crate) fn refuse<Body: Default, Error>(
    rejection: Rejection,
    answering: &Answering,
) -> Poll<Result<Response<Body>, Error>> {
    rejection.report();
    Poll::Ready(Ok(rejection.respond(answering)))
}
