//! What a service goes by, as its log says it: once, and again wherever a reader may begin.

use kest_audit::{Durability, Log, TreeHash};
use kest_core::Audit;
use kest_core::audit::InForceDigests;
use kest_core::entry::EntryHash;

use crate::rig::{Rig, begin, files, operate, verify};

fn keys(text: &str) -> InForceDigests {
    let mut digests = InForceDigests::default();
    digests.keys = Some(EntryHash::of_bytes(text.as_bytes()));
    digests
}

/// Old files go, and what is left has to say by which keys it was decided.
#[tokio::test]
async fn each_file_of_a_log_says_what_is_in_force() {
    let rig = Rig::with(Durability::Required, 4096);
    for bundle in ["first", "second"] {
        Audit::in_force(rig.log.as_ref(), &keys(bundle)).unwrap();
        for _operation in 0..20 {
            drop(operate(&rig.service, "step").await);
        }
    }
    rig.log.close().await.unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    let said: Vec<_> = report.writers[0].in_force.iter().map(|it| it.keys.clone().unwrap()).collect();
    let digests = ["first", "second"].map(|bundle| EntryHash::of_bytes(bundle.as_bytes()).to_hex());
    assert_eq!(said, digests, "what is said again is no change");
    let files = files(rig.path());
    assert!(files.len() > 4);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(digests.iter().any(|digest| text.contains(digest.as_str())), "{}", file.display());
    }
}

/// What the owner of a log has recorded itself is the same to it, and another writer of the folder says nothing of it.
#[tokio::test]
async fn each_writer_says_what_it_goes_by_itself() {
    let rig = Rig::with(Durability::Required, 2048);
    rig.log.in_force(None, Some(TreeHash::of_line(b"policies"))).await.unwrap();
    let (other, service) = begin(rig.path(), Durability::Required, u64::MAX);
    for _operation in 0..10 {
        drop((operate(&rig.service, "step").await, operate(&service, "other").await));
    }
    rig.log.close().await.unwrap();
    other.close().await.unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers.iter().map(|it| it.in_force.len()).collect::<Vec<_>>(), [1, 0]);
    let log = Log::open(rig.path()).unwrap();
    let lines = log.lines_of(report.writers[0].writer).map(Result::unwrap);
    let said = lines.filter(|line| line.read().unwrap().record.kind() == "in_force").count();
    let parts = files(rig.path()).len() - 1;
    assert_eq!(said, parts);
}
