//! Knows the spans of a process as OpenTelemetry does, and carries their trace context in headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use kest_core::TraceContext;
use kest_core::entry::TraceId;
use kest_core::tracer::{AlreadyInstalled, Tracer};
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

impl Tracer for TraceContextAlone {
    fn trace_of(&self, span: &Span) -> Option<TraceId> {
        let context = span.context();
        let span = context.span();
        let named = span.span_context();
        named.is_valid().then(|| TraceId::from_bytes(named.trace_id().to_bytes())).flatten()
    }

    fn context_of(&self, span: &Span) -> Option<TraceContext> {
        let context = span.context();
        if !context.span().span_context().is_valid() {
            return None;
        }
        let mut headers = HeaderMap::with_capacity(2);
        propagator().inject_context(&context, &mut HeaderInjector(&mut headers));
        kest_baggage::trace::read(&headers)
    }

    fn continue_from(&self, span: &Span, remote: &TraceContext) {
        // Refused only where the span was begun, or no layer keeps it: it has its own trace then.
        drop(span.set_parent(context_of(remote)));
    }

    fn link(&self, span: &Span, remote: &TraceContext) {
        span.add_link(context_of(remote).span().span_context().clone());
    }

    fn rename(&self, span: &Span, name: &str) {
        span.context().span().update_name(name.to_owned());
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
    kest_core::tracer::install(&TraceContextAlone)
}

/// What came with a request was read strictly and is bounded: OpenTelemetry sees that, and no header of a stranger's.
fn context_of(remote: &TraceContext) -> Context {
    let mut headers = HeaderMap::with_capacity(2);
    let state = remote.state().map(|state| state.as_str().to_owned());
    for (name, value) in [("traceparent", Some(remote.to_string())), ("tracestate", state)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    propagator().extract_with_context(&Context::new(), &HeaderExtractor(&headers))
}

fn propagator() -> TraceContextPropagator {
    TraceContextPropagator::new()
}
