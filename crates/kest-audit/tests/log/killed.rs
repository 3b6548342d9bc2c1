//! Four processes write one log and are killed in mid write: what ran is in it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kest_audit::{Durability, Log, State};
use kest_core::entry::EntryHash;

use crate::rig::{begin, operate, verify};

const ROLE: &str = "KEST_AUDIT_TEST_WRITER";
const WRITERS: usize = 4;
/// Operations at once in one process.
const TASKS: usize = 16;

/// Operations of one process before it is killed, in mid work. `KEST_AUDIT_OPERATIONS=25000` is the full size.
fn operations() -> usize {
    std::env::var("KEST_AUDIT_OPERATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

/// Attack: the power is cut while operations run. Under `Required` each that ran has its record, whatever was under way.
#[test]
fn killed_writers_leave_the_record_of_every_operation_that_ran() {
    if let Some(folder) = std::env::var_os(ROLE) {
        return write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<Child> = (0..WRITERS).map(|_writer| spawn(folder.path())).collect();
    let mut ran = HashSet::new();
    for child in &mut children {
        // What the handlers told a witness outside of their process before it was killed.
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut hashes = || told.by_ref().find_map(|line| line.strip_prefix("ran ")?.parse().ok());
        for _operation in 0..operations() {
            let hash: EntryHash = hashes().unwrap();
            assert!(ran.insert(hash));
        }
        child.kill().unwrap();
        ran.extend(std::iter::from_fn(hashes));
        child.wait().unwrap();
    }
    let report = verify(folder.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert!(report.writers.iter().all(|writer| writer.state == State::Crashed));
    assert_eq!(report.writers.len(), WRITERS);
    let recorded = recorded(folder.path());
    assert_eq!(u64::try_from(recorded.len()).unwrap(), report.entries());
    let unrecorded: Vec<&EntryHash> = ran.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "{} of {} ran unrecorded", unrecorded.len(), ran.len());
    // What was recorded and did not run was under way when its process was killed.
    let under_way = recorded.len() - ran.len();
    assert!(under_way <= WRITERS * TASKS, "{under_way}");
    println!("{} operations ran, {under_way} were under way, {} records", ran.len(), report.records());

    // The next one names all four, and goes on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (next, service) = begin(folder.path(), Durability::Required, u64::MAX);
        operate(&service, "after").await;
        next.close().await.unwrap();
    });
    let report = verify(folder.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.entries(), u64::try_from(recorded.len()).unwrap() + 1);
}

fn recorded(folder: &Path) -> HashSet<EntryHash> {
    let log = Log::open(folder).unwrap();
    let lines = log.lines().map(Result::unwrap).filter(|line| line.whole);
    lines.filter_map(|line| line.read().unwrap().record.entry().map(EntryHash::of)).collect()
}

fn spawn(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "killed::killed_writers_leave_the_record_of_every_operation_that_ran",
            "--exact",
            "--nocapture",
        ])
        .env(ROLE, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Several operations at once, each of which tells the witness that it ran, until the process is killed.
fn write_until_killed(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (_log, service) = begin(folder, Durability::Required, 256 * 1024);
        let mut tasks = tokio::task::JoinSet::new();
        for _task in 0..TASKS {
            let service = service.clone();
            tasks.spawn(async move {
                loop {
                    let admission = operate(&service, "step").await;
                    let line = format!("ran {}\n", admission.entry().hash().to_hex());
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        tasks.join_next().await.unwrap().unwrap();
    });
}
