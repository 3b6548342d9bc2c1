//! The log of a service, wherever it lies: what waits for its record, and how durable that must be before an operation runs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kest_core::audit::{Audit, AuditError, Finished, InForceDigests, Refused, Signed};
use kest_core::entry::EntryHash;
use kest_core::signature::Sign;
use kest_core::{Clock, Limits, OsRandom, Random, SystemClock};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::place::{Append, OpenError};
use crate::queue::{Item, NotTaken, Queue, Room};
use crate::record::{LINE_BYTES, Record, Refusal};
use crate::tree::TreeHash;
use crate::writer::{Settings, Writer};

/// What an operation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// It runs after its record is on the disk. A disk that is full or slow, or a database that is away, refuses it with 503.
    Required,
    /// It runs at once. What is lost is counted, and the count is recorded.
    BestEffort,
}

/// What writes an audit log, wherever that lies: given to a service as its [`Audit`].
///
/// [`JsonLines`](crate::JsonLines) is one in a folder; other crates have other places.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    durability: Durability,
    wait: Duration,
    clock: Arc<dyn Clock>,
    /// The second that refusals are counted in, and how many of them came.
    refusals: Mutex<(u64, usize)>,
    refusals_a_second: usize,
    late: Mutex<Late>,
}

/// What came after the log's end, and is in no record.
#[derive(Debug, Default)]
struct Late {
    /// The second in which that was said last.
    told: Option<u64>,
    /// So many since.
    records: u64,
}

/// Builds a [`Recorder`].
#[derive(Debug)]
#[must_use]
pub struct RecorderBuilder {
    place: Box<dyn Append>,
    settings: RecorderSettings,
}

/// What a recorder goes by, whatever its place is.
#[derive(Debug)]
pub(crate) struct RecorderSettings {
    pub(crate) signer: Arc<dyn Sign>,
    pub(crate) durability: Durability,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) segment_bytes: u64,
}

impl RecorderBuilder {
    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Draws from this source.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.settings.random = random;
        self
    }

    /// Begins another part, which the ones before can be deleted from, after so many bytes; after 64 MiB otherwise.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.settings.segment_bytes = bytes;
        self
    }

    /// Begins to write.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where that cannot be, or no tokio runtime is running.
    pub async fn open(self) -> Result<Recorder, OpenError> {
        let (recorder, settings, queue) = self.settings.prepare()?;
        let place = self.place;
        let (began, begun) = oneshot::channel();
        spawn(move || {
            let writer = match Writer::begin(place, settings, queue) {
                Ok(writer) => writer,
                Err(error) => return tell(began, Err(error)),
            };
            tell(began, Ok(()));
            writer.run();
        })?;
        let begun = begun.await.map_err(|gone| OpenError(gone.into()))?;
        begun.map_err(|cause| OpenError(cause.into()))?;
        Ok(recorder)
    }
}

/// An opening that was given up has dropped its recorder, which closes the log.
fn tell(began: oneshot::Sender<io::Result<()>>, result: io::Result<()>) {
    if began.send(result).is_err() {
        tracing::debug!("audit log was given up while it was begun");
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    let thread = std::thread::Builder::new().name("kest-audit".to_owned());
    thread.spawn(run).map(drop).map_err(|cause| OpenError(cause.into()))
}

impl RecorderSettings {
    pub(crate) fn new(signer: Arc<dyn Sign>, durability: Durability) -> Self {
        Self {
            signer,
            durability,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            segment_bytes: SEGMENT_BYTES,
        }
    }

    /// Begins to write in `place`, on this thread.
    pub(crate) fn begin(
        self,
        place: impl FnOnce() -> io::Result<Box<dyn Append>>,
    ) -> Result<Recorder, OpenError> {
        let (recorder, settings, queue) = self.prepare()?;
        let place = place().map_err(|cause| OpenError(cause.into()))?;
        let writer = Writer::begin(place, settings, queue).map_err(|cause| OpenError(cause.into()))?;
        spawn(move || writer.run())?;
        Ok(recorder)
    }

    fn prepare(self) -> Result<(Recorder, Settings, Arc<Queue>), OpenError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|cause| OpenError(cause.into()))?;
        if self.limits.entry_bytes > LINE_BYTES - LINE_ROOM {
            let longest = LINE_BYTES - LINE_ROOM;
            return Err(OpenError(
                format!("entries may be longer than the {longest} bytes of a line").into(),
            ));
        }
        let room = Room {
            signed: self.limits.audit_waiting,
            refused: self.limits.audit_waiting,
            finished: self.limits.audit_waiting.saturating_mul(8),
        };
        let queue = Arc::new(Queue::new(room, Arc::clone(&self.clock)));
        let settings = Settings {
            signer: self.signer,
            clock: Arc::clone(&self.clock),
            random: self.random,
            runtime,
            segment_bytes: self.segment_bytes,
        };
        let recorder = Recorder {
            queue: Arc::clone(&queue),
            durability: self.durability,
            wait: self.limits.audit_wait,
            clock: self.clock,
            refusals: Mutex::default(),
            refusals_a_second: self.limits.audit_refusals_a_second,
            late: Mutex::default(),
        };
        Ok((recorder, settings, queue))
    }
}

impl Recorder {
    /// One that writes to `place`, sealed by `signer`: that of the service.
    pub fn builder(
        place: impl Append + 'static,
        signer: Arc<dyn Sign>,
        durability: Durability,
    ) -> RecorderBuilder {
        RecorderBuilder { place: Box::new(place), settings: RecorderSettings::new(signer, durability) }
    }

