//! Brings the path of an address into its one spelling, or refuses it.

use std::fmt;

/// A path in which every character is spelled in one way only.
///
/// Routers and handlers decode escapes once; policies and proofs compare text. Two spellings that a handler would serve
/// as one thing therefore have one normal form, or none: escapes of what may stand in a segment are decoded, all other
/// octets are escapes with upper-case digits (RFC 3986 section 6.2.2). Dot segments are not resolved but refused, since
/// routers differ in whether they resolve them; so are broken escapes, backslashes, control characters, what is no UTF-8,
/// and escaped slashes, which are one segment to a router and two to its handler.
///
/// ```
/// use kest_core::NormalPath;
///
/// assert_eq!(NormalPath::parse("/docs/%73ecret%3a1").unwrap().as_str(), "/docs/secret:1");
/// assert_eq!(NormalPath::parse("/caf\u{e9}").unwrap(), NormalPath::parse("/caf%c3%a9").unwrap());
/// for refused in ["/docs/%2e%2e/secret", "/docs%2Fsecret", "/docs\\secret", "/%00", "/%7", "docs"] {
///     assert!(NormalPath::parse(refused).is_err());
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NormalPath(String);

impl NormalPath {
    /// Reads a path as it stands in an address, without query and fragment. An empty one is `/`: RFC 9110 section 4.2.3.
    ///
    /// # Errors
    ///
    /// [`PathError`] when it has no one spelling.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        if path.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        if !path.starts_with('/') {
            return Err(PathError::Relative);
        }
        let mut normal = Vec::with_capacity(path.len());
        let mut bytes = path.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => {
                    let high = bytes.next().and_then(hexadecimal).ok_or(PathError::Escape)?;
                    let low = bytes.next().and_then(hexadecimal).ok_or(PathError::Escape)?;
                    let octet = high * 16 + low;
                    if octet == b'/' {
                        return Err(PathError::Separator);
                    }
                    push(&mut normal, octet)?;
                }
                b'/' => normal.push(byte),
                b'?' | b'#' => return Err(PathError::Character),
                _ => push(&mut normal, byte)?,
            }
        }
        Self::checked(normal)
    }

    /// The path of these segments, each of them decoded text, such as a router's path parameters.
    ///
    /// # Errors
    ///
    /// [`PathError`] for a segment that a path could not have: an empty one, one of dots, one with a slash in it.
    pub fn of_segments<Segment: AsRef<str>>(
        segments: impl IntoIterator<Item = Segment>,
    ) -> Result<Self, PathError> {
        let mut normal = Vec::new();
        for segment in segments {
            let segment = segment.as_ref();
            if segment.is_empty() {
                return Err(PathError::EmptySegment);
            }
            normal.push(b'/');
            for byte in segment.bytes() {
                if byte == b'/' {
                    return Err(PathError::Separator);
                }
                push(&mut normal, byte)?;
            }
        }
        if normal.is_empty() {
            return Err(PathError::EmptySegment);
        }
        Self::checked(normal)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same without a slash at its end, where no segment is empty: what a resource is called by.
    ///
    /// Whether `//` and a slash at the end mean anything is up to the server of the path, so a name must not depend on it.
    pub(crate) fn without_empty_segments(&self) -> Result<&str, PathError> {
        let trimmed = self.0.strip_suffix('/').unwrap_or(&self.0);
        if trimmed.is_empty() {
            return Ok("/");
        }
        if trimmed.split('/').skip(1).any(str::is_empty) { Err(PathError::EmptySegment) } else { Ok(trimmed) }
    }

    fn checked(normal: Vec<u8>) -> Result<Self, PathError> {
        let normal = String::from_utf8(normal).map_err(|_cause| PathError::Character)?;
        // Parameters do not make another segment of it: some servers cut them off before they resolve dots.
        let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        if normal.split('/').any(dots) {
            return Err(PathError::DotSegment);
        }
        if is_text(&normal) { Ok(Self(normal)) } else { Err(PathError::Escape) }
    }
}

impl fmt::Display for NormalPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Adds one decoded octet in its normal spelling.
fn push(normal: &mut Vec<u8>, octet: u8) -> Result<(), PathError> {
    match octet {
        b'\\' => return Err(PathError::Separator),
        0..=0x1f | 0x7f => return Err(PathError::Character),
        _ if is_plain(octet) => normal.push(octet),
        _ => normal.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet & 0xf)]),
    }
    Ok(())
}

/// Whether what the escapes of a normal path stand for is UTF-8.
fn is_text(normal: &str) -> bool {
    !normal.contains('%') || percent_encoding::percent_decode_str(normal).decode_utf8().is_ok()
}

/// RFC 3986 section 3.3: `pchar` that needs no escape.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&octet)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'A' + (value - 10) }
}

/// A path has no one spelling, so that two readers may take it for two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("path does not begin with a slash")]
    Relative,
    /// An escape is not whole, or escapes stand for what is no UTF-8.
    #[error("path has a broken escape")]
    Escape,
    /// A control character, or a query or fragment that is no part of a path.
    #[error("path has a character that no path has")]
    Character,
    /// A backslash, or a slash that is escaped or stands inside a segment.
    #[error("path has a separator inside of a segment")]
    Separator,
    /// A segment `.` or `..`, however it is spelled.
    #[error("path has a dot segment")]
    DotSegment,
    /// A segment without text.
    #[error("path has an empty segment")]
    EmptySegment,
}

impl PathError {
    /// The kind, for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Relative => "path_relative",
            Self::Escape => "path_escape",
            Self::Character => "path_character",
            Self::Separator => "path_separator",
            Self::DotSegment => "path_dot_segment",
            Self::EmptySegment => "path_empty_segment",
        }
    }
}

#[cfg(test)]
#[path = "path/tests.rs"]
mod tests;
