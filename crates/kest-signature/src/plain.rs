//! The quick reader of signature headers: it knows the one spelling that [`fields::add`](crate::fields::add) writes, and leaves
//! the verdict about all others to the reader of structured fields.
//!
//! It gives what that reader gives, or nothing. Most proofs come from this writer, and reading one as any structured field takes
//! as long as a fifth of verifying it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use kest_core::Limits;

use crate::SignatureInput;
use crate::base::Component;
use crate::fields::{SIGNATURE, SIGNATURE_INPUT};
use crate::parameters::{Parameters, Value};

/// The signature with `tag`, where it is the only one, and is spelled canonically (RFC 9651 section 4.1) from texts without
/// escapes and numbers.
pub(crate) fn find(headers: &HeaderMap, tag: &str, limits: &Limits) -> Option<(SignatureInput, Vec<u8>)> {
    if limits.signatures == 0 {
        return None;
    }
    let mut input = Rest(only_line(headers, &SIGNATURE_INPUT, limits)?);
    let mut signature = Rest(only_line(headers, &SIGNATURE, limits)?);
    let label = input.key()?;
    input.pass("=")?;
    signature.pass(label)?;
    signature.pass("=:")?;
    let signature = STANDARD.decode(signature.0.strip_suffix(':')?).ok()?;
    let spelled = input.0;
    let components = components(&mut input)?;
    let parameters = parameters(&mut input)?;
    if !matches!(parameters.get("tag"), Some(Value::Text(text)) if text == tag) {
        return None;
    }
    Some((SignatureInput::of_canonical(components, parameters, spelled).ok()?, signature))
}

fn only_line<'it>(headers: &'it HeaderMap, name: &HeaderName, limits: &Limits) -> Option<&'it str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|line| line.len() <= limits.signature_bytes)?;
    if lines.next().is_some() { None } else { line.to_str().ok() }
}

fn components(rest: &mut Rest<'_>) -> Option<Vec<Component>> {
    let mut components = Vec::with_capacity(USUAL_COMPONENTS);
    rest.pass("(")?;
    while components.len() < MOST {
        components.push(Component::parse(rest.text()?).ok()?);
        match rest.pass(" ") {
            Some(()) => {}
            None => return rest.pass(")").map(|()| components),
        }
    }
    None
}

fn parameters(rest: &mut Rest<'_>) -> Option<Parameters> {
    let mut parameters = Parameters::none();
    while !rest.0.is_empty() {
        rest.pass(";")?;
        let name = rest.key()?;
        rest.pass("=")?;
        let value = if rest.0.starts_with(|first: char| first.is_ascii_digit()) {
            Value::Integer(rest.number()?)
        } else {
            Value::text(rest.text()?)
        };
        if parameters.get(name).is_some() || parameters.names().count() == MOST {
            return None;
        }
        parameters.push_spelled(name, value);
    }
    Some(parameters)
}

/// What is left of a line of printable ASCII and tabs.
struct Rest<'line>(&'line str);

impl<'line> Rest<'line> {
    fn pass(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// The bytes up to the first one that does not fit.
    fn take(&mut self, fits: impl Fn(u8) -> bool) -> Option<&'line str> {
        let end = self.0.bytes().position(|byte| !fits(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(taken)
    }

    /// RFC 9651 section 3.1.2.
    fn key(&mut self) -> Option<&'line str> {
        let key = self.take(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'))?;
        key.starts_with(|first: char| first.is_ascii_lowercase() || first == '*').then_some(key)
    }

    /// RFC 9651 section 3.3.3, without anything to escape.
    fn text(&mut self) -> Option<&'line str> {
        self.pass("\"")?;
        let text = self.take(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))?;
        self.pass("\"").map(|()| text)
    }

    /// RFC 9651 section 3.3.1: at most 15 digits, here without a sign, and without zeros in front.
    fn number(&mut self) -> Option<i64> {
        let digits = self.take(|byte| byte.is_ascii_digit())?;
        let is_canonical = digits == "0" || !digits.starts_with('0');
        digits.parse().ok().filter(|_| is_canonical && digits.len() <= 15)
    }
}

/// Of a request with a token and a body.
const USUAL_COMPONENTS: usize = 7;

/// Parts, and parameters, of a signature that is read here: each is compared with all before it.
const MOST: usize = 32;

#[cfg(test)]
#[path = "plain/tests.rs"]
mod tests;
