//! An origin: scheme, host and port, compared as they are spelled.

use std::fmt;

use http::Uri;
use url::{Host, Url};

use crate::BoxError;
use crate::address::is_this_machine;

/// Scheme, host and port of an http or https URL (RFC 6454 section 4).
///
/// Hosts are compared as they are spelled in the URL after its normalization, never by what they resolve to: an
/// address that happens to belong to a name is another origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    secure: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// Reads an origin such as `https://stock.internal` or `http://127.0.0.1:8080`, and nothing longer.
    ///
    /// # Errors
    ///
    /// [`OriginError`] when it is not http or https, or names more than an origin.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|cause| OriginError::NotAUrl(cause.into()))?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(OriginError::MoreThanAnOrigin);
        }
        Self::of(&url).ok_or(OriginError::NotHttp)
    }

    /// The origin of `url`; none unless it is http or https with a host.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self { secure, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// The origin that a request to `uri` goes to; none unless it is http or https with a host and a port that can be read.
    ///
    /// The host is taken as it is spelled, since so does what connects: no escape is decoded and no short form of an address
    /// completed. Only capital letters are equal to small ones, and an IPv6 address to its other forms.
    #[must_use]
    pub fn of_uri(uri: &Uri) -> Option<Self> {
        let (secure, default) = match uri.scheme_str()? {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return None,
        };
        let authority = uri.authority()?;
        let host_and_port = authority.as_str().rsplit('@').next()?;
        let port = match host_and_port.strip_prefix(authority.host())? {
            "" => default,
            _ => authority.port_u16()?,
        };
        Some(Self { secure, host: host_as_spelled(authority.host())?, port })
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.secure
    }

    /// Whether it is on this machine: an address in 127.0.0.0/8, `::1`, one of the former written as IPv6, or
    /// `localhost`, which this crate does not look up.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_this_machine(&self.host)
    }
}

fn host_as_spelled(host: &str) -> Option<Host<String>> {
    if let Some(address) = host.strip_prefix('[') {
        return Some(Host::Ipv6(address.strip_suffix(']')?.parse().ok()?));
    }
    let name = || (!host.is_empty()).then(|| Host::Domain(host.to_ascii_lowercase()));
    host.parse().map(Host::Ipv4).ok().or_else(name)
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.host)?;
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => Ok(()),
            (_, port) => write!(formatter, ":{port}"),
        }
    }
}

/// A text is no origin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Not a URL at all.
    #[error("origin is no url")]
    NotAUrl(#[source] BoxError),
    /// Another scheme than http and https, or no host.
    #[error("origin is not http or https")]
    NotHttp,
    /// A path, a query, a fragment or credentials.
    #[error("text is more than an origin")]
    MoreThanAnOrigin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_written_as_it_is_read() {
        for text in ["https://a.example", "http://127.0.0.1:8080", "http://[::1]:1", "https://a.example:80"] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Origin::parse("https://A.example:443/").unwrap().to_string(), "https://a.example");
    }

    #[test]
    fn origin_of_a_request_is_what_it_spells() {
        let of = |uri: &str| Origin::of_uri(&uri.parse().unwrap()).map(|origin| origin.to_string());
        for (uri, origin) in [
            ("https://a.example/x?y=1", "https://a.example"),
            ("https://A.example:443", "https://a.example"),
            ("http://user:secret@a.example:80/", "http://a.example"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[0:0::1]:1/", "http://[::1]:1"),
            ("http://127.1/", "http://127.1"),
            ("http://0x7f.1/", "http://0x7f.1"),
        ] {
            assert_eq!(of(uri).as_deref(), Some(origin), "{uri}");
        }
        // Short forms of an address are names here, and those of a URL are addresses.
        assert_ne!(Origin::parse("http://127.1").ok(), Origin::of_uri(&"http://127.1".parse().unwrap()));
        for other in
            ["/x", "*", "a.example:443", "ftp://a.example/", "http://a.example:/", "http://[::1%25a]/"]
        {
            let origin = other.parse().ok().and_then(|uri| Origin::of_uri(&uri));
            assert_eq!(origin, None, "{other}");
        }
    }

    #[test]
    fn loopback_is_told_from_what_looks_like_it() {
        for text in [
            "http://127.0.0.1",
            "http://127.1",
            "http://0x7f.1",
            "http://2130706433",
            "http://127.9.9.9:1",
            "http://[::1]",
            "http://[::ffff:7f00:1]",
            "http://localhost",
            "http://LOCALHOST.:8080",
        ] {
            assert!(Origin::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in [
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://a.localhost",
            "http://[::2]",
            "http://[::7f00:1]",
            "http://[64:ff9b::7f00:1]",
            "http://0.0.0.0",
        ] {
            assert!(!Origin::parse(text).unwrap().is_loopback(), "{text}");
        }
    }
}
