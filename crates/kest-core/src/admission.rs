//! Proof that an operation may run: permitted, signed, part of a lineage that can be handed on.

use std::any::Any;
use std::future::pending;
use std::sync::{Arc, OnceLock};

use tracing::{Instrument as _, Span};

use crate::admitter::Admitter;
use crate::arrival::{Arrival, Lineage};
use crate::audit::{Ending, Recording};
use crate::caller::Caller;
use crate::entry::{Entry, EntryHash, OperationName};
use crate::passport::Passport;
use crate::policy::Authorize;
use crate::refusal::Step;
use crate::signature::SigningKey;
use crate::span::{self, OperationSpan};
use crate::{AdmitError, AdmitOptions, Operation};

/// An operation that policy allowed and whose entry is signed; cheap to clone.
///
/// The handler finds it in the request's extensions; outgoing calls find it in the ambient context.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    admitter: Admitter,
    arrival: Arrival,
    passport: Passport,
    entry: Arc<Entry>,
    key: Arc<dyn SigningKey>,
    recording: Option<Recording>,
    span: Span,
    memo: OnceLock<Box<dyn Any + Send + Sync>>,
    grpc: OnceLock<u8>,
}

impl Admission {
    pub(crate) fn new(
        admitter: Admitter,
        arrival: Arrival,
        passport: Passport,
        entry: Arc<Entry>,
        key: Arc<dyn SigningKey>,
        recording: Option<Recording>,
        span: Span,
    ) -> Self {
        let (memo, grpc) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Parts { admitter, arrival, passport, entry, key, recording, span, memo, grpc }))
    }

    /// What the request came with.
    #[must_use]
    pub fn arrival(&self) -> &Arrival {
        &self.0.arrival
    }

    /// Who is calling.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        self.0.arrival.caller()
    }

    /// The lineage including this operation: what outgoing calls carry.
    #[must_use]
    pub fn passport(&self) -> &Passport {
        &self.0.passport
    }

    /// This operation's own entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.0.entry
    }

    /// This operation's name.
    #[must_use]
    pub fn operation_name(&self) -> &OperationName {
        self.0.entry.operation()
    }

    /// The service that signed.
    #[must_use]
    pub fn admitter(&self) -> &Admitter {
        &self.0.admitter
    }

    /// The key that signed this operation's entry, whatever the service signs with by now: what else is signed in the name of
    /// this lineage's tip is signed with it.
    #[must_use]
    pub fn signing_key(&self) -> &Arc<dyn SigningKey> {
        &self.0.key
    }

    /// The span of this operation, switched off where no subscriber wants it: what works for the operation in another task
    /// enters it there. It ends when the last holder of the admission lets go.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// What an operation inside of this one follows: this one's lineage, and the same caller.
    #[must_use]
    pub fn following(&self) -> Arrival {
        self.0.arrival.followed_by(Lineage::Carried(self.0.passport.clone()))
    }

    /// Starts a nested operation: a tool call, a job, a step worth an entry of its own.
    ///
    /// What it declares is found wrong when it is admitted. A service whose nested operations are known at start gives
    /// them to [`Admitter::check`] there.
    #[must_use]
    pub fn operation(&self, operation: Operation) -> Nested<'_> {
        Nested { admission: self, operation }
    }

    /// Follows several operations at once: the next entry has every one of them as a parent.
    ///
    /// Who is calling stays who called this operation, unless that is known from the lineage only and the joined
    /// lineages do not agree about it: then the caller is anonymous, as for tips that came in disagreeing.
    ///
    /// # Errors
    ///
    /// [`MergeError`](crate::passport::MergeError) when together they are over a limit.
    pub fn join<'others, Others>(&self, others: Others) -> Result<Joined, crate::passport::MergeError>
    where
        Others: IntoIterator<Item = &'others Self>,
    {
        let mut passport = self.0.passport.clone();
        let mut bindings = Vec::new();
        for other in others {
            passport = passport.merge(other.passport(), self.0.admitter.limits())?;
            bindings.push(other.arrival().binding_of_what_follows());
        }
        let arrival = self.0.arrival.followed_by(Lineage::Carried(passport));
        let arrival = bindings.into_iter().fold(arrival, Arrival::joined_with);
        Ok(Joined { admitter: self.0.admitter.clone(), arrival, span: self.span().clone() })
    }

    /// Whether an audit log waits to hear how this operation ends.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.0.recording.is_some()
    }

    /// Notes the status of the answer, for the record of its end.
    pub fn answered(&self, status: u16) {
        if let Some(recording) = &self.0.recording {
            recording.answered(status);
        }
    }

    /// Notes the code that an answer of gRPC ended with, in the span and for the record of its end; the first word counts. The
    /// record has the class of what corresponds to it in HTTP, since the status of such an answer is 200 whatever came of it.
    pub fn answered_grpc(&self, code: u8) {
        if self.0.grpc.set(code).is_ok() {
            span::answered_grpc(self.span(), code);
            self.answered(span::http_status_of_grpc(code));
        }
    }

    /// Notes the SHA-256 of what the operation gave, for the record of its end; the first word counts. An operation that does not
    /// end [`Complete`](Ending::Complete) is recorded without one.
    pub fn gave(&self, content: EntryHash) {
        if let Some(recording) = &self.0.recording {
            recording.gave(content);
        }
    }

    /// Records that the operation ended; the first word counts. The layers and `run_admitted` say it themselves, and an
    /// admission that its last holder lets go of says [`Ending::Released`].
    pub fn finished(&self, ending: Ending) {
        if let Some(recording) = &self.0.recording {
            recording.finish(ending);
        }
    }

    /// A place for what is made from this admission once, such as the packed header of outgoing calls.
    ///
    /// There is one place, and the first type asked for takes it; another type gets `None`.
    pub fn memo<Made: Any + Send + Sync>(&self, make: impl FnOnce() -> Made) -> Option<&Made> {
        self.0.memo.get_or_init(|| Box::new(make())).downcast_ref()
    }
}