    /// Records which trust bundle and which policies count from here on, by their SHA-256. Of a service that is built as a whole the
    /// log hears it [by itself](Audit::in_force).
    ///
    /// # Errors
    ///
    /// [`AuditError`] where it cannot be recorded in time.
    pub async fn in_force(
        &self,
        keys: Option<TreeHash>,
        policies: Option<TreeHash>,
    ) -> Result<(), AuditError> {
        let text = |hash: TreeHash| hash.to_hex().into();
        self.note(Record::InForce { keys: keys.map(text), policies: policies.map(text) }).await
    }

    /// Records that the files of `writer` up to the record `through`, whose hash is `hash`, are deleted: before they are. It is
    /// sealed when this returns, since a deletion that no checkpoint seals is not believed.
    ///
    /// # Errors
    ///
    /// [`AuditError`] where it cannot be recorded and sealed in time: delete nothing then.
    pub async fn removed(&self, writer: Uuid, through: u64, hash: TreeHash) -> Result<(), AuditError> {
        self.note(Record::Removed { hash: hash.to_hex().into(), through, writer }).await
    }

    /// Writes all that waits, ends in order and seals the whole. What comes later is refused.
    ///
    /// # Errors
    ///
    /// [`AuditError`] where the end could not be written within 10 s; what was promised before is there.
    pub async fn close(&self) -> Result<(), AuditError> {
        let (reply, kept) = oneshot::channel();
        self.put(Item::Close(reply))?;
        answer(kept, CLOSE_WAIT).await
    }

    async fn note(&self, record: Record<'static>) -> Result<(), AuditError> {
        let (reply, kept) = oneshot::channel();
        self.put(Item::Note { record: Box::new(record), reply: Some(reply) })?;
        self.kept(kept).await
    }

    fn put(&self, item: Item) -> Result<(), AuditError> {
        self.queue.put(item).map_err(|cause| match cause {
            NotTaken::Full => AuditError::new("overloaded", "too many operations wait for the log"),
            NotTaken::Closed => AuditError::new("closed", "log is closed"),
        })
    }

    async fn kept(&self, kept: oneshot::Receiver<Result<(), AuditError>>) -> Result<(), AuditError> {
        answer(kept, self.wait).await
    }

    /// What there was no room for is counted, and recorded. What comes after the log's end cannot be: that is said, once a second.
    fn heed(&self, put: Result<(), NotTaken>) {
        if put != Err(NotTaken::Closed) {
            return;
        }
        let second = self.clock.unix_seconds();
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        late.records = late.records.saturating_add(1);
        if late.told != Some(second) {
            late.told = Some(second);
            late.tell();
        }
    }

    /// Whether this refusal is within what one second may write: strangers cause them, and may not fill the disk with them.
    fn has_room_for_refusal(&self) -> bool {
        let second = self.clock.unix_seconds();
        let mut counted = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.0 != second {
            *counted = (second, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= self.refusals_a_second
    }
}

#[async_trait]
impl Audit for Recorder {
    async fn signed(&self, signed: &Signed<'_>) -> Result<(), AuditError> {
        let item = |reply| Item::Signed {
            entry: Arc::clone(signed.entry),
            passport: signed.passport.clone(),
            reply,
        };
        match self.durability {
            Durability::Required => {
                let (reply, kept) = oneshot::channel();
                self.put(item(Some(reply)))?;
                self.kept(kept).await
            }
            Durability::BestEffort => {
                self.heed(self.queue.put(item(None)));
                Ok(())
            }
        }
    }

    fn refused(&self, refused: &Refused<'_>) {
        if !self.has_room_for_refusal() {
            self.heed(self.queue.lose_refusal());
            return;
        }
        let text = |name: &str| name.to_owned().into();
        let caller = refused.caller;
        let refusal = Refusal {
            agent: caller.and_then(|it| it.agent()).map(text),
            cause: refused.cause.map(text),
            entry_id: refused.entry_id.and_then(|id| id.to_string().parse().ok()),
            kind: text(refused.kind),
            operation: refused.operation.map(|name| text(name.as_str())),
            step: text(refused.step.as_str()),
            task: caller.and_then(|it| it.task()).map(text),
            tenant: caller.and_then(|it| it.tenant()).map(text),
            user: caller.and_then(|it| it.user()).map(text),
            workload: refused.workload.map(|it| text(it.as_str())),
        };
        self.heed(self.queue.put(Item::Refused(Box::new(refusal))));
    }

    fn finished(&self, finished: &Finished) {
        self.heed(self.queue.put(Item::Finished(*finished)));
    }

    fn in_force(&self, in_force: &InForceDigests) -> Result<(), AuditError> {
        let text = |hash: EntryHash| hash.to_hex().into();
        let (keys, policies) = (in_force.keys.map(text), in_force.policies.map(text));
        self.put(Item::Note { record: Box::new(Record::InForce { keys, policies }), reply: None })
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // The thread ends by itself, in order where the process lives long enough.
        let (reply, _unheard) = oneshot::channel();
        let _closed_before = self.queue.put(Item::Close(reply));
        self.late.get_mut().unwrap_or_else(PoisonError::into_inner).tell();
    }
}

impl Late {
    fn tell(&mut self) {
        let records = std::mem::take(&mut self.records);
        if records > 0 {
            tracing::warn!(records, "audit log is closed, and these are not in it");
        }
    }
}

async fn answer(kept: oneshot::Receiver<Result<(), AuditError>>, wait: Duration) -> Result<(), AuditError> {
    match tokio::time::timeout(wait, kept).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(gone)) => Err(AuditError::new("closed", gone)),
        Err(elapsed) => Err(AuditError::new("slow", elapsed)),
    }
}

/// How long the end of a log may take: all that waits is written first.
const CLOSE_WAIT: Duration = Duration::from_secs(10);
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// What stands in a line beside an entry.
const LINE_ROOM: usize = 1024;
