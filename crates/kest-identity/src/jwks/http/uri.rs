//! Where keys and metadata may be fetched from.

use std::net::IpAddr;

use url::{Host, Url};

use super::HttpKeysError;
use super::addresses::is_nobodys;

/// Whether plain http to another machine is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainHttp {
    LoopbackOnly,
    Anywhere,
}

/// Reads a URI that the configuration gives.
pub(super) fn configured(uri: &str, plain_http: PlainHttp) -> Result<Url, HttpKeysError> {
    let uri = parse(uri)?;
    if uri.scheme() != "https" && !is_loopback(&uri) && plain_http == PlainHttp::LoopbackOnly {
        return Err(HttpKeysError::PlainHttp);
    }
    Ok(uri)
}

/// Reads a URI that the metadata of the issuer at `issuer` give.
///
/// Another host is fine, as RFC 8414 and OIDC Discovery allow: the issuer chose it over an authentic
/// connection. It may not lead from there to a connection that is not, nor into the machine or the network segment of
/// whoever reads it.
pub(super) fn published(uri: &str, issuer: &Url, plain_http: PlainHttp) -> Result<Url, HttpKeysError> {
    let uri = configured(uri, plain_http)?;
    if uri.scheme() != "https" && issuer.scheme() == "https" {
        return Err(HttpKeysError::PlainHttp);
    }
    if is_loopback(&uri) && !is_loopback(issuer) {
        return Err(HttpKeysError::Inward);
    }
    match address(&uri) {
        Some(address) if is_nobodys(address) => Err(HttpKeysError::Inward),
        Some(_) | None => Ok(uri),
    }
}

/// The issuer as a URI that well-known paths can be added to.
pub(super) fn issuer(issuer: &str, plain_http: PlainHttp) -> Result<Url, HttpKeysError> {
    let uri = configured(issuer, plain_http)?;
    // RFC 8414 section 2 and OIDC Discovery 1.0 section 3: no query and no fragment.
    if uri.query().is_some() || uri.fragment().is_some() {
        return Err(HttpKeysError::Issuer);
    }
    Ok(uri)
}

fn parse(uri: &str) -> Result<Url, HttpKeysError> {
    let uri = Url::parse(uri).map_err(|cause| HttpKeysError::Malformed(Box::new(cause)))?;
    if !matches!(uri.scheme(), "https" | "http") {
        return Err(HttpKeysError::Scheme);
    }
    if !uri.username().is_empty() || uri.password().is_some() {
        return Err(HttpKeysError::Credentials);
    }
    Ok(uri)
}

fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        // RFC 6761 section 6.3: this name is for loopback addresses and is not to be looked up.
        Some(Host::Domain(name)) => name == "localhost" || name == "localhost.",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => address(uri).is_some_and(|it| it.is_loopback()),
        None => false,
    }
}

/// The address, when the host is one; an IPv4 address in IPv6 clothes is an IPv4 address.
fn address(uri: &Url) -> Option<IpAddr> {
    match uri.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(IpAddr::from(address).to_canonical()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_the_machine() {
        let here = ["http://127.0.0.1:9/k", "http://127.9.9.9/k", "http://[::1]/k", "http://localhost:1/k"];
        for uri in here {
            assert!(configured(uri, PlainHttp::LoopbackOnly).is_ok(), "{uri}");
        }
        for uri in [
            "http://issuer.example/k",
            "http://10.0.0.1/k",
            "http://127.0.0.1.example/k",
            "http://localhost.example/k",
            "http://[::2]/k",
        ] {
            let refused = configured(uri, PlainHttp::LoopbackOnly);
            assert!(matches!(refused, Err(HttpKeysError::PlainHttp)), "{uri}");
            assert!(configured(uri, PlainHttp::Anywhere).is_ok(), "{uri}");
        }
    }

    #[test]
    fn uris_that_are_no_endpoint_are_refused() {
        let refused = |uri| configured(uri, PlainHttp::Anywhere).unwrap_err();
        assert!(matches!(refused("/k"), HttpKeysError::Malformed(_)));
        assert!(matches!(refused("file:///etc/k"), HttpKeysError::Scheme));
        assert!(matches!(refused("https://u:p@issuer.example/"), HttpKeysError::Credentials));
    }

    #[test]
    fn metadata_may_name_another_host_but_no_downgrade_and_no_way_inward() {
        let remote = Url::parse("https://issuer.example/").unwrap();
        let local = Url::parse("http://127.0.0.1:9/").unwrap();
        let secure_local = Url::parse("https://localhost/").unwrap();
        let check = |uri, issuer| match published(uri, issuer, PlainHttp::LoopbackOnly) {
            Ok(_) => "taken",
            Err(HttpKeysError::PlainHttp) => "plain http",
            Err(HttpKeysError::Inward) => "inward",
            Err(_) => "other",
        };
        for (uri, issuer, expected) in [
            ("https://issuer.example/k", &remote, "taken"),
            ("https://keys.example/k", &remote, "taken"),
            ("http://issuer.example/k", &remote, "plain http"),
            ("http://127.0.0.1/k", &remote, "plain http"),
            ("http://127.0.0.1/k", &secure_local, "plain http"),
            ("http://127.0.0.1/k", &local, "taken"),
            ("http://issuer.example/k", &local, "plain http"),
            ("https://127.0.0.1/k", &remote, "inward"),
            ("https://localhost/k", &remote, "inward"),
            ("https://localhost./k", &remote, "inward"),
            ("https://[::1]/k", &remote, "inward"),
            ("https://[::ffff:127.0.0.1]/k", &remote, "inward"),
            ("https://169.254.169.254/k", &remote, "inward"),
            ("https://169.254.169.254/k", &local, "inward"),
            ("https://0xa9fea9fe/k", &remote, "inward"),
            ("https://[fe80::1]/k", &remote, "inward"),
            ("https://[::ffff:169.254.169.254]/k", &remote, "inward"),
            ("https://0.0.0.0/k", &remote, "inward"),
            ("https://[::]/k", &remote, "inward"),
            ("https://224.0.0.1/k", &remote, "inward"),
            ("https://u:p@keys.example/k", &remote, "other"),
            ("file:///etc/k", &remote, "other"),
            ("/k", &remote, "other"),
        ] {
            assert_eq!(check(uri, issuer), expected, "{uri} of {issuer}");
        }
        let anywhere = published("http://issuer.example/k", &remote, PlainHttp::Anywhere);
        assert!(matches!(anywhere, Err(HttpKeysError::PlainHttp)), "even then no downgrade");
    }

    #[test]
    fn issuer_with_a_query_or_a_fragment_is_refused() {
        assert!(issuer("https://issuer.example/realms/shop", PlainHttp::LoopbackOnly).is_ok());
        for text in ["https://issuer.example/?a=b", "https://issuer.example/?", "https://issuer.example/#a"] {
            assert!(matches!(issuer(text, PlainHttp::LoopbackOnly), Err(HttpKeysError::Issuer)), "{text}");
        }
    }
}
