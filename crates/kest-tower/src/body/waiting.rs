//! The future of layers that ask nothing which takes time: the body's verdict where there is one, then the inner service.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use kest_core::refusal::Step;
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use super::check::BodyCheck;
use crate::answer::Rejection;
use crate::future::refuse;
use crate::respond::Answering;

pin_project! {
    /// The inner service's answer, or the refusal: of the guard, or of a body that is not the one that was signed.
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardFuture<S, RequestBody>
    where
        S: Service<Request<RequestBody>>,
    {
        #[pin]
        state: State<S, RequestBody>,
        answering: Answering,
    }
}

pin_project! {
    #[project = Projection]
    enum State<S, RequestBody>
    where
        S: Service<Request<RequestBody>>,
    {
        Waiting { verdict: Verdict, request: Option<Request<RequestBody>>, inner: S },
        Running { #[pin] running: S::Future },
        Refused { rejection: Option<Rejection> },
    }
}

type Verdict = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>;

impl<S, RequestBody> GuardFuture<S, RequestBody>
where
    S: Service<Request<RequestBody>>,
{
    /// Runs `inner`, which is ready, as soon as it is known that the body is the one that was signed: at once where none was.
    pub(crate) fn waiting(
        mut inner: S,
        request: Request<RequestBody>,
        step: Step,
        answering: Answering,
    ) -> Self {
        let state = match BodyCheck::of(request.extensions()) {
            None => State::Running { running: inner.call(request) },
            Some(check) => {
                let verdict = Box::pin(async move { check.verdict(step).await });
                State::Waiting { verdict, request: Some(request), inner }
            }
        };
        Self { state, answering }
    }

    /// Answers with this refusal.
    pub(crate) fn refused(rejection: Rejection, answering: Answering) -> Self {
        Self { state: State::Refused { rejection: Some(rejection) }, answering }
    }
}

impl<S, RequestBody> std::fmt::Debug for GuardFuture<S, RequestBody>
where
    S: Service<Request<RequestBody>>,
{
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}

impl<S, RequestBody, ResponseBody> Future for GuardFuture<S, RequestBody>
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
                // A poll after completion never resolves.
                Projection::Refused { rejection } => match rejection.take() {
                    Some(rejection) => return refuse(rejection, this.answering, &Span::none()),
                    None => return Poll::Pending,
                },
                Projection::Waiting { verdict, request, inner } => {
                    if let Err(rejection) = ready!(verdict.as_mut().poll(context)) {
                        request.take();
                        return refuse(rejection, this.answering, &Span::none());
                    }
                    let Some(request) = request.take() else { return Poll::Pending };
                    inner.call(request)
                }
            };
            this.state.set(State::Running { running });
        }
    }
}
