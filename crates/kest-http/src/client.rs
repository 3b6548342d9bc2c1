//! The client: what holds for each of its questions, and the settings that it is made from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Method, redirect, retry};

use crate::BoxError;
use crate::address::Reach;
use crate::endpoint::Endpoint;
use crate::lookup::{Lookup, Resolver, SystemLookup};
use crate::request::HttpRequest;
use crate::tls::ClientTls;

/// Asks servers, each question by the same rule; cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    inner: reqwest::Client,
    reach: Reach,
}

impl HttpClient {
    /// Settings of a client whose questions take at most `wait`, from looking the name up to the last byte.
    pub fn builder(wait: Duration) -> HttpClientBuilder {
        HttpClientBuilder {
            wait,
            connections: Connections::Fresh,
            reach: Reach::Anywhere,
            roots: Vec::new(),
            tls: None,
            lookup: Arc::new(SystemLookup),
        }
    }

    /// Begins a question without a body.
    pub fn get(&self, endpoint: &Endpoint) -> HttpRequest {
        HttpRequest::new(self.inner.request(Method::GET, endpoint.url().clone()), endpoint, self.reach)
    }

    /// Begins a question with a body of this content type.
    pub fn post(
        &self,
        endpoint: &Endpoint,
        content_type: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> HttpRequest {
        let request = self.inner.request(Method::POST, endpoint.url().clone());
        let request = request.header(http::header::CONTENT_TYPE, content_type).body(body.into());
        HttpRequest::new(request, endpoint, self.reach)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpClient").field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// What becomes of a connection after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connections {
    /// It is closed: for questions that are minutes apart.
    Fresh,
    /// It is kept for the next question, for seconds and in a bounded number: for questions in every request.
    Kept,
}

/// The settings of an [`HttpClient`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpClientBuilder {
    wait: Duration,
    connections: Connections,
    reach: Reach,
    roots: Vec<Vec<u8>>,
    tls: Option<ClientTls>,
    lookup: Arc<dyn Lookup>,
}

impl HttpClientBuilder {
    /// Says what becomes of connections; they are closed otherwise.
    pub fn connections(mut self, connections: Connections) -> Self {
        self.connections = connections;
        self
    }

    /// Bounds the addresses that servers may have, however their hosts are spelled and whatever names resolve to.
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Trusts these certificate authorities too (PEM, one or several), besides those of the machine.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Speaks TLS in this way alone. A client that has root certificates beside it is not built.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Looks names up in this way instead of the system's; `localhost` is not looked up in any.
    pub fn lookup(mut self, lookup: Arc<dyn Lookup>) -> Self {
        self.lookup = lookup;
        self
    }

    /// Makes the client. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`HttpClientError`] when a certificate cannot be used, or the machine offers no TLS.
    pub fn build(self) -> Result<HttpClient, HttpClientError> {
        let kept = match self.connections {
            Connections::Fresh => 0,
            Connections::Kept => IDLE_CONNECTIONS,
        };
        if self.tls.is_some() && !self.roots.is_empty() {
            return Err(HttpClientError::Certificate(None));
        }
        let client = self.tls.map_or_else(reqwest::Client::builder, reqwest::ClientBuilder::from);
        let mut client = client
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            // Another crate may switch these on for the whole build; no answer may be longer than what was read.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .timeout(self.wait)
            .connect_timeout(self.wait)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(kept)
            .dns_resolver(Resolver { lookup: self.lookup, reach: self.reach });
        for pem in &self.roots {
            let certificates = Certificate::from_pem_bundle(pem)
                .map_err(|cause| HttpClientError::Certificate(Some(cause.into())))?;
            if certificates.is_empty() {
                return Err(HttpClientError::Certificate(None));
            }
            client = client.tls_certs_merge(certificates);
        }
        let inner = client.build().map_err(|cause| HttpClientError::Client(cause.into()))?;
        Ok(HttpClient { inner, reach: self.reach })
    }
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// What was given as a root certificate is not one, or TLS was set up without it.
    #[error("root certificate is no pem")]
    Certificate(#[source] Option<BoxError>),
    /// The machine offers no TLS.
    #[error("http client could not be made")]
    Client(#[source] BoxError),
}

/// A connection is given up before servers do so, the hastiest of which keep one for five seconds: a question that
/// meets a connection as it closes is lost, and nothing is asked twice.
const IDLE: Duration = Duration::from_secs(4);

/// Connections kept for the next question; a burst opens more and closes them again.
const IDLE_CONNECTIONS: usize = 32;
