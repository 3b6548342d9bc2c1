//! Which trace a request belongs to: read from its headers, and carried on to the requests that it causes.
//!
//! Without a tracer the headers go on as texts. A process that has one installs a [`Propagate`], as kest-telemetry does with
//! OpenTelemetry's: then the spans of [`kest_core::span`] continue the trace of the caller, and outgoing requests name the span
//! that they are sent from.

use std::sync::OnceLock;

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};
use kest_core::entry::TraceId;
use kest_core::span::{install_trace_of, trace_of};
use kest_core::{Admission, TraceContext, TraceState};
use tracing::Span;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Knows the spans of a process as its tracer does.
pub trait Propagate: Send + Sync {
    /// Makes the span that `headers` name the parent of `span`, which was not entered yet.
    fn continue_from(&self, headers: &HeaderMap, span: &Span);

    /// Names `span` in `headers`. Where the tracer does not know it, they stay as they are.
    fn name(&self, span: &Span, headers: &mut HeaderMap);
}

static PROPAGATE: OnceLock<&'static dyn Propagate> = OnceLock::new();

/// Has the spans of this process known by `propagate`, and their traces by `trace_of`: once, beside the subscriber that keeps them.
///
/// # Errors
///
/// [`AlreadyInstalled`] where it was said before; what was said first stays.
pub fn install(
    propagate: &'static dyn Propagate,
    trace_of: fn(&Span) -> Option<TraceId>,
) -> Result<(), AlreadyInstalled> {
    PROPAGATE.set(propagate).map_err(|_second| AlreadyInstalled)?;
    if install_trace_of(trace_of) { Ok(()) } else { Err(AlreadyInstalled) }
}

/// The spans of this process are known by something else already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("traces of this process are propagated already")]
#[non_exhaustive]
pub struct AlreadyInstalled;

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

/// Makes the span that `headers` name the parent of `span`: not where they name none, and not inside of a span that is part of
/// that trace already.
pub fn continue_from(headers: &HeaderMap, span: &Span) {
    if span.is_disabled() {
        return;
    }
    let (Some(propagate), Some(remote)) = (PROPAGATE.get(), read(headers)) else { return };
    if trace_of(&Span::current()) != Some(remote.trace_id()) {
        propagate.continue_from(headers, span);
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
    if let Some(propagate) = PROPAGATE.get() {
        propagate.name(&span_of(admission, signed), headers);
        if headers.contains_key(TRACEPARENT) {
            return;
        }
    }
    if let Some(trace) = admission.arrival().trace().filter(|trace| Some(trace.trace_id()) == signed) {
        write(trace, headers);
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
