//! One refusal: what it says to the people who run the service, and the answer that says nothing to the caller.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use kest_baggage::{ReadError, RestoreError, RestoreFailure};
use kest_core::entry::ResourceError;
use kest_core::passport::VerifyError;
use kest_core::refusal::{Refusal, Step};
use kest_core::span;
use kest_core::{AdmitError, Arrival, Audit, AuthenticateError, Challenge, NoSlot};
use tracing::Span;

use crate::rejection::RejectionKind;
use crate::respond::Answering;

/// Why a request was refused; found in the extensions of the refusing response.
///
/// It says what was wrong, what was expected and what to do, and never what the request contained. The one name in it
/// that a stranger wrote is the workload of [`passport_failure`](Self::passport_failure).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    step: Step,
    kind: RejectionKind,
    expected: Cow<'static, str>,
    cause: Option<&'static str>,
    failure: Option<Arc<VerifyError>>,
    route: Option<Arc<str>>,
    challenge: Option<Arc<Challenge>>,
    reported: Reported,
}

/// Whether the line and the count are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Not,
    /// By kest-core, under the id that the entry would have had.
    WithItsEntry,
}

impl Rejection {
    pub(crate) fn new(step: Step, kind: RejectionKind) -> Self {
        Self {
            step,
            kind,
            expected: Cow::Borrowed(kind.explanation().expected()),
            cause: None,
            failure: None,
            route: None,
            challenge: None,
            reported: Reported::Not,
        }
    }

    /// Says more than the kind's own challenge.
    pub(crate) fn with_challenge(self, challenge: Option<Challenge>) -> Self {
        Self { challenge: challenge.map(Arc::new), ..self }
    }

    /// Says more precisely what was expected, in words of the configuration.
    pub(crate) fn expecting(self, expected: String) -> Self {
        Self { expected: Cow::Owned(expected), ..self }
    }

    /// What the operation itself is declared to act on cannot be named: a fault of the configuration.
    pub(crate) fn of_own_resource(error: ResourceError) -> Self {
        Self::new(Step::Operation, RejectionKind::NotSignable).because(Some(error.kind()))
    }

    /// Names the route as the program knows it.
    pub(crate) fn on_route(self, route: Arc<str>) -> Self {
        Self { route: Some(route), ..self }
    }

    pub(crate) fn because(self, cause: Option<&'static str>) -> Self {
        Self { cause, ..self }
    }

    /// At which step.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// What was wrong.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The name of the finer kind: of a header, a token, an entry, a declaration.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        self.cause
    }

    /// What would have been let through.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What to do about it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        self.kind.explanation().mend()
    }

    /// The route, where it was forgotten: its method, and in axum the path that it was registered under.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// What is wrong with the passport, at which entry, and whose keys are missing.
    #[must_use]
    pub fn passport_failure(&self) -> Option<&VerifyError> {
        self.failure.as_deref()
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The headers that the answer carries beside its status: challenges, and a nonce where one is asked for.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let more = self.challenge.as_deref();
        // A challenge that is no header value would be a fault of the configuration; the kind's own still goes out.
        let told = more.map(Challenge::authenticate).unwrap_or_default();
        let told: Vec<_> = told.iter().filter_map(|value| HeaderValue::from_str(value).ok()).collect();
        let own = self.kind.row().challenge.filter(|_| told.is_empty()).map(HeaderValue::from_static);
        let nonce = more.and_then(Challenge::dpop_nonce).and_then(|nonce| HeaderValue::from_str(nonce).ok());
        let challenges = told.into_iter().chain(own).map(|value| (WWW_AUTHENTICATE, value));
        challenges.chain(nonce.map(|nonce| (DPOP_NONCE, nonce)))
    }

    /// Writes the one line, counts once and records, unless that was done where more was known.
    pub(crate) fn report(&self, audit: Option<&dyn Audit>, arrival: Option<&Arrival>) {
        if self.reported == Reported::WithItsEntry {
            return;
        }
        let failure = self.passport_failure();
        Refusal::new(self.step, self.kind.explanation())
            .expecting(&self.expected)
            .status(self.status().as_u16())
            .cause(self.cause)
            .index(failure.and_then(VerifyError::index))
            .unknown(failure.and_then(VerifyError::workload))
            .route(self.route.as_deref())
            .audited(audit)
            .proved(arrival.map(Arrival::caller), arrival.and_then(Arrival::tip_workload))
            .report();
    }

    /// Says in `span` that it was refused, unless kest-core has said it there.
    pub(crate) fn note(&self, span: &Span) {
        if self.reported == Reported::Not {
            span::refused(span, self.step, self.kind.as_str(), self.cause);
        }
    }

    /// The answer: constant, empty-handed, with this rejection in its extensions.
    pub(crate) fn respond<Body: Default>(self, answering: &Answering) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = self.status();
        for (name, value) in self.headers() {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(self.clone());
        let (mut parts, body) = response.into_parts();
        answering.shape(&self, &mut parts);
        Response::from_parts(parts, body)
    }
}

