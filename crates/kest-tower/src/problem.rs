//! Refusals as `application/problem+json` (RFC 9457): what a kind is called, and nothing of the request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use kest_baggage::{Ambience, Ambient};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Rejection;
use crate::inbound::InboundLayer;
use crate::service::Inbound;

/// An [`InboundLayer`] whose refusals, and those of all operations and guards inside, have a body. Made by
/// [`InboundLayer::problem_details`].
#[derive(Debug, Clone)]
pub struct ProblemDetailsLayer {
    inbound: InboundLayer,
}

impl ProblemDetailsLayer {
    pub(crate) fn new(inbound: InboundLayer) -> Self {
        Self { inbound }
    }
}

impl<S> Layer<S> for ProblemDetailsLayer {
    type Service = ProblemDetails<Inbound<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        ProblemDetails { inner: self.inbound.layer(inner) }
    }
}

/// A service whose refusals have a body.
#[derive(Debug, Clone)]
pub struct ProblemDetails<S> {
    inner: S,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for ProblemDetails<S>
where
    S: Service<Request<RequestBody>, Response = Response<Ambient<ResponseBody>>>,
    ResponseBody: Body + From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ProblemFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        // RFC 9110 section 9.3.2: no content in the answer to HEAD.
        let told = if request.method() == Method::HEAD { Told::Headers } else { Told::All };
        ProblemFuture { answering: self.inner.call(request), told }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    All,
    Headers,
}

pin_project! {
    /// The future of [`ProblemDetails`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ProblemFuture<Answering> {
        #[pin]
        answering: Answering,
        told: Told,
    }
}

impl<Answering, ResponseBody, Error> Future for ProblemFuture<Answering>
where
    Answering: Future<Output = Result<Response<Ambient<ResponseBody>>, Error>>,
    ResponseBody: Body + From<Bytes>,
{
    type Output = Answering::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answering.poll(context))?;
        Poll::Ready(Ok(explained(response, *this.told)))
    }
}

/// A refusal of ours with its body; every other answer as it is, and so is a refusal that something between has given one.
fn explained<Answer: Body + From<Bytes>>(
    response: Response<Ambient<Answer>>,
    told: Told,
) -> Response<Ambient<Answer>> {
    let Some(rejection) = response.extensions().get::<Rejection>() else { return response };
    if response.headers().contains_key(CONTENT_TYPE) || !response.body().is_end_stream() {
        return response;
    }
    let body = problem(rejection, response.status());
    let (mut parts, _empty) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, PROBLEM);
    parts.headers.remove(CONTENT_LENGTH);
    let body = if told == Told::All { Bytes::from(body) } else { Bytes::new() };
    Response::from_parts(parts, Ambience::default().wrap(body.into()))
}

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// RFC 9457 section 3.1, less `detail` and `instance`, which are about the request. Names of kinds are plain words, so that
/// nothing needs to be escaped.
fn problem(rejection: &Rejection, status: StatusCode) -> String {
    let kind = rejection.kind();
    let (title, status) = (kind.as_str().replace('_', " "), status.as_u16());
    format!(r#"{{"type":"{DOCUMENTED}{kind:?}","title":"{title}","status":{status}}}"#)
}

/// Where each kind is explained.
const DOCUMENTED: &str = "https://docs.rs/kest/latest/kest/enum.RejectionKind.html#variant.";
