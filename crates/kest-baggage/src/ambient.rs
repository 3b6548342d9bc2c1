//! Carries the running request beside the code that serves it, for as long as that code is polled.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use kest_core::audit::{EndGuard, Ending};
use kest_core::entry::TraceId;
use kest_core::{Admission, AdmitError, Arrival, Authorize, Identity, Nested, Passport};
use pin_project_lite::pin_project;
use tracing::Instrument as _;

use crate::ambience::{Ambience, LineageContext};
use crate::answer::Answer;
use crate::grpc_status::note_trailers;

/// The operation that the running code is part of; `None` outside of one.
#[must_use]
pub fn current_admission() -> Option<Admission> {
    match LineageContext::current()? {
        LineageContext::Admitted(admission) => Some(admission),
        LineageContext::Arrived(_) => None,
    }
}

/// What the running request, or the running operation, came with.
#[must_use]
pub fn current_arrival() -> Option<Arrival> {
    LineageContext::current().map(|ambience| ambience.arrival().clone())
}

/// The lineage so far: with the running operation's own entry where one was signed, else as it arrived.
#[must_use]
pub fn current_passport() -> Option<Passport> {
    match LineageContext::current()? {
        LineageContext::Admitted(admission) => Some(admission.passport().clone()),
        LineageContext::Arrived(arrival) => arrival.lineage().passport().cloned(),
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
    let ambience = LineageContext::current()?;
    name(ambience.arrival().caller().identity()).map(str::to_owned)
}

/// The trace that the running operation's entry names, else the one of the lineage that arrived.
///
/// Which trace an entry names is decided when it is signed: [`AdmitterBuilder::trace_source`] says how to ask a tracer.
///
/// [`AdmitterBuilder::trace_source`]: kest_core::AdmitterBuilder::trace_source
#[must_use]
pub fn current_trace_id() -> Option<TraceId> {
    match LineageContext::current()? {
        LineageContext::Admitted(admission) => admission.entry().labels().trace_id().and_then(TraceId::parse),
        LineageContext::Arrived(arrival) => arrival
            .lineage()
            .passport()?
            .tip_entries()
            .find_map(|tip| tip.labels().trace_id().and_then(TraceId::parse)),
    }
}

pin_project! {
    /// Runs a future, or streams a body, with an [`Ambience`] around it.
    ///
    /// It is attached while the work is polled or dropped and at no other time, so that requests that share a thread
    /// never see each other's. A task that it spawns does not inherit it: wrap what is spawned as well.
    #[must_use = "futures do nothing unless polled"]
    pub struct Ambient<F> {
        #[pin]
        work: Option<F>,
        ambience: Ambience,
        answer: Answer,
    }

    impl<F> PinnedDrop for Ambient<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Work that is cut off cleans up under its own lineage. Tracers end a span where it was left last.
            this.ambience.scope_within_span(|| this.work.set(None));
        }
    }
}

impl<F: Future> Ambient<F> {
    /// The future that `make` gives, which runs as part of the operation that `admission` admitted; so does `make`.
    pub fn admitted(admission: Admission, make: impl FnOnce() -> F) -> Self {
        Self::making(admission.into(), make)
    }

    /// The future that `make` gives, which runs as part of a request that arrived; so does `make`.
    ///
    /// An operation that is running around it is hidden: a new request is not part of it.
    pub fn arrived(arrival: Arrival, make: impl FnOnce() -> F) -> Self {
        Self::making(arrival.into(), make)
    }

    fn making(ambience: Ambience, make: impl FnOnce() -> F) -> Self {
        let work = Some(ambience.scope(make));
        Self { work, ambience, answer: Answer::default() }
    }
}

impl Ambience {
    /// Puts this around `work`, a future or an [`http_body::Body`], in whichever task it is polled.
    pub fn wrap<Work>(self, work: Work) -> Ambient<Work> {
        let answer = Answer::default();
        Ambient { work: Some(work), ambience: self, answer }
    }
}

