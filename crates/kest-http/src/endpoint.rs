//! Where a question may go: https, or this machine.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::address::{Reach, is_this_machine};
use crate::origin::Origin;
use crate::{BoxError, EndpointError as Error};

/// A place to ask: an absolute https URL, or an http one on this machine.
///
/// ```
/// use kest_http::{Endpoint, EndpointError};
///
/// assert!(Endpoint::parse("https://opa.example/v1").is_ok());
/// assert!(Endpoint::parse("http://localhost:8181/v1").is_ok());
/// let refused = Endpoint::parse("http://opa.example/v1");
/// assert!(matches!(refused, Err(EndpointError::PlainHttp)));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
    plain_http: PlainHttp,
}

/// Where plain http may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PlainHttp {
    ThisMachine,
    Anywhere,
}

impl Endpoint {
    /// Reads an endpoint that the configuration gives.
    ///
    /// # Errors
    ///
    /// [`EndpointError`](Error) when it is not a URL of that kind.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text, PlainHttp::ThisMachine)
    }

    /// Reads an endpoint that may be plain http even on another machine.
    ///
    /// What sits on the way can then read every question and replace every answer.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn dangerous_plain_http(text: &str) -> Result<Self, Error> {
        Self::read(text, PlainHttp::Anywhere)
    }

    /// Reads an endpoint that the answer of this one gave, such as the `jwks_uri` of an issuer's metadata.
    ///
    /// Another host is fine: this endpoint chose it over a connection that is trusted. It may not lead from there to
    /// a connection that is not, nor inward, unless it stays on its own origin. Ask another origin with a client of
    /// [`reach_of_published`](Self::reach_of_published), so that what its name resolves to is judged as well.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); [`PlainHttp`](Error::PlainHttp) also for the way from https to http, and
    /// [`PrivateAddress`](Error::PrivateAddress).
    pub fn published(&self, text: &str) -> Result<Self, Error> {
        let other = Self::read(text, self.plain_http)?;
        if self.is_https() && !other.is_https() {
            return Err(Error::PlainHttp);
        }
        let allowed = other.origin() == self.origin() || other.may_lie_within(self.reach_of_published());
        if allowed { Ok(other) } else { Err(Error::PrivateAddress) }
    }

    /// The reach of a client for endpoints that this one publishes.
    #[must_use]
    pub fn reach_of_published(&self) -> Reach {
        if self.is_loopback() { Reach::PublicOrLoopback } else { Reach::Public }
    }

    /// The endpoint `segments` below this one, each taken literally; none if that cannot be said in a path.
    #[must_use]
    pub fn below(&self, segments: &[&str]) -> Option<Self> {
        let mut text = self.as_str().trim_end_matches('/').to_owned();
        for &segment in segments {
            // RFC 3986 section 6.2.2.3: dot segments are removed, encoded ones too by many; empty ones are merged.
            if matches!(segment, "" | "." | "..") {
                return None;
            }
            text.push('/');
            text.extend(utf8_percent_encode(segment, RESERVED));
        }
        let url = Url::parse(&text).ok().filter(|url| url.as_str() == text)?;
        Some(Self { url, plain_http: self.plain_http })
    }

    /// The endpoint of the same origin at `path`.
    #[must_use]
    pub fn at_path(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(path);
        Self { url, plain_http: self.plain_http }
    }

    /// Its path, as it is sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The whole URL. A query may hold an access key: keep it out of logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Its host as it is spelled in the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(&self.url)
    }

    /// Whether it has a query or a fragment, below which nothing can lie.
    #[must_use]
    pub fn has_query_or_fragment(&self) -> bool {
        self.url.query().is_some() || self.url.fragment().is_some()
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.url.host().is_some_and(|host| is_this_machine(&host))
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether its host is within `reach`, as far as the host itself says; names are judged when they are looked up.
    pub(crate) fn may_lie_within(&self, reach: Reach) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => reach.admits(address.into()),
            Some(Host::Ipv6(address)) => reach.admits(address.into()),
            Some(Host::Domain(_)) => reach != Reach::Public || !self.is_loopback(),
            None => false,
        }
    }

    fn read(text: &str, plain_http: PlainHttp) -> Result<Self, Error> {
        // The URL standard drops some of these and turns others, so that a text is not what it looks like.
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'\\') {
            return Err(Error::Malformed("a blank, a control character or a backslash".into()));
        }
        let url = Url::parse(text).map_err(|cause| Error::Malformed(cause.into()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Error::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Credentials);
        }
        let read = Self { url, plain_http };
        if !read.is_https() && !read.is_loopback() && plain_http == PlainHttp::ThisMachine {
            return Err(Error::PlainHttp);
        }
        Ok(read)
    }
}

/// Shows the origin only: a query may hold an access key.
impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin().map(|origin| origin.to_string());
        formatter.debug_struct("Endpoint").field("origin", &origin).finish_non_exhaustive()
    }
}

/// A text is no endpoint to ask.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not an absolute URL with a host.
    #[error("endpoint is malformed")]
    Malformed(#[source] BoxError),
    /// Another scheme than https or http.
    #[error("endpoint is neither https nor http")]
    Scheme,
    /// User name or password in the URL would end up in places that are not meant for secrets.
    #[error("endpoint carries credentials")]
    Credentials,
    /// Plain http to another machine lets what sits on the way read questions and replace answers.
    #[error("endpoint on another machine must be https")]
    PlainHttp,
    /// A server named an endpoint on this machine or in its network segment.
    #[error("endpoint leads to a private address")]
    PrivateAddress,
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
#[path = "endpoint/tests.rs"]
mod tests;
