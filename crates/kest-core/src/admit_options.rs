//! What surrounds one admission: the trace, the span, the origin of a root, a signer in place of the service's own.

use std::sync::Arc;

use crate::entry::TraceId;
use crate::signature::Sign;
use crate::span::OperationSpan;
use crate::trust::Origin;

/// What surrounds one admission and is not the operation's own.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AdmitOptions {
    /// The trace that the work belongs to; the lineage's, or a new one, when unknown.
    pub trace_id: Option<TraceId>,
    /// The origin of a root whose operation names none.
    pub root_origin: Option<Origin>,
    /// What signs this entry in place of the service's own signer: a key of the same workload.
    pub signer: Option<Arc<dyn Sign>>,
    /// The span of the operation, where one was begun before.
    pub span: Option<OperationSpan>,
}

impl AdmitOptions {
    /// Continues this span, within which the future is polled, instead of beginning one.
    #[must_use]
    pub fn with_span(mut self, span: OperationSpan) -> Self {
        self.span = Some(span);
        self
    }

    /// Names the trace.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: Option<TraceId>) -> Self {
        self.trace_id = trace_id;
        self
    }

    /// Names the origin of a root.
    #[must_use]
    pub fn with_root_origin(mut self, origin: Origin) -> Self {
        self.root_origin = Some(origin);
        self
    }

    /// Has this signer sign the entry, which must be of the service's own workload: policy was asked about that one.
    #[must_use]
    pub fn with_signer(mut self, signer: Arc<dyn Sign>) -> Self {
        self.signer = Some(signer);
        self
    }
}
