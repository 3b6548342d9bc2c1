//! The future of both layers: first the proof, then the inner service under it, then its answer under it too.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use kest_baggage::{Ambience, Ambient};
use kest_core::Admission;
use kest_core::audit::{EndGuard, Ending};
use kest_core::refusal::Step;
use kest_core::span;
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use crate::answer::Rejection;
use crate::body::BodyCheck;
use crate::operation::AnswerHashing;
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
        span: Span,
        entering: Entering,
        hashing: AnswerHashing,
    }
}

/// From when on the span around it is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entering {
    AtOnce,
    /// When it is known which trace it continues.
    OnceProved,
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
        Waiting {
            verdict: Proving<()>,
            request: Option<Request<RequestBody>>,
            inner: S,
            ambience: Ambience,
        },
        Running { #[pin] running: Ambient<S::Future>, ambience: Ambience, end: EndGuard },
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
        Self::of(state, answering)
    }

    fn of(state: State<S, RequestBody, Proof>, answering: Answering) -> Self {
        let (entering, hashing) = (Entering::AtOnce, AnswerHashing::None);
        Self { state, answering, watch: None, span: Span::none(), entering, hashing }
    }

    /// Runs `inner`, which is ready, under what runs already: nothing is to be proved but that the body is the one that was
    /// signed, where one was.
    pub(crate) fn unasked(mut inner: S, request: Request<RequestBody>, step: Step) -> Self {
        let (answering, ambience) = (Answering::to(&request, None), Ambience::capture());
        let state = match BodyCheck::of(request.extensions()) {
            None => {
                let running = ambience.clone().wrap(inner.call(request));
                State::Running { running, ambience, end: EndGuard::default() }
            }
            Some(check) => {
                let verdict = Box::pin(async move { check.verdict(step).await });
                State::Waiting { verdict, request: Some(request), inner, ambience }
            }
        };
        Self::of(state, answering)
    }

    /// Judges the answer of the inner service before anything of it leaves.
    pub(crate) fn watched(self, watch: Option<Watch>) -> Self {
        Self { watch, ..self }
    }

    /// Hashes the answer of the inner service on its way out, where that is asked.
    pub(crate) fn hashing(self, hashing: AnswerHashing) -> Self {
        Self { hashing, ..self }
    }

    /// Proves, and runs the inner service, within `span`, and says in it how that ended.
    pub(crate) fn within(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// Enters that span no earlier than this.
    pub(crate) fn entering(self, entering: Entering) -> Self {
        Self { entering, ..self }
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
        let mut entered = (*this.entering == Entering::AtOnce).then(|| this.span.enter());
        loop {
            let (running, ambience, end) = match this.state.as_mut().project() {
                Projection::Running { running, ambience, end } => {
                    let response = match ready!(end.watch(|| running.poll(context))) {
                        Ok(response) => response,
                        Err(error) => {
                            end.end(Ending::Failed);
                            span::failed(this.span, "error");
                            return Poll::Ready(Err(error));
                        }
                    };
                    outcome(&response, ambience, this.span);
                    return match this.watch.take().and_then(|watch| watch.judge(&response)) {
                        Some(rejection) => {
                            ambience.scope(|| drop(response));
                            refuse(rejection, this.answering, this.span)
                        }
                        // The end of an operation around this one is for others to say.
                        None if !end.is_waiting() => {
                            Poll::Ready(Ok(response.map(|body| ambience.clone().wrap(body))))
                        }
                        None => {
                            let length = answered(&response, ambience, this.answering);
                            // Its body has the word from here on.
                            end.hand_over();
                            let wrap = |body| ambience.clone().wrap_answer(body, length);
                            let response = response.map(wrap);
                            Poll::Ready(Ok(match this.hashing {
                                AnswerHashing::None => response,
                                AnswerHashing::Recorded => response.map(Ambient::with_content_hash),
                            }))
                        }
                    };
                }
                Projection::Waiting { verdict, request, inner, ambience } => {
                    if let Err(rejection) = ready!(verdict.as_mut().poll(context)) {
                        request.take();
                        return refuse(rejection, this.answering, this.span);
                    }
                    let Some(request) = request.take() else { return Poll::Pending };
                    let running = ambience.scope(|| inner.call(request));
                    (ambience.clone().wrap(running), ambience.clone(), EndGuard::default())
                }
                Projection::Proving { proving, request, inner, enter } => {
                    let proved = ready!(proving.as_mut().poll(context));
                    *this.entering = Entering::AtOnce;
                    entered.get_or_insert_with(|| this.span.enter());
                    let proof = match proved {
                        Ok(proof) => proof,
                        Err(rejection) => return refuse(rejection, this.answering, this.span),
                    };
                    // The request is there until the proof is; a poll after completion never resolves.
                    let Some(mut request) = request.take() else { return Poll::Pending };
                    let ambience = enter(&mut request, proof);
                    let running = ambience.scope(|| inner.call(request));
                    let end = ambience.audited().map(EndGuard::of).unwrap_or_default();
                    (ambience.clone().wrap(running), ambience, end)
                }
            };
            this.state.set(State::Running { running, ambience, end });
        }
    }
}

/// Says in `span` that the answer is a refusal of what stands further in, or that the service failed.
fn outcome<Body>(response: &Response<Body>, ambience: &Ambience, span: &Span) {
    match response.extensions().get::<Rejection>() {
        Some(rejection) => {
            span::refused(span, rejection.step(), rejection.kind().as_str(), rejection.cause())
        }
        None if response.status().is_server_error() => span::failed(span, response.status().as_str()),
        None => match (kest_baggage::grpc_status(response.headers()), ambience.admission()) {
            (Some(code), Some(admission)) => admission.answered_grpc(code),
            (Some(code), None) => span::answered_grpc(span, code),
            (None, _) => {}
        },
    }
}

/// Notes the status for the audit log, and how long the body is whose end is the operation's.
fn answered<Body>(response: &Response<Body>, ambience: &Ambience, answering: &Answering) -> Option<u64> {
    let status = response.status();
    let admission = ambience.audited()?;
    if kest_baggage::grpc_status(response.headers()).is_none() {
        admission.answered(status.as_u16());
    }
    if answering.is_bare(status) {
        return Some(0);
    }
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One line, one count, one record, and the constant answer.
pub(crate) fn refuse<Body: Default, Error>(
    rejection: Rejection,
    answering: &Answering,
    span: &Span,
) -> Poll<Result<Response<Body>, Error>> {
    rejection.note(span);
    answering.report(&rejection);
    Poll::Ready(Ok(rejection.respond(answering)))
}
