//! Says to whom a passport may go: exact origins, nothing that merely looks like one.

use kest_core::BoxError;
use kest_http::{Origin, OriginError};
use url::Url;

/// One origin that passports may be sent to: scheme, host and port (RFC 6454 section 4).
///
/// Hosts are compared as they are spelled in the URL after its normalization, never by what they resolve to: an
/// address that happens to belong to a listed name is not listed.
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

    /// The origin of `url`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Origin::of(url).map(Self)
    }
}

/// A text is no origin.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_compare_by_scheme_host_and_port() {
        let listed = Destination::origin("https://Stock.Internal").unwrap();
        let of = |url: &str| Destination::of(&Url::parse(url).unwrap());
        assert_eq!(of("https://stock.internal:443/items?x=1"), Some(listed.clone()));
        for other in [
            "http://stock.internal/",
            "https://stock.internal:8443/",
            "https://stock.internal./",
            "https://stock.internal.evil.example/",
            "https://stock.internal@evil.example/",
            "https://10.0.0.7/",
        ] {
            assert_ne!(of(other), Some(listed.clone()), "{other}");
        }
    }

    #[test]
    fn plain_http_to_another_machine_must_be_said_aloud() {
        for here in [
            "http://127.0.0.1:1",
            "http://127.1",
            "http://[::1]:1",
            "http://[::ffff:7f00:1]:1",
            "http://localhost",
            "http://localhost.:8080",
            "https://stock.internal",
        ] {
            assert!(Destination::origin(here).is_ok(), "{here}");
        }
        for other in [
            "http://stock.internal",
            "http://10.0.0.7",
            "http://a.localhost",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://0.0.0.0:1",
            "http://[64:ff9b::7f00:1]",
        ] {
            assert!(matches!(Destination::origin(other), Err(DestinationError::PlainHttp)), "{other}");
            assert!(Destination::dangerous_plain_http(other).is_ok(), "{other}");
        }
    }

    #[test]
    fn only_whole_origins_can_be_listed() {
        assert!(matches!(
            Destination::origin("https://a.example/path"),
            Err(DestinationError::MoreThanAnOrigin)
        ));
        assert!(matches!(Destination::origin("ftp://a.example"), Err(DestinationError::NotHttp)));
        assert!(matches!(Destination::origin("a.example"), Err(DestinationError::NotAUrl(_))));
    }
}
