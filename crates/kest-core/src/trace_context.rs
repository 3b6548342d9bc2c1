//! The span that a request was sent from, as its headers name it: W3C Trace Context, read strictly and written again.

use std::fmt;
use std::sync::Arc;

use crate::entry::{OtelContext, SpanId, TraceId};

/// The values of `traceparent` and `tracestate`.
///
/// ```
/// use kest_core::TraceContext;
///
/// let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// assert_eq!(TraceContext::parse(sent).unwrap().to_string(), sent);
/// assert_eq!(TraceContext::parse("00-0-0-0"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    context: OtelContext,
    state: Option<TraceState>,
}

impl TraceContext {
    /// The span of `context`, without a state.
    #[must_use]
    pub fn new(context: OtelContext) -> Self {
        Self { context, state: None }
    }

    /// Reads a `traceparent`: W3C Trace Context section 3.2. Of a later version the fields that all versions have count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let (version, trace) = (hex_byte(fields.next()?)?, TraceId::parse(fields.next()?)?);
        let (span, flags) = (SpanId::parse(fields.next()?)?, hex_byte(fields.next()?)?);
        // Section 3.2.2.1: version ff is invalid. Section 3.2.2: version 00 ends here.
        let ends = version != 0 || fields.next().is_none();
        (version != u8::MAX && ends).then(|| Self::new(OtelContext::new(trace, span).with_flags(flags)))
    }

    /// The same, with what tracers keep beside it.
    #[must_use]
    pub fn with_state(self, state: Option<TraceState>) -> Self {
        Self { state, ..self }
    }

    /// The span.
    #[must_use]
    pub fn context(&self) -> OtelContext {
        self.context
    }

    /// The trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.context.trace_id()
    }

    /// What tracers keep beside it.
    #[must_use]
    pub fn state(&self) -> Option<&TraceState> {
        self.state.as_ref()
    }
}

/// As it stands in a `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = self.context;
        write!(formatter, "00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.flags())
    }
}

/// The value of `tracestate`: a list that tracers read, and that is handed on as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceState(Arc<str>);

impl TraceState {
    /// Takes the lines of a request's `tracestate`, joined. One that is empty, too long or no list is left out: section 3.3.1 has
    /// the rest of the context go on without it.
    #[must_use]
    pub fn parse(lines: impl IntoIterator<Item: AsRef<[u8]>>) -> Option<Self> {
        let mut joined = String::new();
        for line in lines {
            let line = std::str::from_utf8(line.as_ref()).ok()?;
            if joined.len().saturating_add(line.len()) >= Self::LONGEST {
                return None;
            }
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(line);
        }
        let members = || joined.split(',').map(str::trim).filter(|member| !member.is_empty());
        let holds = members().all(is_member) && (1..=Self::MOST_MEMBERS).contains(&members().count());
        holds.then(|| Self(joined.into()))
    }

    /// As it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Characters: section 3.3.1.5 has at least this many handed on.
    const LONGEST: usize = 512;

    /// Members of the list: section 3.3.1.1.
    const MOST_MEMBERS: usize = 32;
}

/// What tracers keep is theirs: it stays out of debug output.
impl fmt::Debug for TraceState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TraceState").finish_non_exhaustive()
    }
}

/// Section 3.3.1.3: `key "=" value`, a value of printable characters without comma and equals sign.
fn is_member(member: &str) -> bool {
    let is_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_value = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    member.split_once('=').is_some_and(|(key, value)| {
        (1..=256).contains(&key.len())
            && key.bytes().all(is_key)
            && (1..=256).contains(&value.len())
            && value.bytes().all(is_value)
    })
}

fn hex_byte(text: &str) -> Option<u8> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == 2 && text.bytes().all(lower)).then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn later_version_is_handed_on_as_ours() {
        let later = TraceContext::parse(&GOOD.replace("00-4", "cc-4").replace("-01", "-01-more")).unwrap();
        assert_eq!(later.to_string(), GOOD);
    }

    #[test]
    fn malformed_traceparent_names_no_span() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        for text in [
            String::new(),
            GOOD.to_uppercase(),
            GOOD.replace("00-4", "ff-4"),
            GOOD.replace(trace, &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            format!("{GOOD}-more"),
            format!("{GOOD} "),
            GOOD.replace("-01", "-1"),
            GOOD.replace("-01", "-+1"),
            GOOD.replace("-01", ""),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn state_is_a_short_list_of_members_or_none() {
        let parse = |lines: &[&str]| TraceState::parse(lines.iter().map(|line| line.as_bytes()));
        let kept = parse(&["rojo=00f067aa0ba902b7", "fw529a3039@dt=FfV a"]).unwrap();
        assert_eq!(kept.as_str(), "rojo=00f067aa0ba902b7,fw529a3039@dt=FfV a");
        let flood = vec!["a=1"; 33];
        for lines in [&["a"][..], &[""], &["=1"], &["A=1"], &["a=b=c"], &["a=\u{e9}"], &["a=\t"], &flood] {
            assert_eq!(parse(lines), None, "{lines:?}");
        }
        assert_eq!(parse(&[&format!("a={}", "x".repeat(250)), &format!("b={}", "x".repeat(300))]), None);
        assert!(!format!("{kept:?}").contains("rojo"));
    }
}
