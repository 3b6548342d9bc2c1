//! Knows the spans of a process as OpenTelemetry does, and carries their trace context in headers.

use http::HeaderMap;
use kest_baggage::trace::{AlreadyInstalled, Propagate};
use kest_core::entry::TraceId;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Trace context alone. OpenTelemetry's propagator of baggage loses members and cuts long ones, so it never sees a passport.
#[derive(Debug)]
struct TraceContextAlone;

impl Propagate for TraceContextAlone {
    fn continue_from(&self, headers: &HeaderMap, span: &Span) {
        let remote = propagator().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        // Refused only where the span was begun, or no layer keeps it: it has its own trace then.
        drop(span.set_parent(remote));
    }

    fn name(&self, span: &Span, headers: &mut HeaderMap) {
        let context = span.context();
        if !context.span().span_context().is_valid() {
            return;
        }
        propagator().inject_context(&context, &mut HeaderInjector(headers));
        // W3C Trace Context section 3.3.1: an empty list is better not sent.
        if headers.get("tracestate").is_some_and(http::HeaderValue::is_empty) {
            headers.remove("tracestate");
        }
    }
}

/// Has the spans of this process known by tracing-opentelemetry's layer, in the version that this crate has.
///
/// Their traces are signed into entries, spans of requests continue the callers' traces, and outgoing requests name the span that
/// sends them. For a subscriber of the service's own; [`bootstrap`](crate::bootstrap) and [`export`](crate::export) have done it.
///
/// # Errors
///
/// [`AlreadyInstalled`] where it was said before, which changes nothing.
pub fn install() -> Result<(), AlreadyInstalled> {
    kest_baggage::trace::install(&TraceContextAlone, trace_of)
}

fn trace_of(span: &Span) -> Option<TraceId> {
    let context = span.context();
    let span = context.span();
    let named = span.span_context();
    named.is_valid().then(|| TraceId::from_bytes(named.trace_id().to_bytes())).flatten()
}

fn propagator() -> TraceContextPropagator {
    TraceContextPropagator::new()
}
