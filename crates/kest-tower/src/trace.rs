//! Finds the trace that a request belongs to.

use http::request::Parts;
use http::{Extensions, HeaderMap};
use kest_baggage::trace::Remote;
use kest_core::entry::{IdentitySource, TraceId};
use kest_core::span::{self, OperationSpan};
use kest_core::{Admission, Admitter, Arrival, TraceContext, tracer};
use tracing::Span;

use crate::future::Entering;
use crate::inbound::InboundBuilder;

/// Whether the trace that a stranger names is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strangers {
    Linked,
    Continued,
}

impl InboundBuilder {
    /// Continues the trace of each `traceparent`, also of a request that came without a passport and without a verified token, and
    /// signs it.
    ///
    /// What is given up: anybody chooses under which trace the entries and spans of a request are found, other people's
    /// included, and whether spans are exported. For an edge whose callers are traced and unknown, such as browsers.
    pub fn dangerous_continue_traces_of_strangers(mut self) -> Self {
        self.strangers = Strangers::Continued;
        self
    }
}

/// What the request around a span says about its trace.
pub(crate) struct Came {
    remote: Option<Remote>,
    strangers: Strangers,
}

/// The span around a request, and what its headers name.
pub(crate) fn begin(headers: &HeaderMap, strangers: Strangers) -> (Span, Came) {
    let span = span::inbound();
    let remote = kest_baggage::trace::read(headers).map(|context| Remote::of(context, &span));
    (span, Came { remote, strangers })
}

impl Came {
    pub(crate) fn entering(&self) -> Entering {
        if self.remote.as_ref().is_some_and(Remote::is_open) {
            Entering::OnceProved
        } else {
            Entering::AtOnce
        }
    }

    /// The span that the request was sent from, where its sender is known. The span around the request continues that one's trace
    /// then, and is linked to it otherwise.
    ///
    /// An edge that signed the trace of a request that may be anybody's would let anybody choose under which trace the records
    /// of others are found.
    pub(crate) fn of(self, arrival: Option<&Arrival>) -> Option<TraceContext> {
        let believed = |remote: &Remote| {
            arrival.is_some_and(|it| self.strangers == Strangers::Continued || is_known(it, remote.context()))
        };
        self.remote.filter(believed).map(Remote::continued)
    }
}

/// The trace that the service's tracer names, else the one of the `traceparent` of a sender who is known.
pub(crate) fn trace_of(admitter: &Admitter, parts: &Parts, span: &OperationSpan) -> Option<TraceId> {
    let named = admitter.running_trace().or_else(|| tracer::trace_of(span.span()));
    named.or_else(|| of_arrival(&parts.extensions))
}

fn of_arrival(extensions: &Extensions) -> Option<TraceId> {
    // Inside another operation its entry has named the trace, and the lineage keeps it.
    let first = extensions.get::<Admission>().is_none();
    let arrival = extensions.get::<Arrival>().filter(|_| first)?;
    arrival.trace().map(TraceContext::trace_id)
}

/// A passport that lifts nothing may be a copy: it makes no trace known but its own.
fn is_known(arrival: &Arrival, remote: &TraceContext) -> bool {
    let passport = arrival.lineage().passport().is_some_and(|passport| !passport.is_empty());
    arrival.caller().source() == IdentitySource::Jwt
        || (passport && (!arrival.lifts_nothing() || arrival.has_signed(remote.trace_id())))
}
