//! The layer that lets only signed requests through, and the service that it makes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use kest_core::BoxError;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::read_checked;
use super::refusal::refuse;
use super::{RequestSignatureError, RequestVerifier, SignedBody, SignedRequest};
use crate::{Fault, RequestHead};

/// Lets only signed requests through, each of them once, and puts the [`SignedRequest`] into their extensions.
///
/// Refusals are empty: 401 for what does not hold, 413 for a body over the limit, 429 for a key that used up its share of
/// the replay store, 503 where the store cannot remember. [`RequestRefused`](super::RequestRefused) is in their extensions.
///
/// Put it around the whole service: inside of a router that cuts a prefix off, the target is another one than was signed,
/// and every request is refused.
///
/// ```
/// use axum::{Extension, Router, routing::post};
/// use http::{Request, StatusCode};
/// use kest_core::OsRandom;
/// use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
/// use kest_signature::{RequestSignatureLayer, RequestSigner, RequestVerifier, SignedRequest};
/// use tower::ServiceExt as _;
///
/// async fn heartbeat(Extension(signed): Extension<SignedRequest>, body: String) -> String {
///     format!("{} says {body}", signed.workload())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sensor = Ed25519Signer::generate(WorkloadId::new("spiffe://example.org/sensor")?, &OsRandom)?;
/// let mut ring = KeyRing::new();
/// ring.trust_signer(&sensor)?;
///
/// let verifier = RequestVerifier::builder(ring).authority("hub.example").build()?;
/// let app = Router::new().route("/beat", post(heartbeat)).layer(RequestSignatureLayer::new(verifier));
///
/// let signer = RequestSigner::new(sensor);
/// let signed = signer.sign_request(Request::post("https://hub.example/beat").body("alive".to_owned())?).await?;
/// let again = signed.clone();
/// let answer = app.clone().oneshot(signed).await?;
/// assert_eq!(answer.status(), StatusCode::OK);
/// # let body = axum::body::to_bytes(answer.into_body(), 100).await?;
/// # assert_eq!(body, "spiffe://example.org/sensor says alive");
///
/// // The same bytes again, and another body under the same signature:
/// assert_eq!(app.clone().oneshot(again).await?.status(), StatusCode::UNAUTHORIZED);
/// let signed = signer.sign_request(Request::post("https://hub.example/beat").body("alive".to_owned())?).await?;
/// let swapped = signed.map(|_alive| "gone".to_owned());
/// assert_eq!(app.oneshot(swapped).await?.status(), StatusCode::UNAUTHORIZED);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RequestSignatureLayer {
    verifier: RequestVerifier,
    body: Reading,
}

#[derive(Debug, Clone, Copy)]
enum Reading {
    /// All of it, before the handler runs.
    Whole {
        limit: usize,
    },
    Streaming,
}

impl RequestSignatureLayer {
    /// Verifies by `verifier`. A body is read and compared before the handler runs, up to `Limits::signed_body_bytes`.
    #[must_use]
    pub fn new(verifier: RequestVerifier) -> Self {
        let limit = verifier.limits().signed_body_bytes;
        Self { verifier, body: Reading::Whole { limit } }
    }

    /// Reads bodies up to so many bytes.
    #[must_use]
    pub fn body_limit(self, bytes: usize) -> Self {
        Self { body: Reading::Whole { limit: bytes }, ..self }
    }

    /// Hands the body on as it comes, of any length, and ends it with an error where it is not the one that was signed.
    ///
    /// What is given up: the handler has seen all but the last piece of a swapped body before it knows. It must not act on
    /// any of it before the stream has ended well.
    #[must_use]
    pub fn streaming_body(self) -> Self {
        Self { body: Reading::Streaming, ..self }
    }
}

impl<S> Layer<S> for RequestSignatureLayer {
    type Service = RequestSignature<S>;

    fn layer(&self, inner: S) -> RequestSignature<S> {
        RequestSignature { inner, layer: self.clone() }
    }
}

/// A service behind a [`RequestSignatureLayer`].
#[derive(Debug, Clone)]
pub struct RequestSignature<S> {
    inner: S,
    layer: RequestSignatureLayer,
}

impl<S, B, ResponseBody> Service<Request<B>> for RequestSignature<S>
where
    S: Service<Request<SignedBody<B>>, Response = Response<ResponseBody>> + Clone,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    ResponseBody: Default,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let checking = Box::pin(check(self.layer.clone(), request));
        ResponseFuture { state: State::Checking { checking, inner: ready } }
    }
}

/// The request as the service gets it, or why it does not.
async fn check<B>(
    layer: RequestSignatureLayer,
    request: Request<B>,
) -> Result<Request<SignedBody<B>>, RequestSignatureError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    // What an outer layer found of another signature must not pass for ours.
    parts.extensions.remove::<SignedRequest>();
    let wait = layer.verifier.limits().arrival_wait;
    let (signed, expected) = {
        let head = RequestHead::of(&parts.method, &parts.uri);
        let verifying = layer.verifier.verify(&head, &parts.headers);
        let in_time = tokio::time::timeout(wait, verifying).await;
        in_time.map_err(|late| RequestSignatureError::Unavailable(late.into()))??
    };
    let body = match layer.body {
        Reading::Whole { limit } => {
            let wait = layer.verifier.limits().checked_body_wait;
            let in_time = tokio::time::timeout(wait, read_checked(body, &expected, limit)).await;
            SignedBody::checked(in_time.map_err(|_late| Fault::BodyBroken)??)
        }
        Reading::Streaming => SignedBody::streaming(body, &expected),
    };
    parts.extensions.insert(signed);
    Ok(Request::from_parts(parts, body))
}

type Checking<B> =
    Pin<Box<dyn Future<Output = Result<Request<SignedBody<B>>, RequestSignatureError>> + Send>>;

pin_project! {
    /// Verifies a request and then runs it; answers it where it is not let through.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, Running> {
        #[pin]
        state: State<S, B, Running>,
    }
}

pin_project! {
    #[project = Projection]
    enum State<S, B, Running> {
        Checking { checking: Checking<B>, inner: S },
        Running { #[pin] running: Running },
        Done,
    }
}

impl<S, B, Running> std::fmt::Debug for ResponseFuture<S, B, Running> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, B, ResponseBody, Error, Running> Future for ResponseFuture<S, B, Running>
where
    S: Service<Request<SignedBody<B>>, Response = Response<ResponseBody>, Error = Error, Future = Running>,
    Running: Future<Output = Result<Response<ResponseBody>, Error>>,
    ResponseBody: Default,
{
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Projection::Checking { checking, inner } => match ready!(checking.as_mut().poll(context)) {
                    Ok(request) => State::Running { running: inner.call(request) },
                    Err(error) => {
                        this.state.set(State::Done);
                        return Poll::Ready(Ok(refuse(&error)));
                    }
                },
                Projection::Running { running } => {
                    let answer = ready!(running.poll(context));
                    this.state.set(State::Done);
                    return Poll::Ready(answer);
                }
                // A poll after completion never resolves.
                Projection::Done => return Poll::Pending,
            };
            this.state.set(next);
        }
    }
}
