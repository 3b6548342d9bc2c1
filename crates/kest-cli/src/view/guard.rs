//! Who may ask: pages that this machine's own browser opened by an address of this machine, and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use kest_http::Origin;
use url::Host;

/// Which names the page may be asked by.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The port of the page.
    port: u16,
    /// An address of any machine will do: the page was told to listen beyond this one.
    beyond: bool,
    /// Further names.
    names: Vec<Name>,
}

impl Guard {
    pub(crate) fn new(listening: SocketAddr, names: Vec<Name>) -> Self {
        Self { port: listening.port(), beyond: !is_this_machine(listening), names }
    }

    /// Lets a request pass, or says how it is refused.
    ///
    /// The name that was asked for is what tells a page of another site apart that had its own name led here (DNS
    /// rebinding): such a page asks by that name. An address cannot be led anywhere.
    pub(crate) fn check(&self, request: &Parts) -> Result<(), StatusCode> {
        if !self.is_own(request) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        if is_of_another_site(&request.headers) {
            return Err(StatusCode::FORBIDDEN);
        }
        if request.method != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        Ok(())
    }

    fn is_own(&self, request: &Parts) -> bool {
        let mut hosts = request.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
        // RFC 9112 section 3.2.2: where the target names a host, that one counts.
        if request.uri.authority().is_some_and(|asked| *asked != authority) {
            return false;
        }
        let Some((host, port)) = split(&authority) else { return false };
        self.names.iter().any(|name| name.fits(host, port))
            || port.unwrap_or(HTTP) == self.port && self.is_own_name(host)
    }

    fn is_own_name(&self, host: &str) -> bool {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        Origin::parse(&format!("http://{host}")).is_ok_and(|origin| origin.is_loopback())
            || self.beyond && literal.is_ok()
    }
}

/// Host and port, and nothing besides: a user name before them, or anything behind, is no address of ours.
fn split(authority: &Authority) -> Option<(&str, Option<u16>)> {
    let host = authority.host();
    match authority.as_str().strip_prefix(host)? {
        "" => Some((host, None)),
        rest => Some((host, Some(rest.strip_prefix(':')?.parse().ok()?))),
    }
}

/// A name that was given, by which a proxy asks: with the port of the proxy, or with any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    host: Host<String>,
    port: Option<u16>,
}

impl Name {
    fn fits(&self, host: &str, port: Option<u16>) -> bool {
        // Whether the proxy speaks TLS is not known here: a port that is not said is that of either.
        let fits = |own| port.map_or(own == HTTP || own == HTTPS, |port| port == own);
        self.port.is_none_or(fits) && host_as_spelled(host).as_ref() == Some(&self.host)
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let authority = Authority::try_from(text).map_err(|_cause| NotAName)?;
        let (host, port) = split(&authority).filter(|(_, port)| *port != Some(0)).ok_or(NotAName)?;
        Ok(Self { host: host_as_spelled(host).ok_or(NotAName)?, port })
    }
}

/// A host that a Host header has in this spelling: no escape, no short form of an address, and no letters but those of DNS.
fn host_as_spelled(text: &str) -> Option<Host<String>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let host = Host::parse(text).ok()?;
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
    let named =
        || host.to_string().eq_ignore_ascii_case(text) && text.bytes().all(plain) && !text.contains("..");
    (matches!(host, Host::Ipv6(_)) || named()).then_some(host)
}

/// A text is no name that a Host header could have.
#[derive(Debug, thiserror::Error)]
#[error("not a name as a Host header has it, such as view.internal or view.internal:8443")]
pub(crate) struct NotAName;

/// The ports that browsers do not say.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// Whether what listens there is heard by this machine alone.
pub(crate) fn is_this_machine(address: SocketAddr) -> bool {
    Origin::parse(&format!("http://{address}")).is_ok_and(|origin| origin.is_loopback())
}

/// Browsers say whether a page of another site asks. Such a page may lead its reader here, and may load nothing.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let said = |name: &'static str| headers.get(HeaderName::from_static(name)).map(HeaderValue::as_bytes);
    let leads = said("sec-fetch-mode") == Some(b"navigate") && said("sec-fetch-dest") == Some(b"document");
    said("sec-fetch-site").is_some_and(|site| site != b"same-origin" && site != b"none") && !leads
}

/// What every answer says: nothing is kept, framed, guessed or read by another site.
pub(crate) fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, nothing);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
}

