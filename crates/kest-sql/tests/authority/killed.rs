//! Processes and servers are killed in the middle of enrolments.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kest_authority::{Enrolled, Store as _};
use kest_servers::postgres::PostgresServer;
use kest_sql::{AuthorityStore, Postgres};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::rig::{Database, by_ticket, sqlite, ticket};

const ROLE: &str = "KEST_SQL_TEST_ENROLLER";
const ENROLMENTS: usize = 100;

/// Gives tickets out and uses them, and tells the name of each identity that began.
async fn enrol(store: &AuthorityStore, name: &str) -> Option<String> {
    store.add_ticket(&ticket(&format!("t-{name}"), name)).await.ok()?;
    match store.enrol(&by_ticket(&format!("t-{name}"), &format!("k-{name}"))).await {
        Ok(Enrolled::Begun { identity, .. }) => Some(identity.to_string()),
        Ok(other) => panic!("{other:?}"),
        Err(_away) => None,
    }
}

/// Attack: an authority is killed (`SIGKILL`) while it enrols.
#[test]
fn killed_authority_leaves_each_enrolment_whole_or_undone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(path) = std::env::var_os(ROLE) {
        return runtime.block_on(enrol_until_killed(&sqlite(path.as_ref())));
    }
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { panic!("it is no file") };
    let test = "killed::killed_authority_leaves_each_enrolment_whole_or_undone";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child =
        child.args([test, "--exact", "--nocapture"]).env(ROLE, folder.path().join("authority.sqlite"));
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut begun = || told.by_ref().find_map(|line| Some(line.strip_prefix("begun ")?.to_owned()));
    let mut there: HashSet<String> = (0..ENROLMENTS).map(|_enrolment| begun().unwrap()).collect();
    child.kill().unwrap();
    there.extend(std::iter::from_fn(begun));
    child.wait().unwrap();
    runtime.block_on(check_all(&database, &there));
}

async fn enrol_until_killed(store: &AuthorityStore) {
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 0.. {
                let begun = enrol(&store, &format!("w{task}-{number}")).await.unwrap();
                let line = format!("begun {begun}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    tasks.join_next().await.unwrap().unwrap();
}

/// What was told is there, and all that is there is whole.
async fn check_all(database: &Database, told: &HashSet<String>) {
    database.check_whole().await;
    let there = database.store().state().await.unwrap().workloads;
    let there: HashSet<String> = there.into_iter().map(|workload| workload.identity.to_string()).collect();
    let missing: Vec<&String> = told.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(told.len() >= ENROLMENTS);
}

/// Attack: the database is killed and stopped while authorities enrol.
#[tokio::test(flavor = "multi_thread")]
async fn killed_database_leaves_each_enrolment_whole_or_undone() {
    let mut server = PostgresServer::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, mut told) = watch::channel((0_usize, 0_usize));
    let mut authorities = JoinSet::new();
    for authority in 0..2 {
        let place = Postgres::builder(server.url()).timeout(Duration::from_secs(2)).build().unwrap();
        let (store, stop, tell) = (place.authority_store(), Arc::clone(&stop), tell.clone());
        authorities.spawn(async move {
            let mut begun = HashSet::new();
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                match enrol(&store, &format!("w{authority}-{number}")).await {
                    Some(identity) => {
                        begun.insert(identity);
                        tell.send_modify(|(done, _)| *done += 1);
                    }
                    None => tell.send_modify(|(_, failed)| *failed += 1),
                }
            }
            begun
        });
    }
    told.wait_for(|(done, _)| *done > 50).await.unwrap();
    server.kill().await;
    let failed = told.borrow().1;
    told.wait_for(|now| now.1 > failed + 4).await.unwrap();
    server.restart().await;
    let done = told.borrow().0;
    told.wait_for(|now| now.0 > done + 50).await.unwrap();
    server.pause().await;
    let failed = told.borrow().1;
    told.wait_for(|now| now.1 > failed + 1).await.unwrap();
    server.resume().await;
    let done = told.borrow().0;
    told.wait_for(|now| now.0 > done + 50).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let begun: HashSet<String> = authorities.join_all().await.into_iter().flatten().collect();
    let database = Database::Postgres(Box::new(server));
    check_all(&database, &begun).await;
}
