//! The authority of a request in its one spelling: RFC 9421 section 2.2.3.

use std::fmt;

use http::HeaderMap;
use http::header::HOST;
use http::uri::Scheme;

use crate::{Fault, RequestHead};

/// A host and perhaps a port, in lower case and without a default port.
///
/// Which port is the default depends on the scheme, and a server behind a proxy that ends TLS does not know the one that
/// was used. A server therefore leaves out `:80` and `:443` alike, in what it is called and in what was asked for; a client
/// leaves out the one of its scheme. The two agree on all addresses but `http` on port 443 and `https` on port 80, which
/// are refused. IPv6 addresses are compared as they are spelled.
///
/// ```
/// use kest_signature::Authority;
/// assert_eq!(Authority::parse("API.Example:443")?, Authority::parse("api.example")?);
/// assert_eq!(Authority::parse("[::1]:8080")?.as_str(), "[::1]:8080");
/// assert!(Authority::parse("user@api.example").is_err());
/// # Ok::<(), kest_signature::Fault>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority(String);

impl Authority {
    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    ///
    /// [`Fault::Authority`] for anything else, such as credentials before the host.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::without(text, &[80, 443])
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a client calls the server that it is about to ask: a `Host` of its own is what travels with HTTP/1.1.
    pub(crate) fn of_outgoing(head: &RequestHead<'_>, headers: &HeaderMap) -> Result<Self, Fault> {
        let named = host(headers)?.or_else(|| head.uri().authority().map(|it| it.as_str()));
        let defaults: &[u16] = match head.uri().scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => &[80],
            Some(scheme) if *scheme == Scheme::HTTPS => &[443],
            Some(_) | None => &[80, 443],
        };
        Self::without(named.ok_or(Fault::Authority)?, defaults)
    }

    /// What a server was called.
    ///
    /// RFC 9112 section 3.2.2 and RFC 9113 section 8.3.1: the target's authority counts, and a `Host` beside it has to be
    /// the same. A handler may look at either, so one that differs is refused rather than ignored.
    pub(crate) fn of_incoming(head: &RequestHead<'_>, headers: &HeaderMap) -> Result<Self, Fault> {
        let target = head.uri().authority().map(|it| Self::parse(it.as_str())).transpose()?;
        let host = host(headers)?.map(Self::parse).transpose()?;
        match (target, host) {
            (Some(target), Some(host)) if target != host => Err(Fault::AuthorityDiffers),
            (Some(named), _) | (None, Some(named)) => Ok(named),
            (None, None) => Err(Fault::Authority),
        }
    }

    fn without(text: &str, defaults: &[u16]) -> Result<Self, Fault> {
        let (host, port) = split(text).ok_or(Fault::Authority)?;
        let mut normal = host.to_ascii_lowercase();
        if let Some(port) = port.filter(|port| !defaults.contains(port)) {
            normal.push(':');
            normal.push_str(&port.to_string());
        }
        Ok(Self(normal))
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The one `Host`, if there is any. RFC 9112 section 3.2: a second one is an error.
fn host(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let mut lines = headers.get_all(HOST).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Fault::HeaderTwice);
    }
    line.to_str().map(Some).map_err(|_same_reason| Fault::Authority)
}

/// Host and port, if they have the form of RFC 3986 section 3.2 without escapes and credentials.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(end)?;
    let is_fit = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_in_names),
    };
    if !is_fit {
        return None;
    }
    match rest.strip_prefix(':') {
        None => rest.is_empty().then_some((host, None)),
        Some("") => Some((host, None)),
        Some(digits) => {
            let port: u16 = digits.parse().ok()?;
            // One spelling: neither a sign nor a zero in front.
            (port.to_string() == digits).then_some((host, Some(port)))
        }
    }
}

fn is_in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, Uri};

    use super::*;

    #[test]
    fn spellings_of_one_authority_are_the_same() {
        for (text, normal) in [
            ("api.example", "api.example"),
            ("API.Example", "api.example"),
            ("api.example:", "api.example"),
            ("api.example:80", "api.example"),
            ("api.example:443", "api.example"),
            ("api.example:8080", "api.example:8080"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]", "[::1]"),
            ("[2001:DB8::1]:443", "[2001:db8::1]"),
            ("[::1]:65535", "[::1]:65535"),
            ("my_service-2", "my_service-2"),
        ] {
            assert_eq!(Authority::parse(text).unwrap().as_str(), normal, "{text}");
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for text in [
            "",
            ":",
            ":80",
            "a b",
            "a,b",
            "user@a",
            "a/b",
            "a:b",
            "a:0080",
            "a:+80",
            "a:65536",
            "a:80:80",
            "[::1",
            "[::1]8",
            "[]",
            "[::g]",
            "::1",
            "caf\u{e9}",
            "a%2eb",
            "a\\b",
            "a?b",
            "a#b",
        ] {
            assert_eq!(Authority::parse(text), Err(Fault::Authority), "{text}");
        }
    }

    fn asked(uri: &str, hosts: &[&str]) -> Result<String, Fault> {
        of(uri, hosts, Authority::of_incoming)
    }

    fn sent(uri: &str, hosts: &[&str]) -> Result<String, Fault> {
        of(uri, hosts, Authority::of_outgoing)
    }

    fn of(
        uri: &str,
        hosts: &[&str],
        read: fn(&RequestHead<'_>, &HeaderMap) -> Result<Authority, Fault>,
    ) -> Result<String, Fault> {
        let uri: Uri = uri.parse().unwrap();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        read(&RequestHead::of(&Method::GET, &uri), &headers).map(|it| it.0)
    }

    #[test]
    fn target_and_host_must_agree_where_a_request_has_both() {
        assert_eq!(asked("/a", &["API.example:80"]), Ok("api.example".into()));
        assert_eq!(asked("https://api.example/a", &[]), Ok("api.example".into()));
        assert_eq!(asked("https://api.example/a", &["api.example:443"]), Ok("api.example".into()));
        assert_eq!(asked("https://api.example/a", &["other.example"]), Err(Fault::AuthorityDiffers));
        assert_eq!(asked("https://api.example/a", &["api.example", "api.example"]), Err(Fault::HeaderTwice));
        assert_eq!(asked("/a", &["api.example", "other.example"]), Err(Fault::HeaderTwice));
        assert_eq!(asked("/a", &[""]), Err(Fault::Authority));
        assert_eq!(asked("/a", &[]), Err(Fault::Authority));
    }

    #[test]
    fn a_client_names_the_server_as_the_wire_will() {
        assert_eq!(sent("http://api.example:80/a", &[]), Ok("api.example".into()));
        assert_eq!(sent("https://api.example:443/a", &[]), Ok("api.example".into()));
        assert_eq!(sent("http://api.example:443/a", &[]), Ok("api.example:443".into()));
        assert_eq!(sent("http://10.0.0.7:8080/a", &["Api.Example"]), Ok("api.example".into()));
        assert_eq!(sent("https://user:pw@api.example/a", &[]), Err(Fault::Authority));
        assert_eq!(sent("/a", &[]), Err(Fault::Authority));
    }
}