impl From<&ReadError> for Rejection {
    fn from(error: &ReadError) -> Self {
        let kind = if error.is_over_limit() {
            RejectionKind::BaggageTooLarge
        } else {
            RejectionKind::BaggageMalformed
        };
        Self::new(Step::Inbound, kind).because(Some(error.kind()))
    }
}

impl From<&RestoreError> for Rejection {
    fn from(error: &RestoreError) -> Self {
        let kind = match error.class() {
            RestoreFailure::Malformed => RejectionKind::BaggageMalformed,
            RestoreFailure::OverLimit => RejectionKind::BaggageTooLarge,
            RestoreFailure::ClaimCheckGone | RestoreFailure::ClaimCheckMalformed => {
                RejectionKind::ClaimCheckGone
            }
            RestoreFailure::StoreUnavailable => RejectionKind::PassportStoreUnavailable,
        };
        Self::new(Step::Inbound, kind).because(Some(error.kind()))
    }
}

impl From<VerifyError> for Rejection {
    fn from(error: VerifyError) -> Self {
        let cause = Some(error.kind().as_str());
        let rejection = Self::new(Step::Inbound, RejectionKind::PassportInvalid).because(cause);
        Self { failure: Some(Arc::new(error)), ..rejection }
    }
}

impl From<&AuthenticateError> for Rejection {
    fn from(error: &AuthenticateError) -> Self {
        let kind = match error {
            AuthenticateError::Missing => RejectionKind::CredentialsMissing,
            AuthenticateError::Invalid(_) => RejectionKind::CredentialsInvalid,
            AuthenticateError::Unavailable(_) => RejectionKind::IdentityUnavailable,
            AuthenticateError::ShareUsedUp(_) => RejectionKind::ShareUsedUp,
            // A kind that is added elsewhere refuses too.
            _ => RejectionKind::CredentialsInvalid,
        };
        Self::new(Step::Inbound, kind).because(kest_identity::cause_of(error))
    }
}

impl From<NoSlot> for Rejection {
    fn from(taken: NoSlot) -> Self {
        let kind = match taken {
            NoSlot::ShareUsedUp => RejectionKind::ShareUsedUp,
            // A kind that is added elsewhere refuses too.
            NoSlot::Full | _ => RejectionKind::Overloaded,
        };
        Self::new(Step::Inbound, kind)
    }
}

impl From<ResourceError> for Rejection {
    fn from(error: ResourceError) -> Self {
        let kind = match error {
            ResourceError::TooLong(_) => RejectionKind::ResourceTooLong,
            ResourceError::NoParameter => RejectionKind::NotSignable,
            // A kind that is added elsewhere refuses too.
            ResourceError::Path(_) | ResourceError::Star | ResourceError::Unmatched | _ => {
                RejectionKind::ResourceMalformed
            }
        };
        Self::new(Step::Operation, kind).because(Some(error.kind()))
    }
}

impl From<&AdmitError> for Rejection {
    fn from(error: &AdmitError) -> Self {
        let rejection = Self::new(Step::Operation, error.kind().into()).because(error.cause());
        Self { reported: Reported::WithItsEntry, ..rejection }
    }
}

/// RFC 9449 section 8.1.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