/// A nested operation that has not been admitted yet.
#[derive(Debug)]
pub struct Nested<'admission> {
    admission: &'admission Admission,
    operation: Operation,
}

impl Nested<'_> {
    /// The service that will sign.
    #[must_use]
    pub fn admitter(&self) -> &Admitter {
        self.admission.admitter()
    }

    /// Asks policy, signs the entry, and gives the admission under which the nested work runs.
    ///
    /// # Errors
    ///
    /// [`AdmitError`]; nothing may run then.
    pub async fn admit(self, policy: &dyn Authorize) -> Result<Admission, AdmitError> {
        self.admit_by(policy, pending()).await
    }

    /// [`admit`](Self::admit) until `deadline` is over, such as a timer of `Limits::admission_wait`.
    ///
    /// # Errors
    ///
    /// [`AdmitError`], `TookTooLong` among them.
    pub async fn admit_by(
        self,
        policy: &dyn Authorize,
        deadline: impl Future<Output = ()> + Send,
    ) -> Result<Admission, AdmitError> {
        let parent = self.admission;
        let arrival = parent.following();
        admit_within(parent.span(), parent.admitter(), &arrival, &self.operation, policy, deadline).await
    }
}

/// Several lineages joined, waiting for the operation that follows them.
#[derive(Debug)]
pub struct Joined {
    admitter: Admitter,
    arrival: Arrival,
    span: Span,
}

impl Joined {
    /// Asks policy, signs one entry that follows every joined tip.
    ///
    /// # Errors
    ///
    /// [`AdmitError`]; nothing may run then.
    pub async fn admit(self, operation: &Operation, policy: &dyn Authorize) -> Result<Admission, AdmitError> {
        admit_within(&self.span, &self.admitter, &self.arrival, operation, policy, pending()).await
    }
}

/// Admits what the operation of the span `outer` caused.
async fn admit_within(
    outer: &Span,
    admitter: &Admitter,
    arrival: &Arrival,
    operation: &Operation,
    policy: &dyn Authorize,
    deadline: impl Future<Output = ()> + Send,
) -> Result<Admission, AdmitError> {
    let begun = OperationSpan::begin_within(operation.name(), outer);
    let around = begun.span().clone();
    let options = AdmitOptions::default().with_span(begun);
    let admitting = admitter.admit_at(Step::Nested, arrival, operation, policy, options, deadline);
    admitting.instrument(around).await
}

#[cfg(test)]
#[path = "tests/admission.rs"]
mod tests;
