//! `kest audit`: a log as people and scripts see it.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kest_audit::{Durability, JsonLines};
use kest_core::audit::{EndGuard, Ending};
use kest_core::entry::EntryHash;
use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::signature::{Bundle, KeyRing, NotAfter, Sign as _};
use kest_core::trust::Origin;
use kest_core::{Admission, Admitter, Audit, Limits, Operation};
use serde_json::{Value, json};

use crate::support::{bundle, directory, file, kest, signer};
use crate::view::Viewer;

/// However slow the machine is that tests run on.
pub(crate) fn patient() -> Limits {
    let mut limits = Limits::default();
    limits.audit_wait = std::time::Duration::from_secs(60);
    limits
}

/// What `work` does with a service, in a writer of its own.
pub(crate) fn write<Done>(folder: &Path, work: impl AsyncFnOnce(Admitter) -> Done) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = JsonLines::builder(folder, Arc::new(signer("cart")), Durability::Required);
        let log = Arc::new(log.limits(patient()).open().unwrap());
        let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(&log);
        let done = work(Admitter::builder(Arc::new(signer("cart"))).audit(shared).build()).await;
        log.close().await.unwrap();
        done
    })
}

/// A log of a root, what follows it, and a refusal; and the last entry.
pub(crate) fn log(name: &str) -> (PathBuf, PathBuf, Admission) {
    let directory = directory(name);
    let folder = directory.join("log");
    let last = write(&folder, async |service: Admitter| {
        let (root, policy) = (Operation::named("root").unwrap().taint("raw"), dangerous_allow_all());
        let root = service.originate(Origin::system(), &root, &policy).await.unwrap();
        let last = root.operation(Operation::named("leaf").unwrap()).admit(&policy).await.unwrap();
        let never = policy_fn("never", |_| false).unwrap();
        let refused = Operation::named("pay").unwrap();
        service.originate(Origin::system(), &refused, &never).await.unwrap_err();
        last
    });
    file(&directory, "bundle.json", bundle(&["cart"]));
    (directory, folder, last)
}

fn arguments<'it>(command: &'it str, folder: &'it Path, rest: &[&'it str]) -> Vec<&'it str> {
    let mut all = vec!["audit", command, folder.to_str().unwrap()];
    all.extend(rest);
    all
}

#[test]
fn whole_log_is_complete_and_one_without_a_record_has_a_gap_there() {
    let (directory, folder, _last) = log("audit-verify");
    let keys = directory.join("bundle.json");
    let keys = keys.to_str().unwrap();
    let whole = kest(arguments("verify", &folder, &["--keys", keys, "--json"]), b"");
    assert_eq!(whole.code, Some(0), "{whole:?}");
    let said = whole.json();
    assert_eq!((&said["verdict"], &said["writers"][0]["answer"]), (&"accept".into(), &"complete".into()));
    assert_eq!(said["entries"], 2);
    let segment = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&segment).unwrap();
    let left: Vec<&str> =
        text.lines().enumerate().filter(|(place, _)| *place != 2).map(|(_, line)| line).collect();
    std::fs::write(&segment, left.join("\n") + "\n").unwrap();
    let cut = kest(arguments("verify", &folder, &["--keys", keys, "--json"]), b"");
    let said = cut.json();
    assert_eq!(cut.code, Some(1));
    assert_eq!((&said["verdict"], &said["writers"][0]["answer"]), (&"refuse".into(), &"gap".into()));
    assert_eq!((&said["faults"][0]["kind"], &said["faults"][0]["seq"]), (&"missing".into(), &2.into()));
}

/// Failure: a full disk, or a folder that is gone, took the verdict with it.
#[test]
fn verdict_is_said_also_where_it_cannot_be_kept() {
    let (directory, folder, _last) = log("audit-not-kept");
    let (keys, kept) = (directory.join("bundle.json"), directory.join("gone/kept.json"));
    let flags = ["--keys", keys.to_str().unwrap(), "--resume", kept.to_str().unwrap(), "--json"];
    let whole = kest(arguments("verify", &folder, &flags), b"");
    assert_eq!((whole.code, &whole.json()["verdict"]), (Some(2), &"accept".into()), "{whole:?}");
    assert!(whole.stderr.contains("kept.json"), "{whole:?}");
}

