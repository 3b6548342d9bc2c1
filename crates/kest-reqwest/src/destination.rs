//! Says to whom a passport may go: exact origins, nothing that merely looks like one.

use url::Url;

/// One origin that passports may be sent to: scheme, host and port (RFC 6454 section 4).
///
/// Hosts are compared as they are spelled in the URL after its normalization, never by what they resolve to: an
/// address that happens to belong to a listed name is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    scheme: String,
    host: String,
    port: u16,
}

impl Destination {
    /// Reads an origin such as `https://stock.internal` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not http or https, or names more than an origin.
    pub fn origin(origin: &str) -> Result<Self, DestinationError> {
        let url = Url::parse(origin).map_err(DestinationError::NotAUrl)?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(DestinationError::MoreThanAnOrigin);
        }
        Self::of(&url).ok_or(DestinationError::NotHttp)
    }

    /// The origin of `url`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }
}

/// A text is no origin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// Not a URL at all.
    #[error("destination is no url")]
    NotAUrl(#[source] url::ParseError),
    /// Another scheme than http and https, or no host.
    #[error("destination is not http or https")]
    NotHttp,
    /// A path, a query, a fragment or credentials: only whole origins can be listed.
    #[error("destination is more than an origin")]
    MoreThanAnOrigin,
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
    fn only_whole_origins_can_be_listed() {
        assert!(matches!(
            Destination::origin("https://a.example/path"),
            Err(DestinationError::MoreThanAnOrigin)
        ));
        assert!(matches!(Destination::origin("ftp://a.example"), Err(DestinationError::NotHttp)));
        assert!(matches!(Destination::origin("a.example"), Err(DestinationError::NotAUrl(_))));
    }
}
