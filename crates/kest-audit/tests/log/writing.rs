//! What is written, and what a reader makes of it.

use std::collections::BTreeMap;

use kest_audit::{Answer, Durability, Line, LineError, Log, Record, State, TreeHash};
use kest_core::audit::Ending;
use kest_core::entry::EntryHash;
use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::trust::Origin;
use kest_core::{AdmitOptions, Admitter, Arrival, Limits, Lineage, Operation, UnverifiedPassport, Verifier};

use crate::rig::{Rig, begin, files, kinds, operate, ring, signer, verify};

fn count(folder: &std::path::Path) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for line in Log::open(folder).unwrap().lines() {
        *kinds.entry(line.unwrap().read().unwrap().record.kind()).or_default() += 1;
    }
    kinds
}

#[tokio::test]
async fn log_of_every_kind_of_record_is_complete() {
    let rig = Rig::new();
    rig.log.in_force(Some(TreeHash::of_line(b"bundle")), None).await.unwrap();
    let outer = operate(&rig.service, "outer").await;
    let inner =
        outer.operation(Operation::named("inner").unwrap()).admit(&dangerous_allow_all()).await.unwrap();
    inner.answered(201);
    inner.gave(EntryHash::of_bytes(b"answer"));
    inner.gave(EntryHash::of_bytes(b"another"));
    outer.gave(EntryHash::of_bytes(b"never taken"));
    inner.finished(Ending::Complete);
    drop((inner, outer));
    let never = policy_fn("never", |_| false).unwrap();
    let refused = Operation::named("no").unwrap();
    rig.service.originate(Origin::system(), &refused, &never).await.unwrap_err();
    rig.log.close().await.unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    let [writer] = report.writers.as_slice() else { panic!("{:?}", report.writers) };
    assert_eq!((writer.answer, writer.state, writer.first), (Answer::Complete, State::Ended, 0));
    assert_eq!((writer.entries, writer.sealed), (2, writer.last));
    let counted = count(rig.path());
    let expected =
        [("end", 1), ("finished", 2), ("in_force", 1), ("refused", 1), ("signed", 2), ("start", 1)];
    assert!(expected.iter().all(|(kind, many)| counted.get(kind) == Some(many)), "{counted:?}");
    let mut given = Vec::new();
    for line in Log::open(rig.path()).unwrap().lines() {
        if let Record::Finished { content_hash, .. } = line.unwrap().read().unwrap().record {
            given.push(content_hash.map(std::borrow::Cow::into_owned));
        }
    }
    // Of the first one that was told, and of none that did not end complete.
    assert_eq!(given, [Some(EntryHash::of_bytes(b"answer").to_hex()), None]);
}

/// Attack: a line that says of a part, or in words of its own, what was given.
#[test]
fn content_hash_of_another_shape_or_ending_is_no_record() {
    let hash = EntryHash::of_bytes(b"answer").to_hex();
    let line = |hash: &str, ending: &str| {
        format!(
            r#"{{"at":1,"prev":"{0}","record":{{"finished":{{"content_hash":"{hash}","ending":"{ending}","entry":"{0}","millis":1}}}},"seq":1,"v":1,"writer":"0192f0c4-0000-7000-8000-000000000000"}}"#,
            "0".repeat(64)
        )
    };
    let read = |hash: &str, ending: &str| Line::read(line(hash, ending).as_bytes()).map(|_line| ());
    assert!(read(&hash, "complete").is_ok());
    let upper = hash.to_uppercase();
    for (hash, ending) in [
        (hash.as_str(), "cut_off"),
        (hash.as_str(), "failed"),
        (hash.as_str(), ""),
        ("", "complete"),
        (upper.as_str(), "complete"),
        ("00", "complete"),
    ] {
        assert!(matches!(read(hash, ending), Err(LineError::ContentHash)), "{hash} {ending}");
    }
}

/// What came from other services is in the log too: it verifies from itself, and the passport of each entry can be put together.
#[tokio::test]
async fn lineage_of_another_service_is_recorded_once_and_put_together_again() {
    let rig = Rig::new();
    let gateway = Admitter::builder(signer("gateway")).build();
    let before = operate(&gateway, "ask").await;
    let arrival = Arrival::new(Lineage::Carried(before.passport().clone()), before.caller().clone());
    let mut last = None;
    for _request in 0..3 {
        let (operation, policy) = (Operation::named("serve").unwrap(), dangerous_allow_all());
        let served = rig.service.admit(&arrival, &operation, &policy, AdmitOptions::default());
        last = Some(served.await.unwrap());
    }
    let (a, b) = (operate(&rig.service, "a").await, operate(&rig.service, "b").await);
    let (both, policy) = (Operation::named("both").unwrap(), dangerous_allow_all());
    let joined = a.join([&b]).unwrap().admit(&both, &policy).await.unwrap();
    rig.log.close().await.unwrap();
    assert!(verify(rig.path()).holds());
    assert_eq!(count(rig.path()).get("carried"), Some(&1));
    let log = Log::open(rig.path()).unwrap();
    for (admission, entries) in [(last.unwrap(), 2), (joined, 3)] {
        let found = log.ancestors(admission.entry().hash()).unwrap().unwrap();
        assert_eq!(found.len(), entries);
        let tips = admission.passport().tips();
        let passport = UnverifiedPassport::from_entries(found, tips, &Limits::default()).unwrap();
        Verifier::new(Limits::default()).verify(passport, &ring()).unwrap();
    }
    assert!(log.ancestors(before.entry().hash()).unwrap().is_some());
}

