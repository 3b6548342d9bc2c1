//! The seam to the audit log: what a service did, refused and finished, told in the order in which it happened.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::BoxError;
use crate::admission::Admission;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::entry::{Entry, EntryHash, EntryId, OperationName};
use crate::passport::Passport;
use crate::refusal::Step;
use crate::signature::WorkloadId;

/// Keeps what a service did: every signed operation before it runs, every refusal, every end.
///
/// Given to a service once, it is told of every way into a lineage: routes, nested operations, joins, messages, work that
/// the service or one of its clients starts.
#[async_trait]
pub trait Audit: fmt::Debug + Send + Sync {
    /// Records a signed operation; it runs only after this returned.
    ///
    /// Dropping the future halfway must leave the record whole or absent. Whichever it is, [`finished`](Self::finished)
    /// then says [`Ending::NotRun`].
    ///
    /// # Errors
    ///
    /// [`AuditError`] when it cannot be recorded: the operation is refused with 503 and does not run.
    async fn signed(&self, signed: &Signed<'_>) -> Result<(), AuditError>;

    /// Records a refusal, without waiting: strangers cause refusals, so nothing may hang on one.
    fn refused(&self, refused: &Refused<'_>);

    /// Records the end of an operation, without waiting: it has run already.
    fn finished(&self, finished: &Finished);

    /// Records which keys and policies count from here on, without waiting: before the first operation, and before the first that
    /// comes after a change. A log that keeps no such records leaves it alone.
    ///
    /// # Errors
    ///
    /// [`AuditError`] where it cannot be taken now: it is told again with what comes next.
    fn in_force(&self, in_force: &InForceDigests) -> Result<(), AuditError> {
        let _not_kept = in_force;
        Ok(())
    }
}

/// What a service goes by, as digests: a reader who has the same bundle and the same files can tell that they are these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InForceDigests {
    /// [That](crate::signature::Bundle::digest) of the keys that it trusts; `None` where it has none for all passports.
    pub keys: Option<EntryHash>,
    /// That of the files that its policies were read from; `None` where they are code.
    pub policies: Option<EntryHash>,
}

/// An operation that policy allowed and whose entry is signed, about to run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Signed<'it> {
    /// The entry.
    pub entry: &'it Arc<Entry>,
    /// The lineage with the entry at its end: what it follows, verified.
    pub passport: &'it Passport,
}

/// Something was refused. No content is in it: names of the configuration, and what was proved.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Refused<'it> {
    /// Where.
    pub step: Step,
    /// The stable name of what was wrong.
    pub kind: &'static str,
    /// The name of the finer kind.
    pub cause: Option<&'it str>,
    /// The operation, where it is known.
    pub operation: Option<&'it OperationName>,
    /// The id that its entry would have had.
    pub entry_id: Option<EntryId>,
    /// Who called, where that was proved.
    pub caller: Option<&'it Caller>,
    /// The workload that signed the tip of the passport, where that was proved.
    pub workload: Option<&'it WorkloadId>,
}

/// An operation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// Its entry.
    pub entry: EntryHash,
    /// How.
    pub ending: Ending,
    /// The first digit of the answer's status, where there was an answer.
    pub status_class: Option<u8>,
    /// Milliseconds from its signature to its end, by the service's clock.
    pub millis: u64,
    /// The SHA-256 of what it gave, where that was asked for and the operation is [`Complete`](Ending::Complete).
    pub content_hash: Option<EntryHash>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It answered and its answer was taken to the end, or its work returned.
    Complete,
    /// It was dropped before its end: the client hung up, or its time was over.
    CutOff,
    /// It gave an error in place of an answer.
    Failed,
    /// It panicked.
    Panicked,
    /// It did not run: it was not recorded in time, or its caller hung up before.
    NotRun,
    /// The last that held its admission let go of it, without a word about its end.
    Released,
}

impl Ending {
    /// Every ending.
    pub const ALL: &'static [Self] =
        &[Self::Complete, Self::CutOff, Self::Failed, Self::Panicked, Self::NotRun, Self::Released];

    /// A stable name for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::CutOff => "cut_off",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::NotRun => "not_run",
            Self::Released => "released",
        }
    }
}

