//! The layer around a client that signs every request, below retries.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use kest_core::{BoxError, Limits};
use tower_layer::Layer;
use tower_service::Service;

use super::RequestSigner;
use super::body::read_all;
use crate::{RequestHead, SignError};

/// Signs every request of a client. Put it below retries, so that each attempt has a nonce of its own.
///
/// A body is read whole, up to `Limits::signed_body_bytes`, since its digest travels before it.
///
/// ```no_run
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use kest_signature::{RequestSigner, SignRequestLayer};
/// use tower::Layer as _;
/// # fn example<C>(signer: RequestSigner, client: C) {
/// let client = SignRequestLayer::new(signer).layer(client);
/// # drop(client);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SignRequestLayer {
    signer: RequestSigner,
    limit: usize,
}

impl SignRequestLayer {
    /// Signs with `signer`.
    #[must_use]
    pub fn new(signer: RequestSigner) -> Self {
        Self { signer, limit: Limits::default().signed_body_bytes }
    }

    /// Reads bodies up to so many bytes; longer requests are not sent.
    #[must_use]
    pub fn body_limit(self, bytes: usize) -> Self {
        Self { limit: bytes, ..self }
    }
}

impl<S> Layer<S> for SignRequestLayer {
    type Service = SignRequest<S>;

    fn layer(&self, inner: S) -> SignRequest<S> {
        SignRequest { inner, layer: self.clone() }
    }
}

/// A client behind a [`SignRequestLayer`].
#[derive(Debug, Clone)]
pub struct SignRequest<S> {
    inner: S,
    layer: SignRequestLayer,
}

impl<S, B, ResponseBody> Service<Request<B>> for SignRequest<S>
where
    S: Service<Request<Full<bytes::Bytes>>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let fresh = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, fresh);
        let layer = self.layer.clone();
        Box::pin(async move {
            let request = sign(&layer, request).await?;
            ready.call(request).await.map_err(Into::into)
        })
    }
}

async fn sign<B: Body>(
    layer: &SignRequestLayer,
    request: Request<B>,
) -> Result<Request<Full<bytes::Bytes>>, SignError> {
    let (mut parts, body) = request.into_parts();
    let body = read_all(body, layer.limit).await?;
    let digest = layer.signer.digest_of(&body);
    layer
        .signer
        .sign(&RequestHead::of(&parts.method, &parts.uri), &mut parts.headers, digest.as_ref())
        .await?;
    Ok(Request::from_parts(parts, Full::new(body)))
}
