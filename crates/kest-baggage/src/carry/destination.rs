//! Says to whom a passport may go: exact origins, nothing that merely looks like one.

use std::fmt;

use http::Uri;
use kest_core::BoxError;
use kest_http::{Origin, OriginError};

/// One origin that passports may be sent to: scheme, host and port (RFC 6454 section 4).
///
/// Hosts are compared as they are spelled in the URL after its normalization, never by what they resolve to: an
/// address that happens to belong to a listed name is not listed. `localhost` counts as this machine (RFC 6761 section 6.3); a
/// client that looks it up elsewhere is given `127.0.0.1` instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination(Origin);

impl Destination {
    /// Reads an origin such as `https://stock.internal` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not http or https, names more than an origin, or is plain http to another
    /// machine.
    pub fn origin(origin: &str) -> Result<Self, DestinationError> {
        let destination = Self::dangerous_plain_http(origin)?;
        let Self(origin) = &destination;
        if origin.is_https() || origin.is_loopback() {
            Ok(destination)
        } else {
            Err(DestinationError::PlainHttp)
        }
    }

    /// Reads an origin that stands in the program.
    ///
    /// # Panics
    ///
    /// When [`origin`](Self::origin) would refuse it, with the literal and the line.
    #[must_use]
    #[track_caller]
    pub fn from_static(origin: &'static str) -> Self {
        kest_core::literal(origin, Self::origin(origin))
    }

    /// Reads an origin that may be plain http even on another machine, such as a service behind a mesh that encrypts.
    ///
    /// What sits on the way can then read every passport and send it on as its own.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not http or https, or names more than an origin.
    pub fn dangerous_plain_http(origin: &str) -> Result<Self, DestinationError> {
        Origin::parse(origin).map(Self).map_err(|cause| match cause {
            OriginError::NotAUrl(cause) => DestinationError::NotAUrl(cause),
            OriginError::NotHttp => DestinationError::NotHttp,
            OriginError::MoreThanAnOrigin => DestinationError::MoreThanAnOrigin,
            other => DestinationError::NotAUrl(Box::new(other)),
        })
    }

    /// The origin that a request to `uri` goes to.
    pub(crate) fn of_uri(uri: &Uri) -> Option<Self> {
        Origin::of_uri(uri).map(Self)
    }
}

impl From<Origin> for Destination {
    /// The destination of a request whose URL has this origin, for comparing; it says nothing about whether one may be listed.
    fn from(origin: Origin) -> Self {
        Self(origin)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(origin) = self;
        origin.fmt(formatter)
    }
}

/// A text is not an origin that passports may be sent to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// Not a URL at all.
    #[error("destination is no url")]
    NotAUrl(#[source] BoxError),
    /// Another scheme than http and https, or no host.
    #[error("destination is not http or https")]
    NotHttp,
    /// A path, a query, a fragment or credentials: only whole origins can be listed.
    #[error("destination is more than an origin")]
    MoreThanAnOrigin,
    /// Plain http to another machine lets what sits on the way read passports.
    #[error("destination is plain http to another machine")]
    PlainHttp,
}