#[tokio::test]
async fn chain_goes_on_through_the_files_of_a_writer() {
    let rig = Rig::with(Durability::Required, 4096);
    for _operation in 0..20 {
        operate(&rig.service, "step").await;
    }
    rig.log.close().await.unwrap();
    assert!(files(rig.path()).len() > 3);
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.entries(), 20);
}

#[tokio::test]
async fn files_that_were_deleted_in_order_leave_what_is_before_unknown() {
    let rig = Rig::with(Durability::Required, 4096);
    // What is done under it goes on through several files, each of which has to carry what it follows.
    let outer = operate(&rig.service, "outer").await;
    for _operation in 0..20 {
        let inner = outer.operation(Operation::named("inner").unwrap());
        inner.admit(&dangerous_allow_all()).await.unwrap();
    }
    rig.log.close().await.unwrap();
    let old = files(rig.path());
    let (first, rest) = old.split_first().unwrap();
    let text = std::fs::read_to_string(first).unwrap();
    let last = text.lines().last().unwrap();
    let line = Line::read(last.as_bytes()).unwrap();
    let (writer, through) = (line.writer, line.seq);
    let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    next.removed(writer, through, TreeHash::of_line(last.as_bytes())).await.unwrap();
    next.close().await.unwrap();
    std::fs::remove_file(first).unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers[0].answer, Answer::UnknownBefore);
    assert_eq!(report.writers[0].first, through + 1);
    // Attack: one more file than was recorded.
    std::fs::remove_file(&rest[0]).unwrap();
    let report = verify(rig.path());
    assert_eq!((kinds(&report), report.writers[0].answer), (vec!["first_missing"], Answer::Gap));
}

/// Of an entry whose parent is gone there is no passport, and not a part of one.
#[tokio::test]
async fn passport_is_put_together_whole_or_not_at_all() {
    let rig = Rig::new();
    let outer = operate(&rig.service, "outer").await;
    let inner = outer.operation(Operation::named("inner").unwrap());
    let inner = inner.admit(&dangerous_allow_all()).await.unwrap();
    rig.log.close().await.unwrap();
    let hash = inner.entry().hash();
    assert_eq!(Log::open(rig.path()).unwrap().ancestors(hash).unwrap().unwrap().len(), 2);
    let file = files(rig.path()).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let left: Vec<&str> = text.lines().filter(|line| !line.contains(outer.entry().compact())).collect();
    std::fs::write(&file, left.join("\n") + "\n").unwrap();
    assert_eq!(Log::open(rig.path()).unwrap().ancestors(hash).unwrap(), None);
}

#[tokio::test]
async fn entries_longer_than_a_line_are_refused_when_the_log_begins() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.entry_bytes = 64 * 1024;
    let builder =
        kest_audit::JsonLines::builder(folder.path().join("a/b"), signer("cart"), Durability::Required);
    assert!(builder.limits(limits).open().is_err());
}

#[tokio::test]
async fn several_writers_share_a_folder() {
    let rig = Rig::new();
    let mut others = Vec::new();
    for _writer in 0..3 {
        let (log, service) = begin(rig.path(), Durability::Required, u64::MAX);
        operate(&service, "other").await;
        others.push((log, service));
    }
    operate(&rig.service, "own").await;
    assert!(verify(rig.path()).writers.iter().all(|writer| writer.state == State::Live));
    for (log, _service) in others {
        log.close().await.unwrap();
    }
    rig.log.close().await.unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!((report.writers.len(), report.entries()), (4, 4));
}

#[tokio::test]
async fn what_is_refused_after_the_end_is_refused_to_the_service() {
    let rig = Rig::new();
    rig.log.close().await.unwrap();
    let operation = Operation::named("late").unwrap();
    let refused = rig.service.originate(Origin::system(), &operation, &dangerous_allow_all()).await;
    assert_eq!(refused.unwrap_err().cause(), Some("closed"));
}
