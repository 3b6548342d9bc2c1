//! What becomes of those who wait, and of the log, when the disk fails.

use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
use kest_core::{Limits, OsRandom, SystemClock, Verifier};
use tokio::sync::oneshot;

use super::*;
use crate::queue::Room;
use crate::record::Refusal;
use crate::{Log, LogVerifier};

fn note() -> (Item, oneshot::Receiver<Result<(), AuditError>>) {
    let (reply, kept) = oneshot::channel();
    (Item::Note { record: Box::new(Record::InForce { keys: None, policies: None }), reply }, kept)
}

/// Attack: the disk is full, so that what is done leaves no trace.
#[tokio::test]
async fn full_disk_refuses_all_who_wait_and_a_new_writer_goes_on_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap());
    let mut ring = KeyRing::new();
    ring.trust_signer(signer.as_ref()).unwrap();
    let queue = Arc::new(Queue::new(Room { signed: 1, refused: 1, finished: 1 }));
    let settings = Settings {
        folder: folder.path().to_owned(),
        signer,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        runtime: Handle::current(),
        segment_bytes: u64::MAX,
    };
    let mut writer = Writer::begin(settings, queue).unwrap();
    let ((first, first_kept), (second, second_kept)) = (note(), note());
    let open = writer.open.as_mut().unwrap();
    let disk = std::mem::replace(&mut open.segment, Segment::full());
    writer.write(vec![first, Item::Refused(Box::<Refusal<'static>>::default()), second]);
    for kept in [first_kept, second_kept] {
        assert_eq!(kept.await.unwrap().unwrap_err().kind(), "full");
    }
    assert!(writer.open.is_none(), "what is on a disk that failed is not known");
    drop(disk);
    let (third, third_kept) = note();
    writer.write(vec![third]);
    third_kept.await.unwrap().unwrap();
    writer.append([Record::End {}]).unwrap();
    writer.seal().unwrap();
    let report = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let report = report.verify(&Log::open(folder.path()).unwrap(), |_bytes| ()).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    let lost: Vec<u64> = report.writers.iter().map(|writer| writer.lost).collect();
    assert_eq!(lost, [0, 1], "the refusal that could not be kept is counted by the next write");
}
