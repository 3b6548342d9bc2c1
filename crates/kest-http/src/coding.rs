//! Whether an answer is coded in a way that was not asked for, and in which.

use std::fmt;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};

/// The name of a content coding, such as `gzip`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coding(Box<str>);

impl Coding {
    /// The name; `unreadable` where what was sent is not a name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first coding of the answer that is not one of ours.
    ///
    /// RFC 9110 section 8.4.1: names have no case, stand in a list, and `identity` means no coding at all.
    pub(crate) fn of_answer(headers: &HeaderMap) -> Option<Self> {
        let content = headers.get_all(CONTENT_ENCODING).into_iter().map(|value| (value, "identity"));
        // RFC 9112 section 6.1: the transfer may be chunked, which the client undoes, and nothing else.
        let transfer = headers.get_all(TRANSFER_ENCODING).into_iter().map(|value| (value, "chunked"));
        content.chain(transfer).find_map(|(value, harmless)| {
            let Ok(list) = value.to_str() else { return Some(Self::named("")) };
            let mut names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
            let is_harmless =
                |name: &&str| name.eq_ignore_ascii_case(harmless) || name.eq_ignore_ascii_case("identity");
            names.find(|name| !is_harmless(name)).map(Self::named)
        })
    }

    /// Takes no more than a name: what else stands there is the server's and goes into no log.
    fn named(name: &str) -> Self {
        let is_name = (1..=LONGEST).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        Self(if is_name { name.to_ascii_lowercase().into() } else { "unreadable".into() })
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The longest name in the registry of codings has 16 bytes.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[(&str, &[u8])], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        let found = Coding::of_answer(&headers);
        assert_eq!(found.as_ref().map(Coding::as_str), expected, "{lines:?}");
    }

    #[test]
    fn no_coding_is_no_coding_however_it_is_said() {
        check(&[], None);
        for value in [&b"identity"[..], b"Identity", b"", b" ", b",", b"identity, identity", b", IDENTITY ,"]
        {
            check(&[("content-encoding", value)], None);
        }
        check(&[("transfer-encoding", b"Chunked")], None);
    }

    #[test]
    fn coding_is_named_wherever_it_stands() {
        for (value, name) in [
            (&b"gzip"[..], "gzip"),
            (b"GZIP", "gzip"),
            (b"x-gzip", "x-gzip"),
            (b"identity, br", "br"),
            (b"zstd,identity", "zstd"),
            (b"aws-chunked", "aws-chunked"),
            (b"chunked", "chunked"),
            (b"gzip;q=1", "unreadable"),
            (b"\xff", "unreadable"),
            (b"a b", "unreadable"),
            (b"abcdefghijklmnopqrstuvwxyz0123456789", "unreadable"),
        ] {
            check(&[("content-encoding", value)], Some(name));
        }
        check(&[("content-encoding", b"identity"), ("content-encoding", b"deflate")], Some("deflate"));
        check(&[("transfer-encoding", b"gzip, chunked")], Some("gzip"));
    }
}
