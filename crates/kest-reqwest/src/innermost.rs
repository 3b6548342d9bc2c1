//! Puts the lineage onto a request at the last moment before it is sent, and signs it: steps 8 and 10 of a request's life.

use http::{Extensions, Uri};
use kest_baggage::Ambience;
use kest_baggage::carry::{Address, CarryError, CarryRules, Destination, Outgoing, Prepared};
use kest_http::Origin;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{Middleware, Next, RequestBuilder};

use crate::content::Sending;
use crate::redirect::{Asked, Redirects};

/// The last middleware of every client; private, so that it cannot be put on one that follows redirects elsewhere.
pub(crate) struct Innermost {
    rules: CarryRules,
    client: reqwest::Client,
    redirects: Redirects,
}

impl Innermost {
    pub(crate) fn new(rules: CarryRules, client: reqwest::Client, redirects: Redirects) -> Self {
        Self { rules, client, redirects }
    }

    /// Makes the request the one that is sent; each that follows a redirect is prepared as this was, for its own address.
    async fn prepare(
        &self,
        request: &mut Request,
        extensions: &mut Extensions,
    ) -> reqwest_middleware::Result<Prepared> {
        without_credentials(request);
        let address = Address::from(Origin::of(request.url()).map(Destination::from));
        // As reqwest reads it: what is signed is what goes onto the wire.
        let uri: Uri = request.url().as_str().parse().map_err(reqwest_middleware::Error::middleware)?;
        let method = request.method().clone();
        let mut headers = std::mem::take(request.headers_mut());
        let outgoing = Outgoing {
            address: &address,
            method: &method,
            uri: &uri,
            headers: &mut headers,
            extensions,
            body: &mut Sending::new(request.body_mut()),
        };
        let prepared =
            self.rules.prepare(outgoing, Ambience::capture()).await.map_err(into_middleware_error)?;
        *request.headers_mut() = headers;
        Ok(prepared)
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
        let mut prepared = self.prepare(&mut request, extensions).await?;
        let mut asked = self.redirects.keep(&request);
        loop {
            let sent = prepared.sent();
            stream_under(prepared.into_ambience(), &mut request);
            // Not by what is below: nothing may change the request any more.
            let mut response = self.client.execute(request).await?;
            let next = asked.as_mut().map(|asked: &mut Asked| asked.after(&response)).transpose();
            let Some(next) = next.map_err(reqwest_middleware::Error::middleware)?.flatten() else {
                if let Some(sent) = sent {
                    response.extensions_mut().insert(sent);
                }
                return Ok(response);
            };
            request = next;
            prepared = self.prepare(&mut request, extensions).await?;
        }
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

/// Takes user and password out of the address. reqwest makes a header of them where a request is built, and they go nowhere
/// else over HTTP/1.1; over HTTP/2 they would stand in the authority (RFC 9113 section 8.3.1 forbids it).
fn without_credentials(request: &mut Request) {
    let url = request.url_mut();
    if !url.username().is_empty() || url.password().is_some() {
        // An address without a host has no place for them, and is not asked.
        url.set_username("").unwrap_or_default();
        url.set_password(None).unwrap_or_default();
    }
}

/// Streams the request's body as part of the same operation: the connection's task, which polls it, has no ambience.
fn stream_under(ambience: Ambience, request: &mut Request) {
    if let Some(body) = request.body_mut()
        && body.as_bytes().is_none()
    {
        *body = Body::wrap(ambience.wrap(std::mem::take(body)));
    }
}
