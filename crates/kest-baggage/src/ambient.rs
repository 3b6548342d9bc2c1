//! Carries the running request beside the code that serves it, in the OpenTelemetry context of the task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Waking, Poll};

use kest_core::entry::TraceId;
use kest_core::policy::AuthorizeError;
use kest_core::{Admission, AdmitError, Arrival, Authorize, Identity, Nested, Passport};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use pin_project_lite::pin_project;

/// What the running code works for.
#[derive(Debug, Clone)]
enum Ambience {
    Arrived(Arrival),
    Admitted(Admission),
}

impl Ambience {
    fn current() -> Option<Self> {
        Context::map_current(|context| context.get::<Self>().cloned())
    }

    fn arrival(&self) -> &Arrival {
        match self {
            Self::Arrived(arrival) => arrival,
            Self::Admitted(admission) => admission.arrival(),
        }
    }
}

/// The operation that the running code is part of; `None` outside of one.
#[must_use]
pub fn current_admission() -> Option<Admission> {
    match Ambience::current()? {
        Ambience::Admitted(admission) => Some(admission),
        Ambience::Arrived(_) => None,
    }
}

/// What the running request, or the running operation, came with.
#[must_use]
pub fn current_arrival() -> Option<Arrival> {
    Ambience::current().map(|ambience| ambience.arrival().clone())
}

/// The lineage so far: with the running operation's own entry where one was signed, else as it arrived.
#[must_use]
pub fn current_passport() -> Option<Passport> {
    match Ambience::current()? {
        Ambience::Admitted(admission) => Some(admission.passport().clone()),
        Ambience::Arrived(arrival) => arrival.lineage().passport().cloned(),
    }
}

/// The user on whose behalf the running code works.
///
/// There is no `current_jwt`: the raw token is looked at once, by the mechanism that verifies it, and never kept.
#[must_use]
pub fn current_user() -> Option<String> {
    current_name(Identity::user)
}

/// The program that acts for the user.
#[must_use]
pub fn current_agent() -> Option<String> {
    current_name(Identity::agent)
}

/// What the agent was asked to do, or the scope that it was given.
#[must_use]
pub fn current_task() -> Option<String> {
    current_name(Identity::task)
}

fn current_name(name: fn(&Identity) -> Option<&str>) -> Option<String> {
    let ambience = Ambience::current()?;
    name(ambience.arrival().principal().identity()).map(str::to_owned)
}

/// The trace of the active OpenTelemetry span, when it has a valid one.
#[must_use]
pub fn current_trace_id() -> Option<TraceId> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| TraceId::from_bytes(span.trace_id().to_bytes())).flatten()
    })
}

pin_project! {
    /// Runs a future with an [`Admission`] or an [`Arrival`] around it.
    ///
    /// It is attached while the future is polled and at no other time, so that requests that share a thread never
    /// see each other's. A task that the future spawns does not inherit it: wrap what is spawned as well.
    #[must_use = "futures do nothing unless polled"]
    pub struct Ambient<F> {
        #[pin]
        future: F,
        ambience: Ambience,
    }
}

impl<F: Future> Ambient<F> {
    /// The future that `make` gives, which runs as part of the operation that `admission` admitted; so does `make`.
    pub fn admitted(admission: Admission, make: impl FnOnce() -> F) -> Self {
        Self::making(Ambience::Admitted(admission), make)
    }

    /// The future that `make` gives, which runs as part of a request that arrived; so does `make`.
    ///
    /// An operation that is running around it is hidden: a new request is not part of it.
    pub fn arrived(arrival: Arrival, make: impl FnOnce() -> F) -> Self {
        Self::making(Ambience::Arrived(arrival), make)
    }

    fn making(ambience: Ambience, make: impl FnOnce() -> F) -> Self {
        let attached = Context::current_with_value(ambience.clone()).attach();
        let future = make();
        drop(attached);
        Self { future, ambience }
    }
}

impl<F> std::fmt::Debug for Ambient<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ambient").field("ambience", &self.ambience).finish_non_exhaustive()
    }
}

impl<F: Future> Future for Ambient<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, waking: &mut Waking<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Around the context of this very poll: a span that was entered since then stays the active one.
        let _attached = Context::current_with_value(this.ambience.clone()).attach();
        this.future.poll(waking)
    }
}

/// Runs `future` as part of the operation that `admission` admitted.
pub fn with_admission<F: Future>(admission: Admission, future: F) -> Ambient<F> {
    Ambient::admitted(admission, || future)
}

/// Runs `future` as part of a request that arrived and in which no operation was admitted yet.
///
/// An operation that is running around it is hidden: a new request is not part of it.
pub fn with_arrival<F: Future>(arrival: Arrival, future: F) -> Ambient<F> {
    Ambient::arrived(arrival, || future)
}

/// Runs `work` as part of the operation that `admission` admitted: for what [`Kest::originate`] and
/// [`Joined::admit`] return.
///
/// [`Kest::originate`]: kest_core::Kest::originate
/// [`Joined::admit`]: kest_core::Joined::admit
pub async fn run_admitted<Work, Running>(admission: Admission, work: Work) -> Running::Output
where
    Work: FnOnce(Admission) -> Running + Send,
    Running: Future + Send,
{
    let given = admission.clone();
    with_admission(admission, async move { work(given).await }).await
}

/// Asks policy, signs the entry, and runs the work of a nested operation.
///
/// ```
/// # use std::sync::Arc;
/// # use kest_core::{Kest, Operation, OsRandom, policy::dangerous_allow_all, trust::Origin};
/// # use kest_core::signature::{Ed25519Signer, WorkloadId};
/// use kest_baggage::{RunNested as _, current_admission};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let workload = WorkloadId::new("spiffe://example.org/cart")?;
/// # let kest = Kest::builder(Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom)?)).build();
/// # let policy = dangerous_allow_all();
/// # let admission = kest.originate(Origin::system(), &Operation::named("nightly")?, &policy).await?;
/// let entries = admission
///     .operation(Operation::named("resize")?)
///     .run(&policy, |admission| async move {
///         assert_eq!(current_admission().unwrap().entry().hash(), admission.entry().hash());
///         admission.passport().len()
///     })
///     .await?;
/// assert_eq!(entries, 2);
/// # Ok(())
/// # }
/// ```
pub trait RunNested {
    /// Admits the operation within `Limits::admission_wait`, then runs `work` as part of it.
    ///
    /// # Errors
    ///
    /// [`AdmitError`]; `work` did not run then.
    fn run<Work, Running>(
        self,
        policy: &dyn Authorize,
        work: Work,
    ) -> impl Future<Output = Result<Running::Output, AdmitError>> + Send
    where
        Work: FnOnce(Admission) -> Running + Send,
        Running: Future + Send;
}

impl RunNested for Nested<'_> {
    async fn run<Work, Running>(
        self,
        policy: &dyn Authorize,
        work: Work,
    ) -> Result<Running::Output, AdmitError>
    where
        Work: FnOnce(Admission) -> Running + Send,
        Running: Future + Send,
    {
        let wait = self.kest().limits().admission_wait;
        let admission = match tokio::time::timeout(wait, self.admit(policy)).await {
            Ok(admitted) => admitted?,
            Err(elapsed) => return Err(AdmitError::Authorize(AuthorizeError::Unavailable(elapsed.into()))),
        };
        Ok(run_admitted(admission, work).await)
    }
}

#[cfg(test)]
#[path = "tests/ambient.rs"]
mod tests;