/// Attack: a record is changed after a run found it right, or the file of that run is not one.
#[test]
fn run_that_is_gone_on_with_finds_what_was_changed_since() {
    let (directory, folder, _last) = log("audit-resume");
    let keys = directory.join("bundle.json");
    let kept = directory.join("kept.json");
    let flags = ["--keys", keys.to_str().unwrap(), "--resume", kept.to_str().unwrap(), "--json"];
    let first = kest(arguments("verify", &folder, &flags), b"");
    assert_eq!(first.code, Some(0), "{first:?}");
    let written = std::fs::read_to_string(&kept).unwrap();
    write(&folder, async |service: Admitter| {
        let more = Operation::named("more").unwrap();
        drop(service.originate(Origin::system(), &more, &dangerous_allow_all()).await.unwrap());
    });
    let second = kest(arguments("verify", &folder, &flags), b"");
    assert_eq!((second.code, &second.json()["entries"]), (Some(0), &3.into()));
    assert!(std::fs::read_to_string(&kept).unwrap().len() > written.len());
    let file = kest_audit::Log::open(&folder).unwrap().lines().next().unwrap().unwrap().file;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"operation\":\"pay\"", "\"operation\":\"buy\"", 1)).unwrap();
    let changed = kest(arguments("verify", &folder, &flags), b"");
    assert_eq!((changed.code, &changed.json()["faults"][0]["kind"]), (Some(1), &"changed".into()));
    std::fs::write(&kept, "{}x").unwrap();
    assert_eq!(kest(arguments("verify", &folder, &flags), b"").code, Some(2));
}

/// Attack: old files are deleted by one whom the bundle does not know, or from a log with a gap.
#[test]
fn old_files_go_and_what_is_left_verifies() {
    let (directory, folder, _last) = log("audit-prune");
    let keys = directory.join("bundle.json");
    let keys = keys.to_str().unwrap();
    let key = file(&directory, "cart.key.jwk", signer("cart").to_private_jwk().unwrap());
    let stranger = file(&directory, "stranger.key.jwk", signer("payments").to_private_jwk().unwrap());
    #[cfg(unix)]
    for path in [&key, &stranger] {
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner).unwrap();
    }
    let files = || std::fs::read_dir(&folder).unwrap().count();
    let prune = |key: &str, more: &[&str]| {
        let flags = [&["--keys", keys, "--key", key, "--json"], more].concat();
        kest(arguments("prune", &folder, &flags), b"")
    };
    let all = ["--before", "99999999999999"];
    assert_eq!((prune(&stranger, &all).code, files()), (Some(2), 1));
    // A key that the bundle lets end before today, and which may have been stolen since.
    let mut retired = KeyRing::new();
    let own = signer("cart").current();
    let (workload, id, public) = (own.workload().clone(), own.key_id().clone(), own.public_key().clone());
    retired.trust_until(workload, id, public, NotAfter::from_unix_seconds(1_700_000_000).unwrap()).unwrap();
    let retired = file(&directory, "retired.json", Bundle::to_json(&retired).unwrap());
    let flags = [&["--keys", retired.as_str(), "--key", &key], &all[..]].concat();
    let ended = kest(arguments("prune", &folder, &flags), b"");
    assert_eq!((ended.code, files()), (Some(2), 1), "{ended:?}");
    assert!(ended.stderr.contains("bundle does not trust the key"), "{}", ended.stderr);
    let young = prune(&key, &["--older-than", "1"]);
    assert_eq!((young.code, young.json_lines().len(), files()), (Some(0), 0, 1));
    let would = prune(&key, &[&all[..], &["--dry-run"]].concat());
    assert_eq!((would.json_lines().len(), files()), (1, 1));
    let first = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let pruned = prune(&key, &all);
    assert_eq!((pruned.code, pruned.json_lines().len()), (Some(0), 1), "{pruned:?}");
    assert!(!first.exists());
    let left = kest(arguments("verify", &folder, &["--keys", keys, "--json"]), b"");
    assert_eq!((left.code, left.json()["writers"].as_array().unwrap().len()), (Some(0), 1));
    // What recorded the deletion is cut.
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let less: Vec<&str> = text.lines().filter(|line| !line.contains("\"removed\"")).collect();
    std::fs::write(&file, less.join("\n") + "\n").unwrap();
    assert_eq!((prune(&key, &all).code, files()), (Some(1), 1));
}