impl Ambience {
    /// Puts this around the body of an answer, whose end is the operation's: [`Complete`](Ending::Complete) once it was
    /// streamed to its end, or to its `length` where the answer names that; else [`CutOff`](Ending::CutOff).
    pub fn wrap_answer<B>(self, body: B, length: Option<u64>) -> Ambient<B> {
        let answer = Answer::of(self.audited().map(EndGuard::of).unwrap_or_default(), length);
        Ambient { work: Some(body), ambience: self, answer }
    }
}

impl<B> Ambient<B> {
    /// Has the SHA-256 of the answer recorded with its end: of its data, as the body gives it, without trailers. One that is not taken
    /// whole has none. Nothing is held back and nothing kept but the state of the hash.
    pub fn with_content_hash(mut self) -> Self {
        self.answer.hash();
        self
    }
}

impl<Work> Ambient<Work> {
    /// What runs, or is streamed; there until this is dropped.
    pub fn get_ref(&self) -> Option<&Work> {
        self.work.as_ref()
    }
}

/// An empty body, or a future that is made of nothing, outside of every request.
impl<Work: Default> Default for Ambient<Work> {
    fn default() -> Self {
        Ambience::default().wrap(Work::default())
    }
}

impl<F> std::fmt::Debug for Ambient<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ambient").field("ambience", &self.ambience).finish_non_exhaustive()
    }
}

impl<F: Future> Future for Ambient<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let work = this.work.as_pin_mut();
        // It is there until it is dropped, and is not polled then.
        this.ambience.scope(|| work.map_or(Poll::Pending, |future| future.poll(context)))
    }
}

impl<B: Body> Body for Ambient<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let mut work = this.work.as_pin_mut();
        let (ambience, answer) = (this.ambience, this.answer);
        if ambience.audited().is_none() {
            let poll = || work.map_or(Poll::Ready(None), |body| body.poll_frame(context));
            let polled = ambience.scope_within_span(poll);
            note_trailers(ambience, &polled);
            return polled;
        }
        let mut ended = false;
        let polled = answer.end.watch(|| {
            ambience.scope_within_span(|| {
                let frame = work.as_mut().map_or(Poll::Ready(None), |body| body.as_mut().poll_frame(context));
                ended = work
                    .as_ref()
                    .is_none_or(|body| body.is_end_stream() || body.size_hint().exact() == Some(0));
                frame
            })
        });
        note_trailers(ambience, &polled);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => answer.sent(frame.data_ref(), ended),
            Poll::Ready(Some(Err(_))) => answer.end.end(Ending::Failed),
            Poll::Ready(None) => answer.sent(None::<&B::Data>, true),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.ambience.scope(|| self.work.as_ref().is_none_or(Body::is_end_stream));
        if ended {
            self.answer.said_to_have_ended();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.ambience.scope(|| self.work.as_ref().map_or_else(SizeHint::default, Body::size_hint))
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

/// Runs `work` as part of the operation that `admission` admitted: for what [`Admitter::originate`] and
/// [`Joined::admit`] return.
///
/// [`Admitter::originate`]: kest_core::Admitter::originate
/// [`Joined::admit`]: kest_core::Joined::admit
pub async fn run_admitted<Work, Running>(admission: Admission, work: Work) -> Running::Output
where
    Work: FnOnce(Admission) -> Running + Send,
    Running: Future + Send,
{
    let given = admission.clone();
    let mut until = EndGuard::of(&admission);
    let span = admission.span().clone();
    let done = with_admission(admission, async move { work(given).await }).instrument(span).await;
    until.end(Ending::Complete);
    done
}

/// Asks policy, signs the entry, and runs the work of a nested operation.
///
/// ```
/// # use std::sync::Arc;
/// # use kest_core::{Admitter, Operation, OsRandom, policy::dangerous_allow_all, trust::Origin};
/// # use kest_core::signature::{Ed25519Signer, WorkloadId};
/// use kest_baggage::{RunNested as _, current_admission};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let workload = WorkloadId::new("spiffe://example.org/cart")?;
/// # let kest = Admitter::builder(Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom)?)).build();
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
        let in_time = tokio::time::sleep(self.admitter().limits().admission_wait);
        let admission = self.admit_by(policy, in_time).await?;
        Ok(run_admitted(admission, work).await)
    }
}

#[cfg(test)]
#[path = "tests/ambient.rs"]
mod tests;
