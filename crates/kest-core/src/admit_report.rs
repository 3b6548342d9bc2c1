//! Reports what was not admitted: the one line, the one count, the span, and the audit log.

use tracing::Span;
use tracing::field::display;

use crate::admit_error::AdmitError;
use crate::arrival::Arrival;
use crate::audit::Audit;
use crate::policy::AuthorizeError;
use crate::refusal::{Asked, Refusal, Step};
use crate::span;

/// Where a refusal is reported: the line, the count and the audit log.
#[derive(Clone, Copy)]
pub(crate) struct Report<'it> {
    pub(crate) step: Step,
    pub(crate) audit: Option<&'it dyn Audit>,
    pub(crate) arrival: &'it Arrival,
    pub(crate) span: &'it Span,
}

impl<'it> Report<'it> {
    fn of<'error>(self, error: &'error AdmitError) -> Refusal<'error>
    where
        'it: 'error,
    {
        let refusal = Refusal::new(self.step, error.kind().explanation()).cause(error.cause());
        refusal.audited(self.audit).proved(Some(self.arrival.caller()), self.arrival.tip_workload())
    }

    /// One line and one count for what has no entry id yet.
    pub(crate) fn unasked(self, error: AdmitError) -> AdmitError {
        self.of(&error).report();
        self.end(&error);
        error
    }

    /// One line and one count for each no, under the id that the entry would have had.
    pub(crate) fn refused(self, asked: Asked<'_>, error: AdmitError) -> AdmitError {
        let denial = match &error {
            AdmitError::Authorize(AuthorizeError::Denied(denial)) => Some(denial),
            AdmitError::Authorize(_)
            | AdmitError::Resource(_)
            | AdmitError::Operation(_)
            | AdmitError::Sign(_)
            | AdmitError::Audit(_)
            | AdmitError::Random(_)
            | AdmitError::TookTooLong => None,
        };
        self.of(&error).report_about(Some(Asked { denial, ..asked }));
        if !self.span.is_disabled() {
            self.span.record("kest.entry_id", display(asked.entry_id));
            self.span.record("kest.workload_id", asked.workload.as_str());
            self.span.record("kest.trust_score", asked.trust.value());
        }
        self.end(&error);
        error
    }

    fn end(self, error: &AdmitError) {
        span::refused(self.span, self.step, error.kind().explanation().kind(), error.cause());
    }
}
