//! Attack: a record is removed, changed, swapped, doubled, or the end is cut, at every single place of a log.

use std::path::PathBuf;

use kest_audit::{Answer, Line, Log, LogVerifier, Record, Verified};
use kest_core::policy::policy_fn;
use kest_core::trust::Origin;
use kest_core::{Limits, Operation, Verifier};
use tempfile::TempDir;

use crate::rig::{Rig, begin, files, kinds, operate, ring, verify, verify_with};

/// A log of `records`, ended in order, as lines.
struct Sample {
    folder: TempDir,
    file: PathBuf,
    lines: Vec<Vec<u8>>,
    /// The last checkpoint, as a reader keeps it elsewhere.
    note: String,
}

impl Sample {
    async fn new(records: u64) -> Self {
        let rig = Rig::new();
        let never = policy_fn("never", |_| false).unwrap();
        let refused = Operation::named("no").unwrap();
        let mut written = 4;
        while written < records {
            if written % 10 == 0 {
                drop(operate(&rig.service, "step").await);
                written += 2;
            } else {
                rig.service.originate(Origin::system(), &refused, &never).await.unwrap_err();
                written += 1;
            }
        }
        rig.log.close().await.unwrap();
        let log = Log::open(rig.path()).unwrap();
        let lines: Vec<Vec<u8>> = log.lines().map(|line| line.unwrap().bytes).collect();
        let last = Line::read(lines.last().unwrap()).unwrap().record;
        let Record::Checkpoint { note } = last else { panic!("{last:?}") };
        let note = note.into_owned();
        assert!(verify_with(rig.path(), Some(&note)).holds());
        let file = files(rig.path()).remove(0);
        Self { folder: rig.folder, file, lines, note }
    }

    /// That the log of `lines` is no complete one.
    #[track_caller]
    fn check(&self, what: &str, place: usize, lines: &[Vec<u8>]) {
        let mut text = lines.join(&b'\n');
        text.push(b'\n');
        std::fs::write(&self.file, text).unwrap();
        let report = verify_with(self.folder.path(), Some(&self.note));
        assert!(!report.holds(), "{what} of record {place} was not found");
        let seq = u64::try_from(place).unwrap();
        let near = report.faults.iter().any(|fault| fault.seq.abs_diff(seq) <= 1);
        assert!(near, "{what} of record {place} was named elsewhere: {:?}", report.faults);
    }
}

