//! Spells the list members of a baggage header: their names, where one ends, and their escapes.

use memchr::{memchr, memchr2};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::name::{Whose, may_be_read_as, whose};

pub(crate) const PASSPORT: &str = "kest.passport";
pub(crate) const PASSPORT_Z: &str = "kest.passport_z";
pub(crate) const CLAIM_CHECK: &str = "kest.claim_check";
pub(crate) const CHAIN_TIP: &str = "kest.chain_tip";
pub(crate) const USER: &str = "kest.user";
pub(crate) const AGENT: &str = "kest.agent";
pub(crate) const TASK: &str = "kest.task";

/// Whether `key` is one of the names that we write, spelled as we write it.
pub(crate) fn is_known(key: &[u8]) -> bool {
    [PASSPORT, PASSPORT_Z, CLAIM_CHECK, CHAIN_TIP, USER, AGENT, TASK]
        .iter()
        .any(|name| name.as_bytes() == key)
}

/// Whether the first `[` of `kest.passport` opens an array that may contain commas of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrays {
    /// W3C Baggage: a comma ends a member, whatever stands before it.
    Encoded,
    /// The first Python implementation: the array stands there as JSON, from `[` to the first `]`.
    Raw,
}

/// One list member, as it stands in the header and in its parts.
pub(crate) struct Member<'header> {
    /// Everything between two commas, without the blanks around it.
    pub(crate) whole: &'header [u8],
    pub(crate) key: &'header [u8],
    /// `None` when the member has no `=`.
    pub(crate) value: Option<&'header [u8]>,
}

impl<'header> Member<'header> {
    fn parse(whole: &'header [u8]) -> Self {
        // W3C Baggage 3.3.1: properties follow the first `;`; further `=` belong to the value.
        let body = memchr(b';', whole).and_then(|end| whole.get(..end)).unwrap_or(whole);
        let mut parts = body.splitn(2, |byte| *byte == b'=');
        Self {
            whole,
            key: parts.next().unwrap_or_default().trim_ascii(),
            value: parts.next().map(<[u8]>::trim_ascii),
        }
    }

    /// Whose it is.
    pub(crate) fn whose(&self) -> Whose {
        whose(self.key)
    }

    /// Whether it is foreign, and so left as it is.
    pub(crate) fn is_foreign(&self) -> bool {
        self.whose() == Whose::Others
    }

    pub(crate) fn has_token_key(&self) -> bool {
        is_known(self.key) || (!self.key.is_empty() && self.key.iter().all(|byte| is_token(*byte)))
    }
}

/// The members of one header, without the empty ones.
pub(crate) struct Members<'header> {
    rest: Option<&'header [u8]>,
    arrays: Arrays,
}

impl<'header> Members<'header> {
    pub(crate) fn of(header: &'header [u8], arrays: Arrays) -> Self {
        Self { rest: Some(header), arrays }
    }
}

impl<'header> Iterator for Members<'header> {
    type Item = Member<'header>;

    fn next(&mut self) -> Option<Self::Item> {
        // RFC 9110 section 5.6.1: empty list elements are ignored.
        loop {
            let rest = self.rest?;
            let (piece, behind) = rest.split_at_checked(end_of_member(rest, self.arrays))?;
            self.rest = behind.get(1..);
            let whole = piece.trim_ascii();
            if !whole.is_empty() {
                return Some(Member::parse(whole));
            }
        }
    }
}

fn end_of_member(rest: &[u8], arrays: Arrays) -> usize {
    let from = match arrays {
        Arrays::Encoded => 0,
        Arrays::Raw => end_of_raw_array(rest).unwrap_or(0),
    };
    let behind = rest.get(from..).unwrap_or_default();
    memchr(b',', behind).map_or(rest.len(), |length| from + length)
}

/// Where the raw array of `kest.passport` ends, at its bracket; an array that is not closed takes all that is left, so that its
/// pieces are never taken for foreign members.
fn end_of_raw_array(rest: &[u8]) -> Option<usize> {
    let (key, value) = rest.split_at_checked(memchr2(b'=', b',', rest)?)?;
    let value = value.strip_prefix(b"=")?.trim_ascii_start();
    // However its name is spelled: an array that is not cut out whole leaves pieces behind.
    if !value.starts_with(b"[") || !may_be_read_as(key.trim_ascii(), PASSPORT) {
        return None;
    }
    let close = memchr(b']', value);
    Some(close.map_or(rest.len(), |place| rest.len() - value.len() + place))
}

