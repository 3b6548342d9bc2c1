//! What becomes of the log when its place, its signer or its own end fails: what is lost is counted, and the log goes on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kest_audit::{Append, Batch, CommitError, Durability, JsonLines, Line, Log, Recorder, Tail};
use kest_core::signature::{
    Ed25519Signer, KeyId, PublicKey, Sign, Signature, SignerError, SigningKey, WorkloadId,
};
use kest_core::{Admitter, Audit, Clock};
use tracing::field::{Field, Visit};
use tracing::span;
use uuid::Uuid;

use crate::rig::{Rig, begin, files, kinds, operate, patient, signer, verify};

/// A folder with a disk that is full as soon as something is to be kept that runs.
#[derive(Debug)]
struct NoRoom(PathBuf);

impl NoRoom {
    fn file(&self, writer: Uuid) -> PathBuf {
        self.0.join(format!("{writer}.000001.jsonl"))
    }
}

impl Append for NoRoom {
    fn latest(&mut self, _most: usize) -> std::io::Result<Vec<(Uuid, Tail)>> {
        Ok(Vec::new())
    }

    fn begin(&mut self, (writer, _number): (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError> {
        std::fs::write(self.file(writer), batch.bytes()).map_err(CommitError::Undone)
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        let runs =
            |line: &str| ["signed", "finished"].contains(&Line::read(line.as_bytes()).unwrap().record.kind());
        if batch.lines().any(runs) {
            return Err(CommitError::Undone(std::io::ErrorKind::StorageFull.into()));
        }
        let writer = Line::read(batch.lines().next().unwrap().as_bytes()).unwrap().writer;
        let text = std::fs::read(self.file(writer)).unwrap();
        std::fs::write(self.file(writer), [&text, batch.bytes()].concat()).map_err(CommitError::Undone)
    }
}

fn service(log: &Arc<Recorder>) -> Admitter {
    let shared: Arc<dyn Audit> = Arc::<Recorder>::clone(log);
    Admitter::builder(signer("cart")).audit(shared).build()
}

/// Attack: the disk is full until the log ends, which then says that it is complete.
#[tokio::test]
async fn losses_of_the_last_write_are_counted_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let place = NoRoom(folder.path().to_owned());
    // A checkpoint that comes since a second has passed is no part of this.
    let log = Recorder::builder(place, signer("cart"), Durability::BestEffort).clock(Still::new());
    let log = Arc::new(log.limits(patient()).open().await.unwrap());
    let service = service(&log);
    for _operation in 0..5 {
        drop(operate(&service, "step").await);
    }
    log.close().await.unwrap();
    let report = verify(folder.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!((report.writers[0].lost, report.writers[0].state.as_str()), (10, "ended"));
    let lines: Vec<_> = Log::open(folder.path()).unwrap().lines().map(Result::unwrap).collect();
    let recorded: Vec<_> = lines.iter().map(|line| line.read().unwrap().record.kind()).collect();
    assert_eq!(recorded, ["start", "lost", "end", "checkpoint"]);
}

/// A folder that loses track of what it wrote, once, and says which writers begin.
#[derive(Debug)]
struct Unsure(NoRoom, std::sync::mpsc::Sender<Uuid>);

impl Append for Unsure {
    fn latest(&mut self, most: usize) -> std::io::Result<Vec<(Uuid, Tail)>> {
        self.0.latest(most)
    }

    fn begin(&mut self, part: (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError> {
        self.0.begin(part, batch)?;
        self.1.send(part.0).map_err(|gone| CommitError::Undone(std::io::Error::other(gone)))
    }

    fn append(&mut self, _batch: &Batch<'_>) -> Result<(), CommitError> {
        Err(CommitError::Unknown(std::io::ErrorKind::TimedOut.into()))
    }
}

/// Failure: after a write that may be torn nothing comes, and a watcher sees no sign of the log, which waits for an operation.
#[tokio::test]
async fn log_goes_on_under_a_new_name_before_anything_is_to_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (begins, began) = std::sync::mpsc::channel();
    let place = Unsure(NoRoom(folder.path().to_owned()), begins);
    let log = Recorder::builder(place, signer("cart"), Durability::Required).limits(patient());
    let log = log.open().await.unwrap();
    log.in_force(None, None).await.unwrap_err();
    let writers = || began.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_ne!(writers(), writers());
    drop(log);
}

/// Attack: files without a record, with late names, take all places in which a start names the writers before it.
#[tokio::test]
async fn files_without_a_record_do_not_blind_a_new_start() {
    let rig = Rig::new();
    rig.log.close().await.unwrap();
    let first = files(rig.path()).remove(0);
    let planted =
        |number: u128| rig.path().join(format!("{}.000001.jsonl", Uuid::from_u128(u128::MAX - number)));
    (0..100).for_each(|number| std::fs::write(planted(number), "").unwrap());
    let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    next.close().await.unwrap();
    (0..100).for_each(|number| std::fs::remove_file(planted(number)).unwrap());
    std::fs::remove_file(first).unwrap();
    assert_eq!(kinds(&verify(rig.path())), ["writer_missing"]);
}

/// What was said at the level of a warning.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// Milliseconds that stand still until they are set.
#[derive(Debug)]
struct Still(AtomicU64);

impl Still {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_000_000_000_000)))
    }

    fn pass(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Attack: the log has ended, operations run on at a best effort, and nothing says that they leave no trace.
#[tokio::test]
async fn operations_after_the_end_of_the_log_are_counted_and_told_once_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Still::new();
    let log = JsonLines::builder(folder.path(), signer("cart"), Durability::BestEffort);
    let log = log.limits(patient()).clock(Arc::<Still>::clone(&clock)).open().unwrap();
    let log = Arc::new(Recorder::from(log));
    let service = service(&log);
    log.close().await.unwrap();
    let warnings = Warnings::default();
    let _heard = tracing::subscriber::set_default(warnings.clone());
    for _operation in 0..3 {
        drop(operate(&service, "late").await);
    }
    clock.pass(1000);
    drop(operate(&service, "late").await);
    drop((service, log));
    let told = std::mem::take(&mut *warnings.0.lock().unwrap());
    let told: Vec<_> = told.iter().filter(|it| it.contains("log is closed")).collect();
    // The first record, the five of that second with the first of the next one, and the last.
    let counts = ["records=1 ", "records=6 ", "records=1 "];
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().zip(counts).all(|(told, count)| told.contains(count)), "{told:?}");
}

