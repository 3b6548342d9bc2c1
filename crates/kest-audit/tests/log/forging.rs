//! Attack: one who can write the folder, and has no key of the service, makes a log anew.

use std::path::{Path, PathBuf};

use kest_audit::{Checkpoint, Durability, Line, Log, LogVerifier, Record, TreeHash};
use kest_core::signature::Sign as _;
use kest_core::{Limits, Verifier};
use uuid::Uuid;

use crate::rig::{Rig, begin, files, kinds, operate, ring, signer, verify};

/// The lines of these files, one after another.
fn lines(files: &[PathBuf]) -> Vec<Vec<u8>> {
    let text: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn write(file: &Path, lines: &[Vec<u8>]) {
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    std::fs::write(file, text).unwrap();
}

/// Has each line follow the one before it.
fn chain_anew(lines: &mut [Vec<u8>]) {
    for next in 1..lines.len() {
        let before = TreeHash::of_line(&lines[next - 1]).to_hex();
        let mut line = Line::read(&lines[next]).unwrap();
        line.prev = before.into();
        lines[next] = serde_json::to_vec(&line).unwrap();
    }
}

/// Another record in the place of this one.
fn replace(line: &mut Vec<u8>, record: Record<'_>) {
    let mut read = Line::read(line).unwrap();
    read.record = record;
    *line = serde_json::to_vec(&read).unwrap();
}

/// A line in its spelling.
fn forged(seq: u64, before: TreeHash, record: &str, writer: Uuid) -> Vec<u8> {
    let before = before.to_hex();
    format!(r#"{{"at":1,"prev":"{before}","record":{record},"seq":{seq},"v":1,"writer":"{writer}"}}"#)
        .into_bytes()
}

/// A writer after all others, which no key has sealed.
fn forge_writer(folder: &Path, before: &str, records: &[&str]) {
    let writer: Uuid = "7fffffff-ffff-7fff-bfff-ffffffffffff".parse().unwrap();
    let start = format!(
        r#"{{"start":{{"before":[{before}],"key":"cart","library":"x","service":"spiffe://example.org/cart"}}}}"#
    );
    let mut lines = vec![forged(0, TreeHash::NOTHING, &start, writer)];
    for (seq, record) in (1..).zip(records) {
        lines.push(forged(seq, TreeHash::of_line(lines.last().unwrap()), record, writer));
    }
    write(&folder.join(format!("{writer}.000001.jsonl")), &lines);
}

/// A log in several files, of which the first was deleted in order; another writer saw nothing of the others.
async fn headless() -> (Rig, Vec<PathBuf>) {
    let rig = Rig::with(Durability::Required, 4096);
    let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    for _operation in 0..20 {
        operate(&rig.service, "step").await;
    }
    // It is sealed here, and at its end.
    rig.log.removed(Uuid::nil(), 0, TreeHash::NOTHING).await.unwrap();
    rig.log.close().await.unwrap();
    let mut own = files(rig.path());
    own.pop();
    let first = own.remove(0);
    let last = lines(std::slice::from_ref(&first)).pop().unwrap();
    let line = Line::read(&last).unwrap();
    next.removed(line.writer, line.seq, TreeHash::of_line(&last)).await.unwrap();
    next.close().await.unwrap();
    std::fs::remove_file(first).unwrap();
    assert!(verify(rig.path()).holds());
    (rig, own)
}

/// Attack: without the edge of the tree no root can be compared, so that all of it can be written anew.
#[tokio::test]
async fn log_without_its_first_file_whose_edge_was_taken_away_does_not_hold() {
    let (rig, own) = headless().await;
    for edge in [Vec::new(), vec!["x".into()]] {
        let mut all = lines(&own);
        for line in &mut all {
            let text = line.clone();
            if let Record::Segment { number, .. } = Line::read(&text).unwrap().record {
                replace(line, Record::Segment { edge: edge.clone(), number });
            }
        }
        chain_anew(&mut all);
        write(&own[0], &all);
        own[1..].iter().for_each(|file| std::fs::write(file, "").unwrap());
        let report = verify(rig.path());
        assert!(!report.holds());
    }
}

/// A log that ended, and whose end the writer after it saw; and its file.
async fn followed() -> (Rig, PathBuf) {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    let first = files(rig.path()).remove(0);
    let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    next.close().await.unwrap();
    (rig, first)
}

/// Attack: all of a writer's files are deleted, and a record says that this was in order: one that no key has sealed.
#[tokio::test]
async fn removal_that_is_not_sealed_is_not_believed() {
    let (rig, first) = followed().await;
    let writer = Line::read(&lines(std::slice::from_ref(&first))[0]).unwrap().writer;
    std::fs::remove_file(first).unwrap();
    let (hash, through) = (TreeHash::NOTHING.to_hex(), u64::MAX - 1);
    let removed = format!(r#"{{"removed":{{"hash":"{hash}","through":{through},"writer":"{writer}"}}}}"#);
    forge_writer(rig.path(), "", &[&removed]);
    assert_eq!(kinds(&verify(rig.path())), ["writer_missing"]);
}

/// A removal counts by the record that it names: another writer saw another one there.
#[tokio::test]
async fn removal_through_another_record_than_was_seen_is_not_believed() {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    let first = files(rig.path()).remove(0);
    let last = lines(std::slice::from_ref(&first)).pop().unwrap();
    let (writer, through) = {
        let last = Line::read(&last).unwrap();
        (last.writer, last.seq)
    };
    for (hash, expected) in [(TreeHash::NOTHING, &["writer_missing"][..]), (TreeHash::of_line(&last), &[])] {
        let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
        next.removed(writer, through, hash).await.unwrap();
        let kept = std::fs::read(&first).unwrap();
        std::fs::remove_file(&first).unwrap();
        // It counts as soon as it was answered.
        assert_eq!(kinds(&verify(rig.path())), expected);
        std::fs::write(&first, kept).unwrap();
        next.close().await.unwrap();
    }
}

/// Attack: another workload, which is trusted too, seals a log whose start is not there.
#[tokio::test]
async fn log_without_its_start_is_sealed_by_one_service() {
    let (rig, own) = headless().await;
    let file = own.last().unwrap();
    let mut all = lines(std::slice::from_ref(file));
    let last = all.last_mut().unwrap();
    let text = last.clone();
    let Record::Checkpoint { note } = Line::read(&text).unwrap().record else { panic!("no checkpoint") };
    let mut checkpoint = Checkpoint::verify(&note, signer("cart").workload(), &ring()).unwrap();
    checkpoint.service = signer("gateway").workload().clone();
    replace(last, Record::Checkpoint { note: sealed(&checkpoint, "gateway").await.into() });
    write(file, &all);
    assert!(kinds(&verify(rig.path())).contains(&"checkpoint_invalid"));
}

/// The note, signed by the service called `name`.
async fn sealed(checkpoint: &Checkpoint, name: &str) -> String {
    let key = signer(name).current();
    let signature = key.sign(checkpoint.text().as_bytes()).await.unwrap();
    checkpoint.note(key.public_key(), &signature)
}

/// Attack: a later start, which no key has sealed, speaks for what was exchanged.
#[tokio::test]
async fn two_starts_that_saw_different_records_are_a_fault() {
    let (rig, first) = followed().await;
    let mut all = lines(std::slice::from_ref(&first));
    // Nothing seals the last record; it is a checkpoint.
    let last = all.last_mut().unwrap();
    let mut line = Line::read(last).unwrap();
    line.at = 1;
    let (seq, writer) = (line.seq, line.writer);
    *last = serde_json::to_vec(&line).unwrap();
    let hash = TreeHash::of_line(last).to_hex();
    write(&first, &all);
    assert_eq!(kinds(&verify(rig.path())), ["changed"]);
    let before = format!(r#"{{"hash":"{hash}","seq":{seq},"state":"ended","torn":0,"writer":"{writer}"}}"#);
    forge_writer(rig.path(), &before, &[]);
    assert!(kinds(&verify(rig.path())).contains(&"changed"));
}

/// Attack: the service itself keeps two logs, and shows each reader one of them.
#[tokio::test]
async fn two_kept_checkpoints_of_one_size_and_different_roots_are_a_fault() {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    let last = lines(&files(rig.path())).pop().unwrap();
    let Record::Checkpoint { note } = Line::read(&last).unwrap().record else { panic!("no checkpoint") };
    let mut other = Checkpoint::verify(&note, signer("cart").workload(), &ring()).unwrap();
    other.root = TreeHash::NOTHING;
    let other = sealed(&other, "cart").await;
    let ring = ring();
    let verifier = || LogVerifier::new(Verifier::new(Limits::default()), &ring).checkpoint(note.as_ref());
    let judged = |verifier: LogVerifier<'_>| {
        kinds(&verifier.verify(&Log::open(rig.path()).unwrap(), |_bytes| ()).unwrap())
    };
    assert!(judged(verifier().checkpoint(note.as_ref())).is_empty());
    assert!(judged(verifier().checkpoint(other.clone())).contains(&"checkpoint_differs"));
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    assert!(judged(verifier.checkpoint(other).checkpoint(note.as_ref())).contains(&"checkpoint_differs"));
}

/// Attack: numbers that have no next one.
#[tokio::test]
async fn largest_numbers_are_faults_and_no_panic() {
    let rig = Rig::new();
    let writer = Uuid::from_u128(7);
    rig.log.removed(writer, u64::MAX, TreeHash::NOTHING).await.unwrap();
    rig.log.close().await.unwrap();
    let edge = vec![format!("\"{}\"", TreeHash::NOTHING.to_hex()); 64].join(",");
    let segment = format!(r#"{{"segment":{{"edge":[{edge}],"number":2}}}}"#);
    let first = forged(u64::MAX, TreeHash::NOTHING, &segment, writer);
    let second = forged(u64::MAX, TreeHash::of_line(&first), r#"{"end":{}}"#, writer);
    write(&rig.path().join(format!("{writer}.000002.jsonl")), &[first, second, b"x".to_vec()]);
    let kinds = kinds(&verify(rig.path()));
    assert!(["first_missing", "malformed"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}
