//! A log that was verified before is read again by its hashes, and nothing that was changed since hides behind that.

use kest_audit::{Durability, Log, LogVerifier, Report, State, TreeHash, Verified};
use kest_core::signature::KeyRing;
use kest_core::{Limits, Verifier};

use crate::rig::{Rig, begin, files, kinds, operate, ring, verify};

/// As far as one run is kept: with each growth.
fn resume(rig: &Rig, ring: &KeyRing, verified: &mut Verified) -> (Report, Vec<Verified>) {
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), ring);
    let mut kept = Vec::new();
    let log = Log::open(rig.path()).unwrap();
    let report = verifier.resume(&log, verified, |_bytes| (), |grown| kept.push(grown.clone())).unwrap();
    (report, kept)
}

/// A log in several files that is written on, and another that has ended.
async fn sample() -> Rig {
    let rig = Rig::with(Durability::Required, 4096);
    for _operation in 0..20 {
        operate(&rig.service, "step").await;
    }
    let (other, service) = begin(rig.path(), Durability::Required, 4096);
    operate(&service, "other").await;
    other.close().await.unwrap();
    rig
}

#[tokio::test]
async fn what_is_said_of_a_log_is_the_same_from_wherever_it_is_gone_on_with() {
    let rig = sample().await;
    let mut verified = Verified::default();
    let (_report, before) = resume(&rig, &ring(), &mut verified);
    assert!(before.len() > 4 && before.last() == Some(&verified));
    for _operation in 0..20 {
        operate(&rig.service, "more").await;
    }
    rig.log.in_force(Some(TreeHash::of_line(b"bundle")), None).await.unwrap();
    rig.log.close().await.unwrap();
    let whole = format!("{:?}", verify(rig.path()));
    for from in before {
        let text = serde_json::to_string(&from).unwrap();
        let mut read: Verified = serde_json::from_str(&text).unwrap();
        let (report, _kept) = resume(&rig, &ring(), &mut read);
        assert!(report.holds());
        assert_eq!(format!("{report:?}"), whole);
    }
}

/// Attack: what was verified before is changed, and is not looked at again.
#[tokio::test]
async fn change_in_what_was_verified_before_is_found() {
    let rig = sample().await;
    rig.log.close().await.unwrap();
    let mut verified = Verified::default();
    resume(&rig, &ring(), &mut verified);
    for file in files(rig.path()) {
        let text = std::fs::read(&file).unwrap();
        let mut changed = text.clone();
        // A digit of the time of its first record.
        let place = text.iter().position(u8::is_ascii_digit).unwrap();
        changed[place] = if text[place] == b'1' { b'2' } else { b'1' };
        std::fs::write(&file, &changed).unwrap();
        let (report, _kept) = resume(&rig, &ring(), &mut verified.clone());
        assert_eq!(format!("{:?}", report.faults), format!("{:?}", verify(rig.path()).faults));
        assert!(!report.holds(), "{}", file.display());
        std::fs::write(&file, &text).unwrap();
    }
    let (report, _kept) = resume(&rig, &ring(), &mut verified);
    assert!(report.holds());
    // One file less.
    std::fs::remove_file(&files(rig.path())[0]).unwrap();
    let (report, _kept) = resume(&rig, &ring(), &mut verified);
    assert_eq!(kinds(&report), ["first_missing"]);
}

/// What does not fit any more is read twice, and a progress bar is not told of more than there is.
#[tokio::test]
async fn what_is_judged_anew_is_counted_once() {
    let rig = sample().await;
    rig.log.close().await.unwrap();
    let mut verified = Verified::default();
    resume(&rig, &ring(), &mut verified);
    let (log, ring) = (Log::open(rig.path()).unwrap(), ring());
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    for file in files(rig.path()) {
        let text = std::fs::read(&file).unwrap();
        // The last record of it is gone.
        let cut = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        std::fs::write(&file, &text[..cut]).unwrap();
        let mut read = 0;
        verifier.resume(&log, &mut verified.clone(), |bytes| read += bytes, |_verified| ()).unwrap();
        assert_eq!(read, log.bytes(), "{}", file.display());
        std::fs::write(&file, &text).unwrap();
    }
}

/// Attack: what a key signed that is trusted no more counts, since it did once.
#[tokio::test]
async fn other_keys_judge_all_of_it_anew() {
    let rig = sample().await;
    rig.log.close().await.unwrap();
    let mut verified = Verified::default();
    resume(&rig, &ring(), &mut verified);
    let (report, kept) = resume(&rig, &KeyRing::new(), &mut verified);
    assert!(kinds(&report).contains(&"entry_invalid") && kinds(&report).contains(&"checkpoint_invalid"));
    assert!(!kept.is_empty());
    let (report, _kept) = resume(&rig, &ring(), &mut verified);
    assert!(report.holds());
}

/// The other way round: what was verified says which records are not judged again, and nothing else does.
#[tokio::test]
async fn files_that_were_deleted_in_order_since_are_no_gap() {
    let rig = sample().await;
    rig.log.close().await.unwrap();
    let mut verified = Verified::default();
    resume(&rig, &ring(), &mut verified);
    let first = files(rig.path()).remove(0);
    let text = std::fs::read_to_string(&first).unwrap();
    let last = text.lines().last().unwrap();
    let line = kest_audit::Line::read(last.as_bytes()).unwrap();
    let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    next.removed(line.writer, line.seq, TreeHash::of_line(last.as_bytes())).await.unwrap();
    next.close().await.unwrap();
    std::fs::remove_file(first).unwrap();
    let (report, _kept) = resume(&rig, &ring(), &mut verified);
    assert_eq!((report.writers[0].answer.as_str(), report.holds()), ("unknown_before", true));
    let (again, _kept) = resume(&rig, &ring(), &mut verified);
    assert_eq!(format!("{again:?}"), format!("{report:?}"));
}

/// Failure: a writer that began another file while its log was read was told as crashed, and its end remembered.
#[tokio::test]
async fn writer_that_rotates_while_its_log_is_read_lives() {
    let rig = Rig::with(Durability::Required, 4096);
    operate(&rig.service, "before").await;
    let found = Log::open(rig.path()).unwrap();
    for _operation in 0..20 {
        operate(&rig.service, "after").await;
    }
    let ring = ring();
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let mut verified = Verified::default();
    let report = verifier.resume(&found, &mut verified, |_bytes| (), |_verified| ()).unwrap();
    assert_eq!((report.writers[0].state, report.holds()), (State::Live, true), "{:?}", report.faults);
    let told = serde_json::to_value(&verified).unwrap();
    let known = told["writers"].as_object().unwrap().values().next().unwrap();
    assert_eq!(known["end"], serde_json::Value::Null);
    rig.log.close().await.unwrap();
    // Not all of it was read: what is remembered ends nowhere, and the next run goes on to the end.
    let report = verifier.resume(&found, &mut verified, |_bytes| (), |_verified| ()).unwrap();
    assert_eq!((report.writers[0].state, report.holds()), (State::Ended, true));
}