/// Records of the log: each is tampered with in each way, so that this costs its square. `KEST_AUDIT_RECORDS=1000` is the full
/// size, which takes some minutes.
fn records() -> u64 {
    std::env::var("KEST_AUDIT_RECORDS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

#[tokio::test]
async fn every_single_deletion_is_found_and_named() {
    let sample = Sample::new(records()).await;
    for place in 0..sample.lines.len() {
        let mut lines = sample.lines.clone();
        lines.remove(place);
        sample.check("deletion", place, &lines);
    }
}

#[tokio::test]
async fn every_single_swap_is_found_and_named() {
    let sample = Sample::new(records()).await;
    for place in 1..sample.lines.len() {
        let mut lines = sample.lines.clone();
        lines.swap(place - 1, place);
        sample.check("swap", place, &lines);
    }
}

#[tokio::test]
async fn every_single_doubling_is_found_and_named() {
    let sample = Sample::new(records()).await;
    for place in 0..sample.lines.len() {
        let mut lines = sample.lines.clone();
        lines.insert(place, lines[place].clone());
        sample.check("doubling", place, &lines);
    }
}

#[tokio::test]
async fn every_single_edit_is_found_and_named() {
    let sample = Sample::new(records()).await;
    for place in 0..sample.lines.len() {
        let mut lines = sample.lines.clone();
        let line = &mut lines[place];
        let byte = (place * 31) % line.len();
        line[byte] = if line[byte] == b'0' { b'1' } else { b'0' };
        sample.check("edit", place, &lines);
    }
}

#[tokio::test]
async fn every_truncation_before_the_kept_checkpoint_is_found_and_named() {
    let sample = Sample::new(records()).await;
    for place in 1..sample.lines.len() {
        sample.check("truncation", place, &sample.lines[..place]);
    }
}

/// Attack: one who can write the folder, and does not have the service's key, changes a record and chains all after it anew.
#[tokio::test]
async fn chain_that_was_made_anew_differs_from_its_checkpoints() {
    let sample = Sample::new(40).await;
    for place in 0..sample.lines.len() {
        let mut lines = sample.lines.clone();
        let text = String::from_utf8(lines[place].clone()).unwrap();
        let (head, tail) = text.split_once("\"at\":").unwrap();
        lines[place] = format!("{head}\"at\":1{tail}").into_bytes();
        for next in place + 1..lines.len() {
            let before = kest_audit::TreeHash::of_line(&lines[next - 1]).to_hex();
            let mut line = Line::read(&lines[next]).unwrap();
            line.prev = before.into();
            lines[next] = serde_json::to_vec(&line).unwrap();
        }
        let mut text = lines.join(&b'\n');
        text.push(b'\n');
        std::fs::write(&sample.file, text).unwrap();
        let report = verify(sample.folder.path());
        // The last checkpoint seals what is before it, and nothing seals when it was made but the note in it.
        let last = place + 1 == lines.len();
        assert_eq!(report.holds(), last, "{place}");
    }
}

/// Attack: half a record behind the last one of a file that the writer went on from.
#[tokio::test]
async fn torn_line_before_another_file_is_found() {
    let rig = Rig::with(kest_audit::Durability::Required, 4096);
    for _operation in 0..10 {
        operate(&rig.service, "step").await;
    }
    rig.log.close().await.unwrap();
    let first = files(rig.path()).remove(0);
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, text + "{\"at\":1").unwrap();
    assert_eq!(kinds(&verify(rig.path())), ["torn"]);
}

/// Attack: a file before the first one, which readers of lines show: with a record that was made up, with records that are there
/// already, or the first one itself under that name.
#[tokio::test]
async fn file_with_the_number_0_is_judged_and_is_no_part_of_a_log() {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    let first = files(rig.path()).remove(0);
    let zeroth = PathBuf::from(first.to_str().unwrap().replace(".000001.", ".000000."));
    let text = std::fs::read_to_string(&first).unwrap();
    let start = text.lines().next().unwrap();
    for before in [text.as_str(), &format!("{start}\n"), "{}\n", ""] {
        std::fs::write(&zeroth, before).unwrap();
        let report = verify(rig.path());
        assert!(!report.holds(), "{before}");
        assert_eq!((kinds(&report)[0], report.writers[0].answer), ("misplaced", Answer::Gap), "{before}");
    }
    std::fs::rename(&first, &zeroth).unwrap();
    assert_eq!(kinds(&verify(rig.path())), ["misplaced"]);
}

/// Attack: all files of a writer are deleted, or its end is cut off after another saw it.
#[tokio::test]
async fn writer_that_is_gone_or_cut_is_missed_by_the_next_one() {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    let (next, _service) = begin(rig.path(), kest_audit::Durability::Required, u64::MAX);
    next.close().await.unwrap();
    assert!(verify(rig.path()).holds());
    let first = files(rig.path()).remove(0);
    let text = std::fs::read_to_string(&first).unwrap();
    let cut: Vec<&str> = text.lines().take(2).collect();
    std::fs::write(&first, cut.join("\n") + "\n").unwrap();
    assert_eq!(kinds(&verify(rig.path())), ["truncated"]);
    std::fs::remove_file(&first).unwrap();
    assert_eq!(kinds(&verify(rig.path())), ["writer_missing"]);
}

/// Attack: all files of all writers are deleted.
#[test]
fn log_of_which_nothing_is_left_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!verify(folder.path()).holds());
}

/// Attack: the same lines, in files that are cut in other places or have other numbers, so that what was verified before says other
/// things of them than a reader of the whole.
#[tokio::test]
async fn files_that_are_cut_or_numbered_otherwise_are_found() {
    let rig = Rig::with(kest_audit::Durability::Required, 4096);
    for _operation in 0..12 {
        operate(&rig.service, "step").await;
    }
    rig.log.close().await.unwrap();
    let ring = ring();
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let mut verified = Verified::default();
    let resume = |verified: &mut Verified| {
        let log = Log::open(rig.path()).unwrap();
        verifier.resume(&log, verified, |_bytes| (), |_grown| ()).unwrap()
    };
    assert!(resume(&mut verified).holds());
    let files = files(rig.path());
    let texts: Vec<Vec<Vec<u8>>> = files
        .iter()
        .map(|file| {
            std::fs::read(file).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        })
        .collect();
    assert!(texts.len() >= 4);
    let last = texts.len() - 1;
    let to_the_one_before = |count: usize| {
        let mut changed = texts.clone();
        let moved: Vec<_> = changed[1].drain(..count).collect();
        changed[0].extend(moved);
        changed
    };
    let (mut to_the_next, mut in_two) = (texts.clone(), texts.clone());
    let moved = to_the_next[0].pop().unwrap();
    to_the_next[1].insert(0, moved);
    let moved = in_two[last].split_off(2);
    in_two.push(moved);
    let mut later = texts.clone();
    later.insert(last, Vec::new());
    let cuts = [1, 2, 3, 4, texts[1].len()].map(to_the_one_before);
    for (place, changed) in cuts.into_iter().chain([to_the_next, in_two, later]).enumerate() {
        for (number, lines) in changed.iter().enumerate() {
            let name = files[0].to_str().unwrap().replace(".000001.", &format!(".{:06}.", number + 1));
            std::fs::write(name, lines.concat()).unwrap();
        }
        let whole = verify(rig.path());
        assert!(kinds(&whole).contains(&"misplaced"), "{place}: {:?}", whole.faults);
        let resumed = resume(&mut verified.clone());
        assert_eq!(format!("{:?}", resumed.faults), format!("{:?}", whole.faults), "{place}");
        std::fs::remove_file(files[0].to_str().unwrap().replace(".000001.", &format!(".{:06}.", last + 2)))
            .ok();
    }
}
