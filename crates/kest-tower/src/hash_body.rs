//! Reads a request's body up to a limit, so that its digest stands in the entry, and hands it on.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kest_core::entry::EntryHash;
use kest_core::refusal::Step;
use kest_core::{Arrival, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Rejection;
use crate::body::BodyCheck;
use crate::operation::OperationLayer;
use crate::rejection::RejectionKind;
use crate::respond::{Answering, Respond};
use crate::service::Operate;

/// An [`OperationLayer`] whose entries say which input they were for: `input_hash`, the SHA-256 of the body. Made by
/// [`OperationLayer::hash_body`].
#[derive(Debug, Clone)]
pub struct HashedOperationLayer {
    operation: OperationLayer,
    limit: usize,
}

impl HashedOperationLayer {
    pub(crate) fn new(operation: OperationLayer, limit: usize) -> Self {
        Self { operation, limit }
    }
}

impl<S> Layer<S> for HashedOperationLayer {
    type Service = HashBody<Operate<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        let plan = &self.operation.plan;
        HashBody {
            inner: self.operation.layer(inner),
            limit: self.limit,
            wait: plan.admitter.limits().admission_wait,
            respond: plan.respond.clone(),
        }
    }
}

/// A service that is called with bodies that were read whole.
#[derive(Clone)]
pub struct HashBody<S> {
    inner: S,
    limit: usize,
    wait: Duration,
    respond: Option<Respond>,
}

impl<S> std::fmt::Debug for HashBody<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HashBody").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// What the body of a request was; put into its extensions for the operation behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputHash(pub(crate) EntryHash);

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for HashBody<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    RequestBody: Body + From<Bytes> + Send + 'static,
    RequestBody::Data: Send,
    RequestBody::Error: Into<BoxError>,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let fresh = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, fresh);
        let (limit, wait) = (self.limit, self.wait);
        let answering = Answering::to(&request, self.respond.clone());
        Box::pin(async move {
            // Nothing of a stranger is read: the operation behind refuses without an arrival.
            if request.extensions().get::<Arrival>().is_none() {
                return ready.call(request).await;
            }
            // What it is refused for is said by the check, not by the body that ends in its error.
            let check = BodyCheck::of(request.extensions());
            if let Some(check) = check
                && let Err(rejection) = check.verdict(Step::Operation).await
            {
                answering.report(&rejection);
                return Ok(rejection.respond(&answering));
            }
            let read = match tokio::time::timeout(wait, read(request, limit)).await {
                Ok(read) => read,
                Err(_elapsed) => Err(RejectionKind::TookTooLong),
            };
            match read {
                Ok(request) => ready.call(request).await,
                Err(kind) => {
                    let rejection = Rejection::new(Step::Operation, kind);
                    answering.report(&rejection);
                    Ok(rejection.respond(&answering))
                }
            }
        })
    }
}

/// The request with its body in one piece, and its digest beside it.
async fn read<RequestBody>(
    request: Request<RequestBody>,
    limit: usize,
) -> Result<Request<RequestBody>, RejectionKind>
where
    RequestBody: Body + From<Bytes>,
    RequestBody::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(RejectionKind::BodyTooLarge);
    }
    let collected = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            RejectionKind::BodyTooLarge
        } else {
            RejectionKind::RequestUndescribed
        }
    })?;
    // Trailers would be lost on the way to the handler, and a digest does not cover them.
    if collected.trailers().is_some_and(|trailers| !trailers.is_empty()) {
        return Err(RejectionKind::RequestUndescribed);
    }
    let body = collected.to_bytes();
    parts.extensions.insert(InputHash(EntryHash::of_bytes(&body)));
    Ok(Request::from_parts(parts, RequestBody::from(body)))
}
