//! The span that an entry belongs to, as the service's tracer knows it.

use std::fmt;

use super::TraceId;
use super::hash::hex;
use crate::json_object::JsonObject;

/// A span: 8 bytes, W3C Trace Context section 3.2.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// A span id of these bytes; all zero is not one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// Reads 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(lower) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().and_then(|value| Self::from_bytes(value.to_be_bytes()))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

/// The member `otel_context`: which span of which trace an operation ran in.
///
/// The trace is also the entry's label `trace_id`, so that an entry names one trace.
///
/// ```
/// use kest_core::entry::{OtelContext, SpanId, TraceId};
///
/// # fn example() -> Option<OtelContext> {
/// let trace = TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736")?;
/// let context = OtelContext::new(trace, SpanId::parse("00f067aa0ba902b7")?).with_flags(1);
/// # Some(context)
/// # }
/// # assert!(example().is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtelContext {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl OtelContext {
    /// The span `span` of the trace `trace`, which is not sampled.
    #[must_use]
    pub fn new(trace: TraceId, span: SpanId) -> Self {
        Self { trace, span, flags: 0 }
    }

    /// Says the trace flags: W3C Trace Context section 3.2.2.5; 1 when the trace is sampled.
    #[must_use]
    pub fn with_flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    /// The trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// The span.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.span
    }

    /// The trace flags.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// As it stands in an entry, by the names that OpenTelemetry gives the members in other places of the wire.
    pub(crate) fn to_object(self) -> JsonObject {
        let Self { trace, span, flags } = self;
        JsonObject::from_canonical(&format!(
            r#"{{"span_id":"{span}","trace_flags":"{flags:02x}","trace_id":"{trace}"}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_is_canonical() {
        let trace = TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
        let context = OtelContext::new(trace, SpanId::parse("00f067aa0ba902b7").unwrap()).with_flags(1);
        let object = context.to_object();
        assert_eq!(JsonObject::parse(object.as_str()).unwrap(), object);
        assert!(object.as_str().contains(r#""trace_flags":"01""#));
    }

    #[test]
    fn span_id_that_is_none_is_refused() {
        for text in ["", "0000000000000000", "00F067AA0BA902B7", "00f067aa0ba902b", "+0f067aa0ba902b7"] {
            assert_eq!(SpanId::parse(text), None, "{text}");
        }
    }
}
