//! Compares the address that a proof is for with the one that was asked for.

use std::net::{Ipv4Addr, Ipv6Addr};

use kest_core::{NormalPath, RequestTarget};

/// Scheme, host and port of an address, in the one spelling that RFC 3986 sections 6.2.2 and 6.2.3 lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// Reads an origin and nothing behind it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (origin, path) = address(text)?;
        (path.as_str() == "/" && !text.contains(['?', '#'])).then_some(origin)
    }

    /// Whether it is what a client reaches under the authority `host`, which the client named itself.
    fn is_named_by(&self, host: &str) -> bool {
        let named = authority(host, self.scheme);
        let secure = self.scheme == Scheme::Https || self.is_loopback();
        secure && named.is_some_and(|(host, port)| host == self.host && port == self.port)
    }

    fn is_loopback(&self) -> bool {
        let ipv4 = self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        ipv4 || self.host == "localhost" || self.host == "[::1]"
    }
}

/// Whether a proof with this `htu` is for `target` at one of `origins`, or at the host that the client named where no
/// origin is known.
pub(super) fn is_for(htu: &str, target: RequestTarget<'_>, origins: &[Origin]) -> bool {
    let (Some((origin, path)), Ok(asked)) = (address(htu), NormalPath::parse(target.path())) else {
        return false;
    };
    let ours = match origins {
        [] => target.host().is_some_and(|host| origin.is_named_by(host)),
        origins => origins.contains(&origin),
    };
    ours && path == asked
}

/// Origin and path of an absolute address. RFC 9449 section 4.3: query and fragment are ignored.
///
/// Paths are compared in the normal form that resources are named by; what has none is for no request.
fn address(text: &str) -> Option<(Origin, NormalPath)> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let scheme = if scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else if scheme.eq_ignore_ascii_case("http") {
        Scheme::Http
    } else {
        return None;
    };
    let rest = rest.split(['?', '#']).next()?;
    let (before, path) = rest.find('/').map_or((rest, ""), |start| rest.split_at(start));
    let (host, port) = authority(before, scheme)?;
    Some((Origin { scheme, host, port }, NormalPath::parse(path).ok()?))
}

/// Host and port, without credentials: a reader of `https://us@them` must not find us in it.
fn authority(text: &str, scheme: Scheme) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = if rest.is_empty() { "" } else { rest.strip_prefix(':')? };
            (format!("[{address}]"), port)
        }
        None => {
            let (name, port) = text.split_once(':').unwrap_or((text, ""));
            let in_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if name.is_empty() || !name.bytes().all(in_names) {
                return None;
            }
            (name.to_ascii_lowercase(), port)
        }
    };
    let port = match (port, scheme) {
        ("", Scheme::Https) => 443,
        ("", Scheme::Http) => 80,
        (digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proves(htu: &str, origins: &[&str], host: Option<&str>, path: &str) -> bool {
        let origins: Vec<_> = origins.iter().map(|origin| Origin::parse(origin).unwrap()).collect();
        is_for(htu, RequestTarget::new("GET", host, path), &origins)
    }

    #[test]
    fn spellings_of_the_same_address_are_the_same() {
        for (htu, path) in [
            ("https://api.example/orders", "/orders"),
            ("HTTPS://API.Example/orders", "/orders"),
            ("https://api.example:443/orders", "/orders"),
            ("https://api.example:/orders", "/orders"),
            ("https://api.example:0443/orders", "/orders"),
            ("https://api.example/orders?page=2", "/orders"),
            ("https://api.example/orders#top", "/orders"),
            ("https://api.example/%6frders", "/orders"),
            ("https://api.example/a%3ab%7e", "/a:b~"),
            ("https://api.example/a%20b", "/a%20b"),
            ("https://api.example", "/"),
            ("https://api.example?page=2", "/"),
            ("https://api.example/", ""),
            ("https://api.example/a//b/", "/a//b/"),
        ] {
            assert!(proves(htu, &["https://api.example"], None, path), "{htu}");
            assert!(proves(htu, &["https://other.example", "https://api.example/"], None, path), "{htu}");
            assert!(proves(htu, &[], Some("api.example"), path), "{htu}");
            assert!(proves(htu, &[], Some("API.EXAMPLE:443"), path), "{htu}");
        }
    }

    #[test]
    fn another_address_is_another_one() {
        for (htu, path) in [
            ("https://api.example/orders", "/Orders"),
            ("https://api.example/orders", "/orders/"),
            ("https://api.example/orders/", "/orders"),
            ("https://api.example//orders", "/orders"),
            ("https://api.example/a%2Fb", "/a/b"),
            ("https://api.example/a%2fb", "/a%2fb"),
            ("https://api.example/a%5cb", "/a%5cb"),
            ("https://api.example/a%00", "/a%00"),
            ("https://api.example/a%25b", "/a%b"),
            ("https://api.example/a/../b", "/b"),
            ("https://api.example/a/../b", "/a/../b"),
            ("https://api.example/a/%2e%2E/b", "/b"),
            ("https://api.example/%2", "/%2"),
            ("https://api.example/ä", "/ä"),
            ("https://api.example/a b", "/a b"),
            ("https://api.example/a\tb", "/ab"),
            ("https://api.example\\@evil.example/a", "/a"),
            ("https://api.example/a", "*"),
            ("https://api.example.evil.example/a", "/a"),
            ("https://api.example./a", "/a"),
            ("https://evil.example/a", "/a"),
            ("https://api.example:8443/a", "/a"),
            ("https://api.example:80/a", "/a"),
            ("https://api.example:+443/a", "/a"),
            ("https://api.example:66979/a", "/a"),
            ("https://user@api.example/a", "/a"),
            ("https://api.example@evil.example/a", "/a"),
            ("https://api%2eexample/a", "/a"),
            ("http://api.example/a", "/a"),
            ("http://api.example:443/a", "/a"),
            ("ftp://api.example/a", "/a"),
            (" https://api.example/a", "/a"),
            ("//api.example/a", "/a"),
            ("https:/api.example/a", "/a"),
            ("https:///a", "/a"),
            ("/a", "/a"),
            ("", "/a"),
        ] {
            assert!(!proves(htu, &["https://api.example"], None, path), "{htu}");
            assert!(!proves(htu, &[], Some("api.example"), path), "{htu}");
        }
    }

    #[test]
    fn known_origins_count_and_not_what_the_client_named() {
        assert!(!proves("https://evil.example/a", &["https://api.example"], Some("evil.example"), "/a"));
        assert!(proves("https://api.example/a", &["https://api.example"], Some("10.0.0.7:8080"), "/a"));
        assert!(!proves("https://api.example/a", &[], None, "/a"));
        assert!(!proves("https://api.example/a", &[], Some("user@api.example"), "/a"));
    }

    #[test]
    fn plain_http_is_for_this_machine_only_unless_an_origin_says_so() {
        for host in ["localhost", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[0:0::1]"] {
            assert!(proves(&format!("http://{host}/a"), &[], Some(host), "/a"), "{host}");
        }
        for host in ["api.example", "10.0.0.1", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]"] {
            assert!(!proves(&format!("http://{host}/a"), &[], Some(host), "/a"), "{host}");
        }
        assert!(proves("http://10.0.0.1:8080/a", &["http://10.0.0.1:8080"], None, "/a"));
    }

    #[test]
    fn an_origin_has_nothing_behind_it() {
        for text in [
            "",
            "api.example",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://[::1",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