/// Attack: a log that names its own keys, or that brings an entry signed by one who is not trusted.
#[test]
fn log_of_untrusted_keys_does_not_hold() {
    let (directory, folder, _last) = log("audit-keys");
    let other = file(&directory, "other.json", bundle(&["payments"]));
    let refused = kest(arguments("verify", &folder, &["--keys", &other, "--json"]), b"");
    assert_eq!(refused.code, Some(1));
    let kinds: Vec<String> = refused.json()["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(kinds.contains(&"entry_invalid".to_owned()) && kinds.contains(&"checkpoint_invalid".to_owned()));
}

#[test]
fn records_are_found_by_what_they_say() {
    let (_directory, folder, _last) = log("audit-query");
    let count = |flags: &[&str]| {
        let mut all = vec!["--json"];
        all.extend(flags);
        let run = kest(arguments("query", &folder, &all), b"");
        assert_eq!(run.code, Some(i32::from(run.json_lines().is_empty())));
        run.json_lines().len()
    };
    assert_eq!(count(&["--signed"]), 2);
    assert_eq!(count(&["--operation", "leaf"]), 1);
    assert_eq!(count(&["--taint", "raw"]), 2);
    assert_eq!(count(&["--taint", "other"]), 0);
    assert_eq!(count(&["--refused"]), 1);
    assert_eq!(count(&["--refused", "--operation", "leaf"]), 0);
    assert_eq!(count(&["--workload", "spiffe://example.org/cart"]), 2);
    assert_eq!(count(&["--min-trust", "101"]), 0);
    assert_eq!(count(&["--until", "1"]), 0);
}

/// What was recorded with the end of an operation, and what an entry signs: whichever of the two a service was told to keep.
#[test]
fn operations_are_found_by_the_hash_of_what_they_gave() {
    let directory = directory("audit-content");
    let folder = directory.join("log");
    let (answer, page) = (EntryHash::of_bytes(b"answer"), EntryHash::of_bytes(b"page"));
    let read = write(&folder, async |service: Admitter| {
        let policy = dangerous_allow_all();
        let read = Operation::named("read").unwrap();
        let read = service.originate(Origin::system(), &read, &policy).await.unwrap();
        let publish = Operation::named("publish").unwrap().content_hash(page);
        drop(read.operation(publish).admit(&policy).await.unwrap());
        let mut end = EndGuard::of(&read);
        end.gave(answer);
        end.end(Ending::Complete);
        read
    });
    let found = |hash: &str| {
        let run = kest(arguments("query", &folder, &["--json", "--content-hash", hash]), b"");
        let lines = run.json_lines();
        assert_eq!(run.code, Some(i32::from(lines.is_empty())), "{run:?}");
        lines
    };
    let [ended] = found(&answer.to_hex()).try_into().unwrap();
    assert_eq!((&ended["kind"], &ended["entry"]), (&json!("finished"), &json!(read.entry().hash().to_hex())));
    let [signed] = found(&page.to_hex()).try_into().unwrap();
    assert_eq!((&signed["kind"], &signed["operation"]), (&json!("signed"), &json!("publish")));
    assert_eq!(
        (&ended["content_hash"], &signed["content_hash"]),
        (&json!(answer.to_hex()), &json!(page.to_hex()))
    );
    // A part of a hash is another hash, and most records have none.
    for other in
        [EntryHash::of_bytes(b"other").to_hex(), answer.to_hex().chars().skip(1).collect(), String::new()]
    {
        assert_eq!(found(&other), Vec::<Value>::new(), "{other}");
    }
    let shown = kest(arguments("query", &folder, &["--content-hash", &page.to_hex()]), b"");
    assert!(shown.text().contains(&format!(" content={} ", page.to_hex())), "{shown:?}");
    // Drawn, each is told apart from the other.
    let log = folder.to_str().unwrap();
    let entry = signed["entry"].as_str().unwrap();
    let drawn = kest(["graph", "--log", log, "--entry", entry], b"");
    for said in [format!("{}, recorded", answer.to_hex()), format!("{}, signed", page.to_hex())] {
        assert!(drawn.text().contains(&said), "{}", drawn.text());
    }
    file(&directory, "bundle.json", bundle(&["cart"]));
    let records = Viewer::over(&folder).get(&format!("/records?entry={entry}"));
    for (hash, said) in [(answer, "recorded with its end"), (page, "signed")] {
        let cell = format!("<code><bdi>{}</bdi></code> <span class=\"quiet\">{said}<", hash.to_hex());
        assert!(records.contains(&cell), "{records}");
    }
}

#[test]
fn passport_of_a_recorded_entry_verifies() {
    let (directory, folder, last) = log("audit-passport");
    let hash = last.entry().hash().to_hex();
    let found = kest(arguments("passport", &folder, &["--entry", &hash]), b"");
    assert_eq!(found.code, Some(0), "{found:?}");
    let keys = directory.join("bundle.json");
    let verify = ["verify", "--json", "--keys", keys.to_str().unwrap(), "--chain-tip", &hash];
    let verified = kest(verify, &found.stdout);
    assert_eq!(verified.json()["entries"], 2, "{verified:?}");
    let none = kest(arguments("passport", &folder, &["--entry", &"0".repeat(64)]), b"");
    assert_eq!((none.code, none.stdout.as_slice()), (Some(1), &b""[..]));
    let empty = kest(arguments("passport", &directory, &["--entry", &hash]), b"");
    assert_eq!(empty.code, Some(2));
}

/// An entry that is gone from the log is drawn as missing, and what stands behind it is not proved.
#[test]
fn lineage_is_drawn_from_the_log_and_what_was_never_recorded_is_missing() {
    let (directory, folder, last) = log("audit-graph");
    let keys = directory.join("bundle.json");
    let (keys, at) = (keys.to_str().unwrap(), folder.to_str().unwrap());
    let hash = last.entry().hash().to_hex();
    let trace = last.entry().labels().trace_id().unwrap().to_owned();
    for wanted in [["--entry", &hash], ["--trace", &trace]] {
        let run = kest(["graph", "--keys", keys, "--log", at, wanted[0], wanted[1]], b"");
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.text().starts_with("VERIFIED: 2 entries, 1 tip"), "{}", run.text());
    }
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let root = last.passport().entries()[0].compact().to_owned();
    let kept: String =
        text.lines().filter(|it| !it.contains(&root)).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, kept).unwrap();
    let run = kest(["graph", "--keys", keys, "--log", at, "--entry", &hash], b"");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.text().starts_with("REFUSED, broken_link at #0"), "{}", run.text());
    let run = kest(["graph", "--log", at, "--entry", &hash, "--format", "ascii"], b"");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.text().contains("missing parent"), "{}", run.text());
    let none = kest(["graph", "--log", at, "--trace", "0"], b"");
    assert_eq!((none.code, none.text()), (Some(1), ""));
    for wrong in [&["--log", at][..], &["--entry", &hash], &["--log", at, "--entry", "x"]] {
        assert_eq!(kest([&["graph"], wrong].concat(), b"").code, Some(2), "{wrong:?}");
    }
}

