//! Where an engine next door listens, and addresses that cannot leave what lies below it.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use super::RemoteConfigError;

/// The base of every question.
#[derive(Debug, Clone)]
pub(crate) struct Address(Url);

/// Where plain http may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    ThisMachine,
    Anywhere,
}

impl Address {
    pub(crate) fn parse(base: &str, plain_http: PlainHttp) -> Result<Self, RemoteConfigError> {
        let url = Url::parse(base).map_err(|cause| RemoteConfigError::Malformed(cause.into()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(RemoteConfigError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RemoteConfigError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RemoteConfigError::Trailer);
        }
        if url.scheme() == "http" && plain_http == PlainHttp::ThisMachine && !is_loopback(&url) {
            return Err(RemoteConfigError::PlainHttp);
        }
        Ok(Self(url))
    }

    /// The address `segments` below this one, each taken literally; none if that cannot be said in a path.
    pub(crate) fn below(&self, segments: &[&str]) -> Option<Url> {
        let mut text = self.0.as_str().trim_end_matches('/').to_owned();
        for &segment in segments {
            // RFC 3986 section 6.2.2.3: dot segments are removed, encoded ones too by many; empty ones are merged.
            if matches!(segment, "" | "." | "..") {
                return None;
            }
            text.push('/');
            text.extend(utf8_percent_encode(segment, RESERVED));
        }
        Url::parse(&text).ok().filter(|url| url.as_str() == text)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let number = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match number.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // RFC 6761 section 6.3: this name is for loopback addresses and is not to be looked up.
        Err(_) => host == "localhost",
    }
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn local(base: &str) -> Result<Address, RemoteConfigError> {
        Address::parse(base, PlainHttp::ThisMachine)
    }

    #[test]
    fn plain_http_stays_on_the_machine() {
        for base in
            ["http://127.0.0.1:8181", "http://127.9.9.9/x", "http://[::1]:1/", "http://localhost:8180"]
        {
            assert!(local(base).is_ok(), "{base}");
        }
        for base in [
            "http://opa.example",
            "http://10.0.0.1:8181",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://[::2]/",
        ] {
            assert!(matches!(local(base), Err(RemoteConfigError::PlainHttp)), "{base}");
            assert!(Address::parse(base, PlainHttp::Anywhere).is_ok(), "{base}");
        }
        assert!(local("https://opa.example").is_ok());
    }

    #[test]
    fn bases_that_are_no_address_are_refused() {
        assert!(matches!(local("127.0.0.1"), Err(RemoteConfigError::Malformed(_))));
        assert!(matches!(local("unix:///run/opa.sock"), Err(RemoteConfigError::Scheme)));
        assert!(matches!(local("https://u:p@opa.example"), Err(RemoteConfigError::Credentials)));
        assert!(matches!(local("https://u@opa.example"), Err(RemoteConfigError::Credentials)));
        assert!(matches!(local("https://opa.example/?x"), Err(RemoteConfigError::Trailer)));
        assert!(matches!(local("https://opa.example/#x"), Err(RemoteConfigError::Trailer)));
    }

    #[test]
    fn segments_that_try_to_leave_the_base_are_taken_literally() {
        for base in ["http://localhost:1", "http://localhost:1/", "http://localhost:1/behind"] {
            let address = local(base).unwrap();
            for (segment, encoded) in [
                ("%2e%2e", "%252e%252e"),
                ("a?b", "a%3Fb"),
                ("a#b", "a%23b"),
                ("%2f", "%252f"),
                ("a b", "a%20b"),
                ("..\\..", "..%5C.."),
                ("\r\n", "%0D%0A"),
                ("\u{e9}", "%C3%A9"),
                ("@evil:80", "%40evil%3A80"),
                (";x", "%3Bx"),
                ("...", "..."),
            ] {
                let url = address.below(&["v1", segment]).unwrap();
                let expected = format!("{}/v1/{encoded}", base.trim_end_matches('/'));
                assert_eq!(url.as_str(), expected);
            }
        }
    }

    #[test]
    fn dots_and_nothing_are_no_segments() {
        for segment in ["", ".", ".."] {
            assert_eq!(local("http://localhost").unwrap().below(&["v1", segment, "x"]), None, "{segment:?}");
        }
    }
}
