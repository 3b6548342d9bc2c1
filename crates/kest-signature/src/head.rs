//! What of a request is asked for: its method and its target, as they travel.

use std::fmt;

use http::{Method, Uri};

/// Method and target of a request. Together with the headers it is all that a signature covers but the body.
///
/// A server gives the target as it came, before any router cut a prefix off.
#[derive(Clone, Copy)]
pub struct RequestHead<'request> {
    method: &'request Method,
    uri: &'request Uri,
}

impl<'request> RequestHead<'request> {
    /// The head of a request with this method and target. The authority is read from the target and from `Host`, which is
    /// among the headers.
    #[must_use]
    pub fn of(method: &'request Method, uri: &'request Uri) -> Self {
        Self { method, uri }
    }

    /// The head of `request`.
    #[must_use]
    pub fn of_request<B>(request: &'request http::Request<B>) -> Self {
        Self::of(request.method(), request.uri())
    }

    pub(crate) fn method(&self) -> &'request str {
        self.method.as_str()
    }

    pub(crate) fn uri(&self) -> &'request Uri {
        self.uri
    }

    /// RFC 9421 section 2.2.6: byte for byte; an empty path is `/`.
    pub(crate) fn path(&self) -> &'request str {
        match self.uri.path() {
            "" => "/",
            path => path,
        }
    }

    /// RFC 9421 section 2.2.7: byte for byte, with the question mark that stands there even without a query.
    pub(crate) fn write_query(&self, text: &mut String) {
        text.push('?');
        text.push_str(self.uri.query().unwrap_or_default());
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Targets can hold secrets, such as a token in a query.
        formatter.debug_struct("RequestHead").field("method", self.method).finish_non_exhaustive()
    }
}
