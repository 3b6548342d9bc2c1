//! Finds the trace that a request belongs to.

use http::request::Parts;
use http::{Extensions, HeaderMap};
use kest_core::entry::{IdentitySource, TraceId};
use kest_core::span::{self, OperationSpan};
use kest_core::tracer;
use kest_core::{Admission, Admitter, Arrival};
use tracing::Span;

/// The span around a request, which continues the one that its headers name, where the process has a tracer.
pub(crate) fn begin(headers: &HeaderMap) -> Span {
    let span = span::inbound();
    if !span.is_disabled()
        && let Some(tracer) = tracer::installed()
        && let Some(came) = kest_baggage::trace::read(headers)
        && tracer.trace_of(&Span::current()) != Some(came.trace_id())
    {
        tracer.continue_from(&span, &came);
    }
    span
}

/// The trace that the service's tracer names, else the one of the `traceparent` header where it is no stranger's: where a
/// passport came with it, or a caller who is known.
///
/// An edge that signed the trace of a request that may be anybody's would let anybody choose under which trace the records
/// of others are found.
pub(crate) fn trace_of(admitter: &Admitter, parts: &Parts, span: &OperationSpan) -> Option<TraceId> {
    let named = admitter.running_trace().or_else(|| tracer::trace_of(span.span()));
    named.or_else(|| of_header(&parts.extensions))
}

fn of_header(extensions: &Extensions) -> Option<TraceId> {
    // Inside another operation its entry has named the trace, and the lineage keeps it.
    let first = extensions.get::<Admission>().is_none();
    let arrival = extensions.get::<Arrival>().filter(|arrival| first && is_known(arrival))?;
    arrival.trace().map(kest_core::TraceContext::trace_id)
}

fn is_known(arrival: &Arrival) -> bool {
    arrival.lineage().passport().is_some_and(|passport| !passport.is_empty())
        || arrival.caller().source() == IdentitySource::Jwt
}
