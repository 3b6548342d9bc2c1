//! What a log has of a lineage, also where it does not have all of it.

use kest_audit::{Durability, Line, Log, Record, Recorded, Wanted};
use kest_core::audit::{EndGuard, Ending};
use kest_core::entry::EntryHash;
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Limits, Operation};

use crate::rig::{Rig, begin, files, operate};

async fn follow(admission: &Admission, name: &'static str) -> Admission {
    admission.operation(Operation::named(name).unwrap()).admit(&dangerous_allow_all()).await.unwrap()
}

fn found(rig: &Rig, wanted: Wanted<'_>, limits: &Limits) -> Recorded {
    Log::open(rig.path()).unwrap().lineage(wanted, limits).unwrap()
}

fn compacts(admissions: &[&Admission]) -> Vec<String> {
    admissions.iter().map(|it| it.entry().compact().to_owned()).collect()
}

/// Removes the line of this entry from the file that has it.
fn lose(rig: &Rig, admission: &Admission) {
    for file in files(rig.path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let kept = text.lines().filter(|line| !line.contains(admission.entry().compact()));
        std::fs::write(&file, kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
}

#[tokio::test]
async fn lineage_of_an_entry_or_a_trace_is_found_in_the_files_of_all_writers() {
    let rig = Rig::with(Durability::Required, 1);
    let root = operate(&rig.service, "root").await;
    let left = follow(&root, "left").await;
    let other = operate(&rig.service, "other").await;
    // The operation goes on in the same process with a log of its own: what it follows is in the files of the first.
    let (second, service) = begin(rig.path(), Durability::Required, u64::MAX);
    let far = operate(&service, "far").await;
    let right = follow(&root, "right").await;
    let limits = Limits::default();
    let of = |it: &Admission| Wanted::Entry(it.entry().hash());
    assert_eq!(found(&rig, of(&left), &limits).entries, compacts(&[&root, &left]));
    assert_eq!(found(&rig, of(&far), &limits).entries, compacts(&[&far]));
    let trace = root.entry().labels().trace_id().unwrap().to_owned();
    let whole = found(&rig, Wanted::Trace(&trace), &limits);
    assert_eq!(whole.entries, compacts(&[&root, &left, &right]));
    assert!(!whole.shortened && !whole.entries.contains(&compacts(&[&other])[0]));
    assert_eq!(found(&rig, Wanted::Entry(EntryHash::of("none")), &limits).entries, Vec::<String>::new());
    second.close().await.unwrap();
    rig.log.close().await.unwrap();
}

#[tokio::test]
async fn what_follows_a_lost_entry_comes_behind_what_is_whole() {
    let rig = Rig::new();
    let root = operate(&rig.service, "root").await;
    let lost = follow(&root, "lost").await;
    let orphan = follow(&lost, "orphan").await;
    let child = follow(&orphan, "child").await;
    let whole = follow(&root, "whole").await;
    rig.log.close().await.unwrap();
    lose(&rig, &lost);
    let trace = root.entry().labels().trace_id().unwrap().to_owned();
    let entries = found(&rig, Wanted::Trace(&trace), &Limits::default()).entries;
    assert_eq!(entries, compacts(&[&root, &whole, &orphan, &child]));
    let entries = found(&rig, Wanted::Entry(child.entry().hash()), &Limits::default()).entries;
    assert_eq!(entries, compacts(&[&orphan, &child]));
}

/// A file is deleted in order while a lineage is being gathered: what it had is not there, and the rest is.
#[tokio::test]
async fn what_was_deleted_since_the_log_was_opened_keeps_nothing_else_back() {
    let rig = Rig::with(Durability::Required, 1);
    let root = operate(&rig.service, "root").await;
    let leaf = follow(&root, "leaf").await;
    rig.log.close().await.unwrap();
    let log = Log::open(rig.path()).unwrap();
    let has = |file: &std::path::PathBuf, it: &Admission| {
        std::fs::read_to_string(file).unwrap().contains(it.entry().compact())
    };
    let (both, first): (Vec<_>, Vec<_>) =
        files(rig.path()).into_iter().filter(|file| has(file, &root)).partition(|file| has(file, &leaf));
    assert_eq!((first.len(), both.len()), (1, 1), "the second carries what its entry follows");
    let wanted = Wanted::Entry(leaf.entry().hash());
    std::fs::remove_file(&first[0]).unwrap();
    assert_eq!(log.lineage(wanted, &Limits::default()).unwrap().entries, compacts(&[&root, &leaf]));
    std::fs::remove_file(&both[0]).unwrap();
    assert_eq!(log.lineage(wanted, &Limits::default()).unwrap().entries, Vec::<String>::new());
}

/// Attack: another writer of the log, before and behind, says what an operation gave that is not its own; and the first end counts.
#[tokio::test]
async fn content_is_believed_of_the_writer_that_signed_and_once() {
    let rig = Rig::with(Durability::Required, 1);
    let root = operate(&rig.service, "root").await;
    let leaf = follow(&root, "leaf").await;
    let other = operate(&rig.service, "other").await;
    let (page, all) = (EntryHash::of("page"), [&root, &leaf, &other].map(|it| it.entry().hash()));
    for (admission, content) in [(&leaf, Some(page)), (&root, None), (&leaf, Some(EntryHash::of("late")))] {
        let mut end = EndGuard::of(admission);
        content.into_iter().for_each(|content| end.gave(content));
        end.end(Ending::Complete);
    }
    // It stands in another file than the entry.
    drop(operate(&rig.service, "more").await);
    rig.log.close().await.unwrap();
    for writer in ["00000000-0000-7000-8000-000000000000", "ffffffff-0000-7000-8000-000000000000"] {
        let lines = all.iter().enumerate().map(|(seq, entry)| {
            let (entry, prev) = (entry.to_hex(), "0".repeat(64));
            let record = format!(
                r#"{{"finished":{{"content_hash":"{prev}","ending":"complete","entry":"{entry}","millis":1}}}}"#
            );
            format!(r#"{{"at":1,"prev":"{prev}","record":{record},"seq":{seq},"v":1,"writer":"{writer}"}}"#)
        });
        let text = lines.map(|line| line + "\n").collect::<String>();
        let line = text.lines().next().unwrap().as_bytes();
        assert!(matches!(Line::read(line).unwrap().record, Record::Finished { .. }));
        std::fs::write(rig.path().join(format!("{writer}.000001.jsonl")), text).unwrap();
    }
    // A service of its own records the entry of another as its own.
    let writer = "eeeeeeee-0000-7000-8000-000000000000";
    let records = [
        r#"{"start":{"before":[],"key":"gateway","library":"x","service":"spiffe://example.org/gateway"}}"#
            .to_owned(),
        format!(r#"{{"signed":{{"entry":"{}"}}}}"#, root.entry().compact()),
        format!(
            r#"{{"finished":{{"content_hash":"{0}","ending":"complete","entry":"{1}","millis":1}}}}"#,
            page.to_hex(),
            all[0].to_hex()
        ),
    ];
    let lines = records.iter().enumerate().map(|(seq, record)| {
        let prev = "0".repeat(64);
        format!("{{\"at\":1,\"prev\":\"{prev}\",\"record\":{record},\"seq\":{seq},\"v\":1,\"writer\":\"{writer}\"}}\n")
    });
    std::fs::write(rig.path().join(format!("{writer}.000001.jsonl")), lines.collect::<String>()).unwrap();
    let log = Log::open(rig.path()).unwrap();
    let wanted = |hashes: &[EntryHash]| log.contents(hashes).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(wanted(&all), [(all[1], page)]);
    assert_eq!(wanted(&[all[0], all[2]]), []);
    // Where the start was deleted in order, a checkpoint says whose log it is.
    let own = files(rig.path())
        .into_iter()
        .find(|file| std::fs::read_to_string(file).unwrap().contains("example.org/cart"));
    std::fs::remove_file(own.unwrap()).unwrap();
    assert_eq!(wanted(&all), [(all[1], page)]);
}

/// Attack: a trace without end, which a stranger chose for all its requests.
#[tokio::test]
async fn trace_of_any_length_takes_no_more_memory_than_a_passport_may() {
    let rig = Rig::new();
    let root = operate(&rig.service, "root").await;
    let mut all = vec![root];
    for _step in 0..5 {
        all.push(follow(all.last().unwrap(), "step").await);
    }
    rig.log.close().await.unwrap();
    let trace = all[0].entry().labels().trace_id().unwrap().to_owned();
    let mut limits = Limits::default();
    limits.entries = 4;
    let newest: Vec<&Admission> = all.iter().skip(2).collect();
    let cut = found(&rig, Wanted::Trace(&trace), &limits);
    assert_eq!((cut.entries, cut.shortened), (compacts(&newest), true));
    let mut limits = Limits::default();
    limits.passport_bytes = 2 * (all[5].entry().compact().len() + 10);
    let cut = found(&rig, Wanted::Trace(&trace), &limits);
    assert_eq!((cut.entries.len(), cut.shortened), (2, true));
}

/// Attack: a log has a long lineage in the worst order, so that each round of sorting finds one entry.
#[test]
fn long_lineage_in_the_worst_order_is_sorted_at_once() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let mut chain: Vec<String> = Vec::new();
    for _entry in 0..10_000 {
        let parent: Vec<String> = chain.last().map(|last| EntryHash::of(last).to_hex()).into_iter().collect();
        let payload = URL_SAFE_NO_PAD.encode(format!("{{\"parent_ids\":{parent:?}}}"));
        chain.push(format!("e30.{payload}.AAAA"));
    }
    let worst: Vec<String> = chain.iter().rev().cloned().collect();
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || say.send(Recorded::of(worst).entries));
    let sorted =
        said.recv_timeout(std::time::Duration::from_secs(30)).expect("it takes the square of its length");
    assert!(sorted == chain);
}
