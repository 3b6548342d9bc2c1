//! The seam to a process's tracer: which trace a span belongs to, and which span a request came from.
//!
//! kest-core knows spans of [`tracing`] alone. A process that exports them installs a [`Tracer`], as kest-telemetry does with
//! OpenTelemetry's; without one every function here does nothing.

use std::sync::OnceLock;

use tracing::Span;

use crate::TraceContext;
use crate::entry::TraceId;

/// Knows the spans of a process as they are exported.
pub trait Tracer: Send + Sync {
    /// The trace of `span`, where it is known.
    fn trace_of(&self, span: &Span) -> Option<TraceId>;

    /// `span` as requests name the one that they are sent from, where it is known.
    fn context_of(&self, span: &Span) -> Option<TraceContext>;

    /// Makes `remote` the parent of `span`, which was not entered yet.
    fn continue_from(&self, span: &Span, remote: &TraceContext);

    /// Notes in `span` that it has to do with `remote`, and leaves its trace as it is.
    fn link(&self, span: &Span, remote: &TraceContext);

    /// Calls `span` by `name`, whatever it was begun as.
    fn rename(&self, span: &Span, name: &str);
}

static TRACER: OnceLock<&'static dyn Tracer> = OnceLock::new();

/// Has the spans of this process known by `tracer`: once, beside the subscriber that keeps them.
///
/// # Errors
///
/// [`AlreadyInstalled`] where it was said before, which changes nothing.
pub fn install(tracer: &'static dyn Tracer) -> Result<(), AlreadyInstalled> {
    TRACER.set(tracer).map_err(|_second| AlreadyInstalled)
}

/// The spans of this process are known by something else already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("spans of this process have a tracer already")]
#[non_exhaustive]
pub struct AlreadyInstalled;

/// What knows the spans of this process.
#[must_use]
pub fn installed() -> Option<&'static dyn Tracer> {
    TRACER.get().copied()
}

/// The trace of `span`, where the process's tracer knows one.
#[must_use]
pub fn trace_of(span: &Span) -> Option<TraceId> {
    installed().and_then(|tracer| tracer.trace_of(span))
}
