//! The name of a header that a mechanism needs.

use std::borrow::Cow;
use std::fmt;

/// The name of a header, in lower case: what a mechanism declares that it needs.
///
/// ```
/// use kest_core::HeaderName;
///
/// const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// assert!(HeaderName::new("X Api Key").is_err());
/// # assert_eq!(API_KEY.as_str(), "x-api-key");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeaderName(Cow<'static, str>);

/// A text is no name of a header, or not in lower case, or one of the lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "header name is empty, over 64 bytes, not a token in lower case, or baggage, whose lineage is evidence already"
)]
pub struct HeaderNameError;

const LONGEST: usize = 64;

impl HeaderName {
    /// RFC 9110 section 11.6.2.
    pub const AUTHORIZATION: Self = Self::from_static("authorization");
    /// RFC 9449 section 4.1.
    pub const DPOP: Self = Self::from_static("dpop");

    /// Reads the name of a header; upper case counts as lower.
    ///
    /// # Errors
    ///
    /// [`HeaderNameError`] when it is no token (RFC 9110 section 5.6.2), over 64 bytes, or `baggage`: what a stranger wrote
    /// into it is no evidence, and what was proved of it is [`Evidence::lineage`](crate::Evidence::lineage).
    pub fn new(name: impl Into<String>) -> Result<Self, HeaderNameError> {
        let name = name.into().to_ascii_lowercase();
        if is_name(&name) { Ok(Self(name.into())) } else { Err(HeaderNameError) }
    }

    /// Reads a literal in lower case; in a `const`, while the program is compiled.
    ///
    /// # Panics
    ///
    /// When [`new`](Self::new) would refuse it, or it is not in lower case.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a literal that is no name is a mistake of the program")]
    pub const fn from_static(name: &'static str) -> Self {
        if is_name(name) {
            Self(Cow::Borrowed(name))
        } else {
            panic!("literal is no header name in lower case")
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "constant functions have no iterators; the index is below the length"
)]
const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > LONGEST || is_baggage(bytes) {
        return false;
    }
    let mut place = 0;
    while place < bytes.len() {
        // RFC 9110 section 5.6.2, less upper case.
        let allowed = bytes[place].is_ascii_lowercase()
            || bytes[place].is_ascii_digit()
            || matches!(
                bytes[place],
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        if !allowed {
            return false;
        }
        place += 1;
    }
    true
}

const fn is_baggage(bytes: &[u8]) -> bool {
    matches!(bytes, b"baggage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_in_lower_case() {
        assert_eq!(HeaderName::new("X-Api-Key").unwrap(), HeaderName::from_static("x-api-key"));
        for wrong in ["", "x api", "x:api", "x\n", "é", ":authority", &"x".repeat(65)] {
            assert_eq!(HeaderName::new(wrong), Err(HeaderNameError), "{wrong:?}");
        }
    }

    /// Attack: an unverified lineage read as evidence.
    #[test]
    fn baggage_cannot_be_declared() {
        assert_eq!(HeaderName::new("Baggage"), Err(HeaderNameError));
    }
}