/// Appends `name=value`, with a comma before it where one is needed.
pub(crate) fn push_member(header: &mut String, name: &str, value: &str) {
    if !header.is_empty() {
        header.push(',');
    }
    header.push_str(name);
    header.push('=');
    header.extend(utf8_percent_encode(value, OUTSIDE_BAGGAGE_OCTET));
}

/// Undoes the escapes of a value; every one must be whole, the text UTF-8 and free of control characters.
pub(crate) fn decode(value: &[u8]) -> Result<String, EscapeError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(place) = memchr(b'%', rest) {
        let (plain, escaped) = rest.split_at_checked(place).ok_or(EscapeError)?;
        let [_percent, high, low, behind @ ..] = escaped else {
            return Err(EscapeError);
        };
        bytes.extend_from_slice(plain);
        bytes.push(nibble(*high)? * 16 + nibble(*low)?);
        rest = behind;
    }
    bytes.extend_from_slice(rest);
    let text = String::from_utf8(bytes).map_err(|_cause| EscapeError)?;
    // Without leaving early, so that the compiler looks at many bytes at a time.
    let plain = text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte));
    if !plain && text.chars().any(char::is_control) {
        return Err(EscapeError);
    }
    Ok(text)
}

fn nibble(digit: u8) -> Result<u8, EscapeError> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(EscapeError)
}

/// An escape is not whole, or what it stands for is not allowed.
#[derive(Debug)]
pub(crate) struct EscapeError;

/// W3C Baggage 3.3.1: `baggage-octet`.
pub(crate) fn is_baggage_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// RFC 7230 section 3.2.6: `tchar`.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// W3C Baggage 3.3.1: what is no `baggage-octet` is percent-encoded, and so is the percent sign itself.
const OUTSIDE_BAGGAGE_OCTET: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    fn wholes(header: &str, arrays: Arrays) -> Vec<String> {
        Members::of(header.as_bytes(), arrays)
            .map(|member| String::from_utf8_lossy(member.whole).into_owned())
            .collect()
    }

    fn parts(whole: &str) -> (String, Option<String>) {
        let member = Member::parse(whole.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(member.key), member.value.map(text))
    }

    #[test]
    fn blanks_and_empty_members_are_ignored() {
        assert_eq!(wholes(" a=1 ,, \t b=2,", Arrays::Encoded), ["a=1", "b=2"]);
        assert!(wholes(",, ,", Arrays::Encoded).is_empty());
        assert!(wholes("", Arrays::Raw).is_empty());
    }

    #[test]
    fn value_keeps_equal_signs_and_loses_properties() {
        assert_eq!(parts("a = b==; p=1;q"), ("a".to_owned(), Some("b==".to_owned())));
        assert_eq!(parts("a;p=1"), ("a".to_owned(), None));
        assert_eq!(parts("a="), ("a".to_owned(), Some(String::new())));
    }

    #[test]
    fn raw_array_is_one_member_only_where_it_is_expected() {
        let header = r#"kest.passport = ["a", "b"];p=1,c=[1,2]"#;
        assert_eq!(wholes(header, Arrays::Raw), [r#"kest.passport = ["a", "b"];p=1"#, "c=[1", "2]"]);
        assert_eq!(wholes(header, Arrays::Encoded).len(), 4);
        assert_eq!(wholes("x=1,kest.passport=[a,b=2", Arrays::Raw).len(), 2);
        assert_eq!(wholes(r#"%6Best.Passport=["a", "b"],x=1"#, Arrays::Raw).len(), 2);
        assert_eq!(wholes("x,y;kest.passport=[a,b=2", Arrays::Raw).len(), 3);
    }

    #[test]
    fn every_octet_outside_the_grammar_is_escaped_and_comes_back() {
        let text: String = (' '..='~').chain(['é', '☃', '\u{10ffff}']).collect();
        let mut header = String::new();
        push_member(&mut header, USER, &text);
        let value = header.strip_prefix("kest.user=").unwrap();
        assert!(value.bytes().all(is_baggage_octet));
        assert_eq!(decode(value.as_bytes()).unwrap(), text);
    }

    #[test]
    fn broken_escapes_are_refused() {
        for value in ["%", "%2", "%zz", "%2x", "a%", "%ff", "%c3", "%0a", "%00", "%7f", "%c2%85"] {
            assert!(decode(value.as_bytes()).is_err(), "{value}");
        }
    }
}
