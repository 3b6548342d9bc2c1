//! Puts the lineage onto a request at the last moment before it is sent: step 8 of a request's life.

use http::Extensions;
use kest_baggage::Ambience;
use kest_baggage::carry::{Address, CarryError, CarryRules, Destination};
use kest_http::Origin;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{Middleware, Next, RequestBuilder};

/// The last middleware of every client; private, so that it cannot be put on one that follows redirects elsewhere.
pub(crate) struct Innermost {
    rules: CarryRules,
    client: reqwest::Client,
}

impl Innermost {
    pub(crate) fn new(rules: CarryRules, client: reqwest::Client) -> Self {
        Self { rules, client }
    }
}

#[async_trait::async_trait]
impl Middleware for Innermost {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        _below: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let address = Address::from(Origin::of(request.url()).map(Destination::from));
        let prepared = self
            .rules
            .prepare(&address, request.headers_mut(), extensions, Ambience::capture())
            .await
            .map_err(into_middleware_error)?;
        let sent = prepared.sent();
        stream_under(prepared.into_ambience(), &mut request);
        // Not by what is below: nothing may change the request any more.
        let mut response = self.client.execute(request).await?;
        if let Some(sent) = sent {
            response.extensions_mut().insert(sent);
        }
        Ok(response)
    }
}

/// Notes the ambience on every request that is built, so that a task which only sends it continues the same lineage.
pub(crate) fn note_where_it_is_built(request: RequestBuilder) -> RequestBuilder {
    request.with_extension(Ambience::capture())
}

/// Under a text of its own: middleware that hands an error on in its own name hides the first one of its chain.
fn into_middleware_error(error: CarryError) -> reqwest_middleware::Error {
    let text = format!("request not sent: {error}");
    reqwest_middleware::Error::Middleware(anyhow::Error::new(error).context(text))
}

/// Streams the request's body as part of the same operation: the connection's task, which polls it, has no ambience.
fn stream_under(ambience: Ambience, request: &mut Request) {
    if let Some(body) = request.body_mut()
        && body.as_bytes().is_none()
    {
        *body = Body::wrap(ambience.wrap(std::mem::take(body)));
    }
}
