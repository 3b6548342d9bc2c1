//! What is left after old files were deleted verifies, wherever the deletion was interrupted.

use std::sync::Arc;

use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admitter, Audit, Limits, Operation, OsRandom, Verifier};

use super::*;
use crate::{Answer, Durability};

struct Rig {
    folder: tempfile::TempDir,
    signer: Arc<Ed25519Signer>,
    ring: KeyRing,
}

impl Rig {
    fn new() -> Self {
        let signer = Ed25519Signer::ephemeral(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap();
        let mut ring = KeyRing::new();
        ring.trust_signer(&signer).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), signer: Arc::new(signer), ring }
    }

    /// A writer, in files of a few records.
    fn open(&self) -> Arc<JsonLines> {
        let signer = Arc::<Ed25519Signer>::clone(&self.signer);
        let log = JsonLines::builder(self.folder.path(), signer, Durability::Required);
        let mut patient = Limits::default();
        patient.audit_wait = std::time::Duration::from_secs(60);
        Arc::new(log.limits(patient).segment_bytes(4096).open().unwrap())
    }

    async fn operate(&self, log: &Arc<JsonLines>, times: usize) {
        let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(log);
        let signer = Arc::<Ed25519Signer>::clone(&self.signer);
        let service = Admitter::builder(signer).audit(shared).build();
        let step = Operation::named("step").unwrap();
        for _operation in 0..times {
            drop(service.originate(Origin::system(), &step, &dangerous_allow_all()).await.unwrap());
        }
    }

    fn verifier(&self) -> LogVerifier<'_> {
        LogVerifier::new(Verifier::new(Limits::default()), &self.ring)
    }

    fn plan(&self) -> Pruning {
        Pruning::plan(self.folder.path(), &self.verifier(), u64::MAX).unwrap()
    }

    fn verify(&self) -> Report {
        self.verifier().verify(&Log::open(self.folder.path()).unwrap(), |_bytes| ()).unwrap()
    }

    #[track_caller]
    fn holds(&self) -> Report {
        let report = self.verify();
        assert!(report.holds(), "{:?}", report.faults);
        report
    }
}

/// Attack: the process is killed between two deletions.
#[tokio::test]
async fn log_whose_pruning_was_interrupted_anywhere_verifies_and_is_gone_on_with() {
    let rig = Rig::new();
    let old = rig.open();
    rig.operate(&old, 20).await;
    old.close().await.unwrap();
    let log = rig.open();
    rig.operate(&log, 10).await;
    let planned = rig.plan();
    let own: Vec<u32> = planned.files().iter().filter(|it| it.through > 0).map(|it| it.number).collect();
    assert!(planned.files().len() > 5 && own.len() == planned.files().len());
    // The last of the one that lives stays; those of the one that ended go.
    let stay = Log::open(rig.folder.path()).unwrap().files().count() - planned.files().len();
    assert_eq!(stay, 1);
    rig.holds();
    planned.record(&log).await.unwrap();
    rig.holds();
    for (place, file) in planned.files().iter().enumerate() {
        delete(rig.folder.path(), file).unwrap();
        rig.holds();
        // As the next run would go on from here.
        let again = rig.plan();
        assert!(planned.files()[place + 1..].iter().all(|file| again.files().contains(file)));
    }
    let report = rig.holds();
    let [left] = report.writers.as_slice() else { panic!("{:?}", report.writers) };
    assert_eq!(left.answer, Answer::UnknownBefore);
    rig.operate(&log, 1).await;
    log.close().await.unwrap();
    rig.holds();
}

/// The record of a deletion lies in a file that is deleted later: what it explains is missing still.
#[tokio::test]
async fn deletion_is_explained_for_as_long_as_what_it_left_is_there() {
    let rig = Rig::new();
    let (old, log) = (rig.open(), rig.open());
    rig.operate(&old, 20).await;
    for round in 0..4 {
        rig.operate(&log, 10).await;
        let pruned = rig.plan().run(&log).await.unwrap();
        assert!(!pruned.is_empty(), "round {round}");
        rig.holds();
    }
    // Its last file is there, and the one in which the first deletion was recorded is not.
    assert_eq!(rig.holds().writers.len(), 2);
    old.close().await.unwrap();
    let last = rig.open();
    let pruned = rig.plan().run(&last).await.unwrap();
    assert!(pruned.iter().any(|file| file.number > 5));
    rig.holds();
    log.close().await.unwrap();
    last.close().await.unwrap();
    rig.holds();
}

/// Attack: the process is killed after it deleted the record of an earlier deletion, and before what that left.
#[tokio::test]
async fn earlier_deletion_is_explained_until_what_it_left_goes_too() {
    let rig = Rig::new();
    let (first, second) = (rig.open(), rig.open());
    rig.operate(&second, 20).await;
    assert!(!rig.plan().run(&first).await.unwrap().is_empty());
    rig.operate(&second, 20).await;
    rig.operate(&first, 20).await;
    let last = rig.open();
    let planned = rig.plan();
    let writers: HashSet<Uuid> = planned.files().iter().map(|file| file.writer).collect();
    assert_eq!(writers.len(), 2, "files of both go");
    planned.record(&last).await.unwrap();
    for file in planned.files() {
        delete(rig.folder.path(), file).unwrap();
        rig.holds();
        let _as_the_next_run_would = rig.plan();
    }
    for log in [first, second, last] {
        log.close().await.unwrap();
    }
    rig.holds();
}

/// Attack: what shows that records are missing is deleted in order.
#[tokio::test]
async fn log_with_a_gap_is_not_pruned() {
    let rig = Rig::new();
    let log = rig.open();
    rig.operate(&log, 20).await;
    log.close().await.unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(rig.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    std::fs::remove_file(&files[1]).unwrap();
    let refused = Pruning::plan(rig.folder.path(), &rig.verifier(), u64::MAX).unwrap_err();
    let PruneError::Gap(report) = refused else { panic!("{refused}") };
    assert!(report.fault_count > 0);
}

/// A file goes when its last record is old enough, and none behind one that stays.
#[tokio::test]
async fn files_that_are_young_stay() {
    let rig = Rig::new();
    let log = rig.open();
    rig.operate(&log, 20).await;
    let all = rig.plan();
    let middle = all.files()[2].at;
    let planned = Pruning::plan(rig.folder.path(), &rig.verifier(), middle).unwrap();
    assert!(planned.files().len() <= 2 && planned.files().iter().all(|file| file.at < middle));
    let none = Pruning::plan(rig.folder.path(), &rig.verifier(), 0).unwrap();
    assert_eq!(none.run(&log).await.unwrap(), []);
    log.close().await.unwrap();
    rig.holds();
}
