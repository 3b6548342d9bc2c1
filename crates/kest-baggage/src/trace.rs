//! Which trace a request belongs to: read from its headers, and carried on to the requests that it causes.
//!
//! Without a tracer the headers go on as texts. Where a process has [installed](kest_core::tracer::install) one, outgoing requests
//! name the span that they are sent from.

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};
use kest_core::entry::TraceId;
use kest_core::tracer::{self, Tracer, trace_of};
use kest_core::{Admission, TraceContext, TraceState};
use tracing::Span;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The span that a request was sent from: one well-formed `traceparent`, and its `tracestate` where that holds too.
#[must_use]
pub fn read(headers: &HeaderMap) -> Option<TraceContext> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let context = TraceContext::parse(line.to_str().ok()?)?;
    Some(context.with_state(TraceState::parse(headers.get_all(TRACESTATE))))
}

/// The span that a request was sent from, before its sender is known: whether the span around the request continues it, or is in
/// a trace of its own and linked to it, is open until then.
///
/// OpenTelemetry's layer takes no other parent for a span that was entered or asked for its trace: neither may happen while
/// it [is open](Self::is_open). Dropping it links.
#[must_use = "dropping it says that the sender is a stranger"]
pub struct Remote {
    context: TraceContext,
    open: Option<(Span, &'static dyn Tracer)>,
}

impl Remote {
    /// What a request or a message names, for the span around it. Where that is in a span of the same trace, or no tracer keeps
    /// it, nothing is open.
    pub fn of(context: TraceContext, span: &Span) -> Self {
        let open = tracer::installed().filter(|tracer| {
            !span.is_disabled() && tracer.trace_of(&Span::current()) != Some(context.trace_id())
        });
        Self { context, open: open.map(|tracer| (span.clone(), tracer)) }
    }

    /// What it names.
    #[must_use]
    pub fn context(&self) -> &TraceContext {
        &self.context
    }

    /// Whether the span may not be entered yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Continues the trace: the sender is known.
    #[must_use]
    pub fn continued(mut self) -> TraceContext {
        if let Some((span, tracer)) = self.open.take() {
            tracer.continue_from(&span, &self.context);
        }
        self.context.clone()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some((span, tracer)) = self.open.take() {
            tracer.link(&span, &self.context);
        }
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Remote").field("context", &self.context).finish_non_exhaustive()
    }
}

/// Names the trace of `admission` on a request that it causes, unless the request names one.
///
/// It is named by the running span where that is of the trace that the entry names, or of the operation's own span; else by the
/// operation's span where a tracer knows it, else by the span that the operation was itself called from, as long as that is of
/// the trace that its entry names.
pub fn carry(headers: &mut HeaderMap, admission: &Admission) {
    if headers.contains_key(TRACEPARENT) {
        return;
    }
    let signed = admission.entry().labels().trace_id().and_then(TraceId::parse);
    let sending = || tracer::installed()?.context_of(&span_of(admission, signed));
    if let Some(sending) = sending() {
        write(&sending, headers);
    } else if let Some(came) = admission.arrival().trace().filter(|came| Some(came.trace_id()) == signed) {
        write(came, headers);
    }
}

/// The running span, unless it is of another trace: one around a server, or of a task that serves several requests.
fn span_of(admission: &Admission, signed: Option<TraceId>) -> Span {
    let running = Span::current();
    let named = trace_of(&running);
    let fits = named.is_some() && (named == signed || named == trace_of(admission.span()));
    if fits { running } else { admission.span().clone() }
}

/// A state that stands there already belongs to another span.
fn write(trace: &TraceContext, headers: &mut HeaderMap) {
    headers.remove(TRACESTATE);
    let state = trace.state().and_then(|state| HeaderValue::from_str(state.as_str()).ok());
    let parent = HeaderValue::from_str(&trace.to_string()).ok();
    for (name, value) in [(TRACEPARENT, parent), (TRACESTATE, state)] {
        // A map that is full goes without: a trace is no reason to refuse.
        if let (Some(value), Ok(Entry::Vacant(place))) = (value, headers.try_entry(name)) {
            drop(place.try_insert(value));
        }
    }
}

#[cfg(test)]
#[path = "tests/trace.rs"]
mod tests;
