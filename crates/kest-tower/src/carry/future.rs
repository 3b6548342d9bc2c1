//! The future of the carrying layer: first the passport, then the client.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use kest_baggage::carry::{CarryError, Prepared, Sent};
use kest_core::BoxError;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::carry::body::WrapBody;

type Preparing<Body> = Pin<Box<dyn Future<Output = Result<Ready<Body>, CarryError>> + Send>>;

/// A request that may be sent.
pub(crate) struct Ready<Body> {
    pub(crate) parts: Parts,
    /// None of a request whose body could not be read, which is not sent.
    pub(crate) body: Option<Body>,
    pub(crate) prepared: Prepared,
}

pin_project! {
    /// Packs the passport of a request and sends it; a request that may not be sent is an error.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Body, Wrap, Running> {
        #[pin]
        state: State<S, Body, Wrap, Running>,
    }
}

pin_project! {
    #[project = Projection]
    enum State<S, Body, Wrap, Running> {
        Preparing { preparing: Preparing<Body>, wrap: Wrap, client: S },
        Running { #[pin] running: Running, sent: Option<Sent> },
        Done,
    }
}

impl<S, Body, Wrap, Running> ResponseFuture<S, Body, Wrap, Running> {
    pub(crate) fn new(preparing: Preparing<Body>, wrap: Wrap, client: S) -> Self {
        Self { state: State::Preparing { preparing, wrap, client } }
    }
}

impl<S, Body, Wrap, Running> std::fmt::Debug for ResponseFuture<S, Body, Wrap, Running> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, Body, Wrap, Running, ResponseBody> Future for ResponseFuture<S, Body, Wrap, Running>
where
    Wrap: WrapBody<Body>,
    S: Service<Request<Wrap::Wrapped>, Response = Response<ResponseBody>, Future = Running>,
    S::Error: Into<BoxError>,
    Running: Future<Output = Result<Response<ResponseBody>, S::Error>>,
{
    type Output = Result<Response<ResponseBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Projection::Running { running, sent } => {
                    let answer = ready!(running.poll(context)).map_err(Into::into);
                    let sent = sent.take();
                    this.state.set(State::Done);
                    return Poll::Ready(answer.map(|mut response| {
                        if let Some(sent) = sent {
                            response.extensions_mut().insert(sent);
                        }
                        response
                    }));
                }
                Projection::Preparing { preparing, wrap, client } => {
                    match ready!(preparing.as_mut().poll(context)) {
                        Ok(Ready { parts, body: Some(body), prepared }) => {
                            let sent = prepared.sent();
                            let body = wrap.wrap(body, prepared.into_ambience());
                            State::Running { running: client.call(Request::from_parts(parts, body)), sent }
                        }
                        Err(error) => {
                            // The client that was ready is given back at once.
                            this.state.set(State::Done);
                            return Poll::Ready(Err(error.into()));
                        }
                        Ok(Ready { body: None, .. }) => State::Done,
                    }
                }
                // A poll after completion never resolves.
                Projection::Done => return Poll::Pending,
            };
            this.state.set(next);
        }
    }
}