/// Records of new writers come too, whatever lies in the files and whichever are deleted meanwhile; each of them once.
#[test]
fn what_comes_is_shown_once() {
    let (_directory, folder, _last) = log("audit-tail");
    let first = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_kest"))
        .args(arguments("tail", &folder, &["--json", "--signed"]))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let line: Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
        line["operation"].as_str().unwrap().to_owned()
    };
    assert_eq!([next(), next()], ["root", "leaf"]);
    let come = |name: &'static str| {
        write(&folder, async |service: Admitter| {
            let operation = Operation::named(name).unwrap();
            drop(service.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap());
        });
    };
    // A line that is too long, and a record behind it.
    let lines = std::fs::read_to_string(&first).unwrap();
    let root = lines.lines().find(|line| line.contains("\"signed\"")).unwrap().to_owned() + "\n";
    let mut file = std::fs::OpenOptions::new().append(true).open(&first).unwrap();
    file.write_all(format!("{}\n{root}", "x".repeat(70_000)).as_bytes()).unwrap();
    assert_eq!(next(), "root");
    come("second");
    assert_eq!(next(), "second");
    // Half of one, which is whole after the reader was there.
    let (half, rest) = root.split_at(100);
    file.write_all(half.as_bytes()).unwrap();
    come("between");
    assert_eq!(next(), "between");
    file.write_all(rest.as_bytes()).unwrap();
    assert_eq!(next(), "root");
    std::fs::remove_file(&first).unwrap();
    come("third");
    assert_eq!(next(), "third");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(shown.next().is_none());
}
