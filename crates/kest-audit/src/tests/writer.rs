//! What becomes of those who wait, and of the log, when the disk fails.

use kest_core::signature::{Ed25519Signer, KeyRing, Signature, SigningKey, WorkloadId};
use kest_core::{Limits, OsRandom, SystemClock, Verifier};
use tokio::sync::oneshot;
use uuid::Uuid;

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::folder::Folder;
use crate::place::Tail;
use crate::queue::Room;
use crate::record::Refusal;
use crate::{Log, LogVerifier};

fn note() -> (Item, oneshot::Receiver<Result<(), AuditError>>) {
    let (reply, kept) = oneshot::channel();
    (
        Item::Note { record: Box::new(Record::InForce { keys: None, policies: None }), reply: Some(reply) },
        kept,
    )
}

/// Of a service with a key of its own, and a ring that has it.
fn settings() -> Result<(Settings, Arc<Queue>, KeyRing), kest_core::BoxError> {
    let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
    let mut ring = KeyRing::new();
    ring.trust_signer(signer.as_ref())?;
    let queue = Arc::new(Queue::new(Room { signed: 1, refused: 1, finished: 1 }, Arc::new(SystemClock)));
    let settings = Settings {
        signer,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        runtime: Handle::current(),
        segment_bytes: u64::MAX,
    };
    Ok((settings, queue, ring))
}

/// A folder whose disk is full once it is said.
#[derive(Debug)]
struct Filling {
    folder: Folder,
    full: Arc<AtomicBool>,
}

impl Append for Filling {
    fn latest(&mut self, most: usize) -> io::Result<Vec<(Uuid, Tail)>> {
        self.folder.latest(most)
    }

    fn begin(&mut self, part: (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError> {
        self.folder.begin(part, batch)
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        if self.full.swap(false, Ordering::SeqCst) {
            self.folder.fill();
        }
        self.folder.append(batch)
    }
}

/// Attack: the disk is full, so that what is done leaves no trace.
#[tokio::test]
async fn full_disk_refuses_all_who_wait_and_a_new_writer_goes_on_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, queue, ring) = settings().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let place = Folder::open(folder.path().to_owned()).unwrap();
    let place = Filling { folder: place, full: Arc::clone(&full) };
    let mut writer = Writer::begin(Box::new(place), settings, queue).unwrap();
    let ((first, first_kept), (second, second_kept)) = (note(), note());
    full.store(true, Ordering::SeqCst);
    writer.write(vec![first, Item::Refused(Box::<Refusal<'static>>::default()), second]);
    for kept in [first_kept, second_kept] {
        assert_eq!(kept.await.unwrap().unwrap_err().kind(), "full");
    }
    assert!(writer.open.is_none(), "what is on a disk that failed is not known");
    let (third, third_kept) = note();
    writer.write(vec![third]);
    third_kept.await.unwrap().unwrap();
    writer.end().unwrap();
    let report = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let report = report.verify(&Log::open(folder.path()).unwrap(), |_bytes| ()).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    let lost: Vec<u64> = report.writers.iter().map(|writer| writer.lost).collect();
    assert_eq!(lost, [0, 1], "the refusal that could not be kept is counted by the next write");
}

/// Attack: the disk is full when keys change, and what is decided by them looks as if the old ones had decided it.
#[tokio::test]
async fn what_is_in_force_is_said_again_where_the_write_failed_that_had_it() {
    /// A folder that takes nothing for once, and may have lost track of what it wrote.
    #[derive(Debug)]
    struct Refusing(Folder, Arc<std::sync::Mutex<Option<CommitError>>>);

    impl Append for Refusing {
        fn latest(&mut self, most: usize) -> io::Result<Vec<(Uuid, Tail)>> {
            self.0.latest(most)
        }

        fn begin(&mut self, part: (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError> {
            self.0.begin(part, batch)
        }

        fn append(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
            self.1.lock().unwrap().take().map_or_else(|| self.0.append(batch), Err)
        }
    }

    for error in [CommitError::Undone, CommitError::Unknown] {
        let folder = tempfile::tempdir().unwrap();
        let refuses = Arc::new(std::sync::Mutex::new(None));
        let place = Refusing(Folder::open(folder.path().to_owned()).unwrap(), Arc::clone(&refuses));
        let (settings, queue, ring) = settings().unwrap();
        let mut writer = Writer::begin(Box::new(place), settings, queue).unwrap();
        *refuses.lock().unwrap() = Some(error(io::ErrorKind::StorageFull.into()));
        let record = Box::new(Record::InForce { keys: Some("digest".into()), policies: None });
        writer.write(vec![Item::Note { record, reply: None }]);
        writer.write(Vec::new());
        writer.end().unwrap();
        let report = LogVerifier::new(Verifier::new(Limits::default()), &ring);
        let report = report.verify(&Log::open(folder.path()).unwrap(), |_bytes| ()).unwrap();
        assert!(report.holds(), "{:?}", report.faults);
        let said = report.writers.iter().flat_map(|writer| &writer.in_force);
        assert_eq!(said.map(|it| it.keys.as_deref()).collect::<Vec<_>>(), [Some("digest")]);
    }
}

/// A signer elsewhere that does not answer when the log is closed: the log ends as that of a process which was killed, and holds.
#[tokio::test]
async fn log_that_cannot_be_sealed_at_its_end_has_no_end() {
    #[derive(Debug)]
    struct Away(Ed25519Signer);

    impl Sign for Away {
        fn workload(&self) -> &WorkloadId {
            self.0.workload()
        }

        fn current(&self) -> Arc<dyn SigningKey> {
            Arc::new(AwayKey(self.0.current()))
        }
    }

    #[derive(Debug)]
    struct AwayKey(Arc<dyn SigningKey>);

    #[async_trait::async_trait]
    impl SigningKey for AwayKey {
        fn workload(&self) -> &WorkloadId {
            self.0.workload()
        }

        fn key_id(&self) -> &kest_core::signature::KeyId {
            self.0.key_id()
        }

        fn public_key(&self) -> &kest_core::signature::PublicKey {
            self.0.public_key()
        }

        async fn sign(&self, _signing_input: &[u8]) -> Result<Signature, kest_core::signature::SignerError> {
            Err(kest_core::signature::SignerError::new("away"))
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let signer = Ed25519Signer::ephemeral(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap();
    let mut ring = KeyRing::new();
    ring.trust_signer(&signer).unwrap();
    let builder =
        crate::JsonLines::builder(folder.path(), Arc::new(Away(signer)), crate::Durability::Required);
    let mut limits = Limits::default();
    limits.audit_wait = Duration::from_secs(60);
    let log = builder.limits(limits).open().unwrap();
    log.in_force(None, None).await.unwrap();
    assert_eq!(log.close().await.unwrap_err().kind(), "signer");
    let report = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let report = report.verify(&Log::open(folder.path()).unwrap(), |_bytes| ()).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!((report.writers[0].state, report.writers[0].sealed), (State::Crashed, 0));
}
