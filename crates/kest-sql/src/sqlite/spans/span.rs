//! One span that has ended, as a row holds it.

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSpan {
    /// The trace, in hexadecimal.
    pub trace_id: String,
    /// The span, in hexadecimal.
    pub span_id: String,
    /// The span that caused it, which another service may have; `None` where the trace begins.
    pub parent_span_id: Option<String>,
    /// Whose it is: `service.name`.
    pub service: String,
    /// What made it: `kest.core` for those of Kest.
    pub scope: String,
    /// What it is called. Control characters become U+FFFD: a terminal may show it.
    pub name: String,
    /// What it is to its parent.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since 1970.
    pub start_unix_nano: i64,
    /// When it ended, in nanoseconds since 1970.
    pub end_unix_nano: i64,
    /// Whether it was well.
    pub status: SpanStatus,
    /// What was wrong; empty where nothing was said.
    pub status_message: String,
    /// Its attributes: one JSON object. A span is lost with its batch where it is something else.
    pub attributes: String,
    /// How many attributes had no room.
    pub dropped_attributes: u32,
    /// The spans of other traces that it is linked to: a JSON array of `{"traceId": .., "spanId": ..}`.
    pub links: String,
}

/// What a span is to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// Something in the service.
    Internal,
    /// The service answers a request.
    Server,
    /// The service asks another.
    Client,
    /// It puts a message into a queue.
    Producer,
    /// It takes one.
    Consumer,
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanStatus {
    /// Nothing was said.
    Unset,
    /// It was well.
    Ok,
    /// It was not.
    Error,
}

impl SpanKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl SpanStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

/// A text without what moves a terminal's cursor, or ends a text for one who reads it in C.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { char::REPLACEMENT_CHARACTER } else { it }).collect()
}