/// What a refusal says besides its status.
pub(crate) fn refusal_headers(status: StatusCode, headers: &mut HeaderMap) {
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn guard(listening: &str) -> Guard {
        let names = ["view.internal", "Proxy.Internal:8443", "tls.internal:443", "[2001:db8::7]"];
        Guard::new(listening.parse().unwrap(), names.map(|name| name.parse().unwrap()).into())
    }

    #[track_caller]
    fn check(guard: &Guard, target: &str, headers: &[(&str, &str)], expected: u16) {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let status = guard.check(&parts).err().map_or(200, |status| status.as_u16());
        assert_eq!(status, expected, "{target} {headers:?}");
    }

    /// Attack: DNS rebinding. A page of another site has its name lead to this machine, and asks by it.
    #[test]
    fn page_of_a_rebound_name_is_refused() {
        let guard = guard("127.0.0.1:8088");
        for host in ["127.0.0.1:8088", "localhost:8088", "LOCALHOST:8088", "[::1]:8088", "View.Internal:8088"]
        {
            check(&guard, "/", &[("host", host)], 200);
        }
        // Other spellings of this machine, which no other site's name can have.
        for host in ["0x7f.1:8088", "localhost.:8088", "[::ffff:127.0.0.1]:8088"] {
            check(&guard, "/", &[("host", host)], 200);
        }
        for host in [
            "evil.example:8088",
            "evil.example",
            "127.0.0.1.evil.example:8088",
            "localhost.evil.example:8088",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:18088",
            "localhost:8088@evil.example",
            "evil.example@127.0.0.1:8088",
            "192.168.0.7:8088",
            "[::2]:8088",
            "",
            "a b",
        ] {
            check(&guard, "/", &[("host", host)], 421);
        }
        check(&guard, "/", &[], 421);
        check(&guard, "/", &[("host", "127.0.0.1:8088"), ("host", "evil.example")], 421);
        check(&guard, "http://evil.example/", &[("host", "127.0.0.1:8088")], 421);
        check(&guard, "http://127.0.0.1:8088/", &[("host", "127.0.0.1:8088")], 200);
    }

    /// Attack: a name that was rebound reaches a page that listens beyond this machine; addresses cannot be rebound.
    #[test]
    fn page_beyond_this_machine_is_asked_by_addresses_and_names_that_were_given() {
        let guard = guard("0.0.0.0:80");
        check(&guard, "/", &[("host", "192.168.0.7")], 200);
        check(&guard, "/", &[("host", "[2001:db8::1]:80")], 200);
        check(&guard, "/", &[("host", "evil.example")], 421);
        check(&guard, "/", &[("host", "view.internal")], 200);
    }

    /// Failure: a proxy that hands on the name it was asked by, with its own port or none, was refused.
    #[test]
    fn proxy_asks_by_the_name_that_was_given_and_its_own_port() {
        let guard = guard("127.0.0.1:8088");
        for host in [
            "view.internal",
            "view.internal:443",
            "view.internal.:8088",
            "VIEW.internal:9",
            "proxy.internal:8443",
            "tls.internal",
            "tls.internal:443",
            "[2001:db8:0::7]:8443",
        ] {
            check(&guard, "/", &[("host", host)], 200);
        }
        for host in [
            "proxy.internal",
            "proxy.internal:8088",
            "tls.internal:80",
            "tls.internal:8088",
            "view.internal:",
            "view.internal:99999",
            "view.internal.evil.example",
            "evil.view.internal",
            "view.internal@evil.example",
            "[2001:db8::8]",
        ] {
            check(&guard, "/", &[("host", host)], 421);
        }
    }

    #[test]
    fn what_no_host_header_can_say_is_not_taken_for_a_name() {
        for text in [
            "",
            " ",
            "*",
            "*.internal",
            ".",
            "a..b",
            "view%69nternal",
            "https://view.internal",
            "view.internal/",
            "view.internal:",
            "view.internal:0",
            "view.internal:65536",
            "view.internal:http",
            "me@view.internal",
            "b\u{fc}cher.example",
            "127.1",
            "1.2.3.256",
            "2001:db8::7",
            "[view.internal]",
            "view internal",
            "view%2einternal",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        assert!("xn--bcher-kva.example".parse::<Name>().is_ok());
    }

    /// Attack: another site loads a page of the log into itself, to measure or to frame it.
    #[test]
    fn another_site_may_lead_here_and_load_nothing() {
        let guard = guard("127.0.0.1:8088");
        let host = ("host", "127.0.0.1:8088");
        let of = |site, mode, dest| {
            [host, ("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]
        };
        check(&guard, "/", &of("cross-site", "navigate", "document"), 200);
        check(&guard, "/", &of("same-origin", "cors", "empty"), 200);
        check(&guard, "/", &of("none", "navigate", "document"), 200);
        for refused in [
            of("cross-site", "no-cors", "image"),
            of("cross-site", "navigate", "iframe"),
            of("same-site", "cors", "empty"),
        ] {
            check(&guard, "/", &refused, 403);
        }
    }
}