/// A signer whose keys do as they are told, and count how often they are asked.
#[derive(Debug)]
struct Away {
    inner: Arc<Ed25519Signer>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy)]
enum Mood {
    Fails,
    Panics,
    /// It has a timer, so that it needs a runtime that runs.
    Waits,
}

#[derive(Debug)]
struct AwayKey {
    inner: Arc<dyn SigningKey>,
    mood: Mood,
    asked: Arc<AtomicU64>,
}

impl Away {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self { inner: signer("cart"), mood: Arc::new(Mutex::new(mood)), asked: Arc::default() })
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Sign for Away {
    fn workload(&self) -> &WorkloadId {
        self.inner.workload()
    }

    fn current(&self) -> Arc<dyn SigningKey> {
        let mood = *self.mood.lock().unwrap();
        Arc::new(AwayKey { inner: self.inner.current(), mood, asked: Arc::clone(&self.asked) })
    }
}

#[async_trait]
impl SigningKey for AwayKey {
    fn workload(&self) -> &WorkloadId {
        self.inner.workload()
    }

    fn key_id(&self) -> &KeyId {
        self.inner.key_id()
    }

    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    async fn sign(&self, signing_input: &[u8]) -> Result<Signature, SignerError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.mood {
            Mood::Fails => return Err(SignerError::new("away")),
            Mood::Panics => panic!("a signer with a mistake in it"),
            Mood::Waits => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        self.inner.sign(signing_input).await
    }
}

/// A signer that is away is asked at each checkpoint, and not for each write; meanwhile files are kept as small as they were.
#[tokio::test]
async fn signer_that_is_away_is_asked_once_a_second_and_the_log_rotates() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, away) = (Still::new(), Away::new(Mood::Fails));
    let shared: Arc<dyn Sign> = Arc::<Away>::clone(&away);
    let log = JsonLines::builder(folder.path(), shared, Durability::Required);
    let log = log.limits(patient()).clock(Arc::<Still>::clone(&clock)).segment_bytes(2048).open().unwrap();
    for second in 0..3 {
        for _note in 0..20 {
            log.in_force(None, None).await.unwrap();
        }
        assert_eq!(away.asked(), second, "what comes within a second is not sealed one by one");
        clock.pass(1000);
    }
    assert!(files(folder.path()).len() > 3);
    *away.mood.lock().unwrap() = Mood::Waits;
    log.close().await.unwrap();
    let report = verify(folder.path());
    assert!(report.holds(), "{:?}", report.faults);
}

/// A mistake in a signer ends no log: records are kept, and the next checkpoint seals them.
#[tokio::test]
async fn signer_that_panics_is_one_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, away) = (Still::new(), Away::new(Mood::Panics));
    let shared: Arc<dyn Sign> = Arc::<Away>::clone(&away);
    let log = JsonLines::builder(folder.path(), shared, Durability::Required);
    let log = log.limits(patient()).clock(Arc::<Still>::clone(&clock)).open().unwrap();
    clock.pass(1000);
    for _note in 0..3 {
        log.in_force(None, None).await.unwrap();
    }
    assert!(away.asked() > 0);
    *away.mood.lock().unwrap() = Mood::Waits;
    log.close().await.unwrap();
    assert!(verify(folder.path()).holds());
}

/// The runtime on which a log was opened ends, and the service goes on with another.
#[test]
fn log_outlives_the_runtime_on_which_it_was_opened() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = Still::new();
    let first = runtime();
    let log = {
        let _entered = first.enter();
        let log = JsonLines::builder(folder.path(), Away::new(Mood::Waits), Durability::Required);
        log.limits(patient()).clock(Arc::<Still>::clone(&clock)).open().unwrap()
    };
    drop(first);
    clock.pass(1000);
    runtime().block_on(async {
        for _note in 0..3 {
            log.in_force(None, None).await.unwrap();
        }
        log.close().await.unwrap();
    });
    let report = verify(folder.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers[0].state.as_str(), "ended");
}

/// Attack: a file lies where the log would rotate to, so that its file grows for ever and no old record can be deleted.
#[tokio::test]
async fn name_that_is_taken_does_not_stop_rotation() {
    let rig = Rig::with(Durability::Required, 4096);
    let first = files(rig.path()).remove(0);
    std::fs::write(first.to_str().unwrap().replace(".000001.", ".000002."), "").unwrap();
    for _operation in 0..20 {
        drop(operate(&rig.service, "step").await);
    }
    rig.log.close().await.unwrap();
    let longest = files(rig.path()).iter().map(|file| file.metadata().unwrap().len()).max().unwrap();
    assert!(longest < 3 * 4096, "{longest}");
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(Log::open(Path::new(rig.path())).unwrap().writers().count(), 2);
}
