//! The layer around a client, and the service that it makes.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::Authority;
use http::{Request, Response, Uri, request};
use kest_baggage::Ambience;
use kest_baggage::carry::{Address, CarryError, CarryRules, Outgoing};
use kest_core::{Admission, Arrival, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use crate::carry::body::{AsItIs, Streamed, WrapBody};
use crate::carry::content::Sending;
use crate::carry::future::{Ready, ResponseFuture};

/// Puts the lineage of the running operation onto each request that may have it, at the last moment before it is sent.
///
/// Made by [`CarryLayerBuilder`](crate::carry::CarryLayerBuilder); see [the module](crate::carry) for an example.
#[derive(Debug, Clone)]
pub struct CarryLayer<Wrap = AsItIs> {
    rules: Arc<CarryRules>,
    wrap: Wrap,
}

impl CarryLayer {
    pub(crate) fn new(rules: CarryRules) -> Self {
        Self { rules: Arc::new(rules), wrap: AsItIs(()) }
    }

    /// Streams bodies as part of the operation that sends them, so that calls which a stream makes carry its lineage too.
    ///
    /// `make` gives the client the kind of body that it takes: `tonic::body::Body::new` for a channel,
    /// `std::convert::identity` for a client of hyper over `Ambient<Body>`.
    pub fn stream_body<Make>(self, make: Make) -> CarryLayer<Streamed<Make>> {
        CarryLayer { rules: self.rules, wrap: Streamed(make) }
    }
}

impl<S, Wrap: Clone> Layer<S> for CarryLayer<Wrap> {
    type Service = Carry<S, Wrap>;

    fn layer(&self, inner: S) -> Carry<S, Wrap> {
        Carry { inner, layer: self.clone() }
    }
}

/// A client behind a [`CarryLayer`].
#[derive(Debug, Clone)]
pub struct Carry<S, Wrap = AsItIs> {
    inner: S,
    layer: CarryLayer<Wrap>,
}

impl<S, Wrap, B, ResponseBody> Service<Request<B>> for Carry<S, Wrap>
where
    B: Send + 'static,
    Wrap: WrapBody<B> + Clone,
    S: Service<Request<Wrap::Wrapped>, Response = Response<ResponseBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S, B, Wrap, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let (parts, body) = request.into_parts();
        let preparing = Box::pin(prepare(Arc::clone(&self.layer.rules), parts, body, Ambience::capture()));
        ResponseFuture::new(preparing, self.layer.wrap.clone(), ready)
    }
}

/// The request as it is sent, or why it is not.
async fn prepare<B>(
    rules: Arc<CarryRules>,
    mut parts: request::Parts,
    body: B,
    here: Ambience,
) -> Result<Ready<B>, CarryError>
where
    B: Send + 'static,
{
    without_credentials(&mut parts.uri);
    let mut sending = Sending::new(body);
    let outgoing = Outgoing {
        address: &Address::of(&parts.uri),
        method: &parts.method,
        uri: &parts.uri,
        headers: &mut parts.headers,
        extensions: &mut parts.extensions,
        body: &mut sending,
    };
    let prepared = rules.prepare(outgoing, here).await?;
    // What proves things in this process stays in it, also where the client is a service of the same process.
    parts.extensions.remove::<Admission>();
    parts.extensions.remove::<Arrival>();
    parts.extensions.remove::<Ambience>();
    Ok(Ready { parts, body: sending.into_body(), prepared })
}

/// Takes user and password out of the address: RFC 9110 section 4.2.4 lets none of them be sent, and over HTTP/2 they would stand in
/// the authority, which is signed.
fn without_credentials(uri: &mut Uri) {
    let bare = |authority: &Authority| authority.as_str().rsplit_once('@')?.1.parse::<Authority>().ok();
    if let Some(authority) = uri.authority().and_then(bare) {
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(authority);
        if let Ok(without) = Uri::from_parts(parts) {
            *uri = without;
        }
    }
}