/// An operation could not be recorded, and so did not run; a retry may help.
#[derive(Debug, thiserror::Error)]
#[error("operation could not be recorded")]
pub struct AuditError {
    source: BoxError,
    kind: &'static str,
}

impl AuditError {
    /// Wraps the log's own cause under a stable name for logs and metrics, such as `full`.
    pub fn new(kind: &'static str, cause: impl Into<BoxError>) -> Self {
        Self { source: cause.into(), kind }
    }

    /// The name of the cause.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

/// An operation from its signature to its end: says the end once, whatever becomes of it.
#[derive(Debug)]
pub(crate) struct Recording {
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    entry: EntryHash,
    began: u64,
    status_class: AtomicU8,
    content_hash: OnceLock<EntryHash>,
    runs: AtomicBool,
    said: AtomicBool,
}

impl Recording {
    /// Records the operation. Where that fails, or is not waited for, the end is that it did not run.
    pub(crate) async fn begin(
        audit: &Arc<dyn Audit>,
        clock: &Arc<dyn Clock>,
        signed: Signed<'_>,
    ) -> Result<Self, AuditError> {
        let recording = Self {
            audit: Arc::clone(audit),
            clock: Arc::clone(clock),
            entry: signed.entry.hash(),
            began: clock.unix_millis(),
            status_class: AtomicU8::new(0),
            content_hash: OnceLock::new(),
            runs: AtomicBool::new(false),
            said: AtomicBool::new(false),
        };
        audit.signed(&signed).await?;
        recording.runs.store(true, Ordering::Release);
        Ok(recording)
    }

    pub(crate) fn answered(&self, status: u16) {
        let class = u8::try_from(status / 100).unwrap_or_default();
        self.status_class.store(class, Ordering::Release);
    }

    pub(crate) fn gave(&self, content: EntryHash) {
        // What was given is given: another word about it comes too late.
        let _given_already = self.content_hash.set(content);
    }

    /// Says the end; only the first time counts.
    pub(crate) fn finish(&self, ending: Ending) {
        if self.said.swap(true, Ordering::AcqRel) {
            return;
        }
        let class = self.status_class.load(Ordering::Acquire);
        self.audit.finished(&Finished {
            entry: self.entry,
            ending,
            status_class: (class > 0).then_some(class),
            millis: self.clock.unix_millis().saturating_sub(self.began),
            // The hash of a part, or of what did not arrive, would pass for the whole.
            content_hash: self.content_hash.get().copied().filter(|_| ending == Ending::Complete),
        });
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let ran = self.runs.load(Ordering::Acquire);
        self.finish(match (ran, std::thread::panicking()) {
            (false, _) => Ending::NotRun,
            (true, true) => Ending::Panicked,
            (true, false) => Ending::Released,
        });
    }
}

/// Says that an operation was cut off, or panicked, unless another end was said before. Of one that no audit log waits for it
/// holds nothing.
#[derive(Debug, Default)]
#[must_use = "the operation ends when it is dropped"]
pub struct EndGuard(Option<Admission>);

impl EndGuard {
    /// Waits for the end of the operation that `admission` admitted.
    pub fn of(admission: &Admission) -> Self {
        Self(Some(admission).filter(|it| it.is_audited()).cloned())
    }

    /// Whether it is this guard that says the end.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.0.is_some()
    }

    /// Says how it ended.
    pub fn end(&mut self, ending: Ending) {
        if let Some(admission) = self.0.take() {
            admission.finished(ending);
        }
    }

    /// Notes what the operation gave.
    pub fn gave(&self, content: EntryHash) {
        if let Some(admission) = &self.0 {
            admission.gave(content);
        }
    }

    /// Says nothing any more: another guard has the word.
    pub fn hand_over(&mut self) {
        self.0 = None;
    }

    /// Runs `work`, a part of the operation: a panic in it is the operation's end, also where it is caught further out.
    pub fn watch<Done>(&mut self, work: impl FnOnce() -> Done) -> Done {
        struct Watched<'it>(&'it mut EndGuard);
        impl Drop for Watched<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.end(Ending::Panicked);
                }
            }
        }
        let _watched = Watched(self);
        work()
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.end(if std::thread::panicking() { Ending::Panicked } else { Ending::CutOff });
    }
}

#[cfg(test)]
#[path = "tests/audit.rs"]
mod tests;
