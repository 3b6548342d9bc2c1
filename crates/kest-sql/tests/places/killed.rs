//! Processes that write one SQLite file are killed in mid write: what ran is in it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use kest_audit::{Durability, State};
use kest_core::entry::EntryHash;
use kest_sql::Sqlite;

use crate::rig::{PATIENCE, Recorded, Service, signer, verify};

const ROLE: &str = "KEST_SQL_TEST_WRITER";
const WRITERS: usize = 2;
/// Operations of one process before it is killed, in mid work.
const OPERATIONS: usize = 200;

/// Attack: the process is killed (`SIGKILL`) while operations run. Under `Required` each that ran has its row.
#[test]
fn killed_writers_leave_the_row_of_every_operation_that_ran() {
    if let Some(path) = std::env::var_os(ROLE) {
        return write_until_killed(&Sqlite::builder(path).timeout(PATIENCE).build().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let mut children: Vec<Child> = (0..WRITERS).map(|_writer| spawn(&path)).collect();
    let mut ran = HashSet::new();
    for child in &mut children {
        // What the handlers told a witness outside of their process before it was killed.
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut hashes = || told.by_ref().find_map(|line| line.strip_prefix("ran ")?.parse().ok());
        for _operation in 0..OPERATIONS {
            let hash: EntryHash = hashes().unwrap();
            assert!(ran.insert(hash));
        }
        child.kill().unwrap();
        ran.extend(std::iter::from_fn(hashes));
        child.wait().unwrap();
    }
    let place = Sqlite::builder(&path).timeout(PATIENCE).build().unwrap();
    let log = place.log().unwrap();
    let report = verify(&log, None);
    assert!(report.holds(), "{:?}", report.faults);
    assert!(report.writers.iter().all(|writer| writer.state == State::Crashed), "{:?}", report.writers);
    assert_eq!(report.writers.len(), WRITERS);
    let recorded = Recorded::of(&log).signed;
    let unrecorded: Vec<&EntryHash> = ran.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "{} of {} ran unrecorded", unrecorded.len(), ran.len());

    // The next one names both, clears their locks away, and goes on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let next = Service::patient(place.recorder(signer(), Durability::Required)).await;
        next.operate().await;
        next.log.close().await.unwrap();
    });
    let log = place.log().unwrap();
    assert!(verify(&log, None).holds());
    assert_eq!(Recorded::of(&log).signed.len(), recorded.len() + 1);
}

fn spawn(path: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::killed_writers_leave_the_row_of_every_operation_that_ran", "--exact", "--nocapture"])
        .env(ROLE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Several operations at once, each of which tells the witness that it ran, until the process is killed.
fn write_until_killed(place: &Sqlite) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let recorder = place.recorder(signer(), Durability::Required).segment_bytes(128 * 1024);
        let service = Service::patient(recorder).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _task in 0..8 {
            let service = service.clone();
            tasks.spawn(async move {
                loop {
                    let line = format!("ran {}\n", service.operate().await.to_hex());
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        tasks.join_next().await.unwrap().unwrap();
    });
}
