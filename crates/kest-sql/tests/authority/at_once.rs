//! Several authorities, or several processes, that change one memory at once.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kest_authority::{Enrolled, State, Store as _};
use kest_sql::AuthorityStore;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::rig::{Database, NOW, by_ticket, by_token, id, sqlite, ticket};

const AT_ONCE: u32 = 64;
const AUTHORITIES: usize = 8;

/// Attack: a stolen ticket is used at the same moment as its holder uses it, at another authority, many times.
#[tokio::test(flavor = "multi_thread")]
async fn ticket_that_is_used_at_once_at_several_authorities_begins_one_epoch() {
    for database in Database::both().await {
        let authorities = authorities(&database).await;
        authorities[0].add_ticket(&ticket("t", "cart")).await.unwrap();
        check_one_wins(&authorities, "t", "cart").await;
    }
}

/// Attack: the same, where the database was told to be strict about other things than we count on.
#[tokio::test(flavor = "multi_thread")]
async fn ticket_is_used_once_whatever_the_default_isolation_is() {
    let database = Database::postgres().await;
    for isolation in ["serializable", "repeatable read", "read committed"] {
        database
            .execute(&format!("ALTER ROLE audit SET default_transaction_isolation = '{isolation}'"))
            .await;
        let authorities = authorities(&database).await;
        let name = isolation.replace(' ', "-");
        authorities[0].add_ticket(&ticket(&name, &name)).await.unwrap();
        check_one_wins(&authorities, &name, &name).await;
    }
}

/// Several, which have their connections.
async fn authorities(database: &Database) -> Vec<AuthorityStore> {
    let authorities: Vec<_> = (0..AUTHORITIES).map(|_authority| database.store()).collect();
    for authority in &authorities {
        authority.forget_tickets(0).await.unwrap();
    }
    authorities
}

async fn check_one_wins(authorities: &[AuthorityStore], hash: &str, name: &str) {
    let all_are_there = Arc::new(Barrier::new(AT_ONCE.try_into().unwrap()));
    let mut uses = JoinSet::new();
    for (number, authority) in (0..AT_ONCE).zip(authorities.iter().cycle()) {
        let (authority, all_are_there) = (authority.clone(), Arc::clone(&all_are_there));
        let enrolment = by_ticket(hash, &format!("{name}-{number}"));
        uses.spawn(async move {
            all_are_there.wait().await;
            authority.enrol(&enrolment).await.unwrap()
        });
    }
    let (mut begun, mut counts) = (0, BTreeSet::new());
    for outcome in uses.join_all().await {
        if let Enrolled::TicketUsed(alarm) = outcome {
            assert_eq!((alarm.identity, alarm.first_used), (id(name), NOW));
            counts.insert(alarm.uses);
        } else {
            assert!(matches!(outcome, Enrolled::Begun { .. }), "{outcome:?}");
            begun += 1;
        }
    }
    assert_eq!(begun, 1);
    assert_eq!(counts, (2..=AT_ONCE).collect(), "each use has its number");
    let workload = authorities[1].workload(&id(name)).await.unwrap().unwrap();
    assert_eq!((workload.epoch.number(), workload.entry_keys.len()), (1, 1));
}

const ROLE: &str = "KEST_SQL_TEST_AUTHORITY";
const TICKETS: usize = 100;

/// Attack: two authorities on one SQLite file, in two processes, take the same tickets.
#[test]
fn each_ticket_is_good_in_one_of_two_processes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Some(path) = std::env::var_os(ROLE) {
        return runtime.block_on(use_all(&sqlite(path.as_ref())));
    }
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { panic!("it is no file") };
    let path = folder.path().join("authority.sqlite");
    runtime.block_on(async {
        for number in 0..TICKETS {
            let (hash, name) = (format!("t{number}"), format!("w{number}"));
            database.store().add_ticket(&ticket(&hash, &name)).await.unwrap();
        }
    });
    let mut children: Vec<_> = (0..2)
        .map(|_process| {
            let test = "at_once::each_ticket_is_good_in_one_of_two_processes";
            let mut child = Command::new(std::env::current_exe().unwrap());
            let child = child.args([test, "--exact", "--nocapture"]).env(ROLE, &path);
            child.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut begun: HashMap<String, usize> = HashMap::new();
    for child in &mut children {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        for line in lines {
            if let Some(identity) = line.strip_prefix("begun ") {
                *begun.entry(identity.to_owned()).or_default() += 1;
            }
        }
        assert!(child.wait().unwrap().success());
    }
    assert_eq!((begun.len(), begun.values().sum()), (TICKETS, TICKETS));
    let whole = runtime.block_on(database.check_whole());
    assert_eq!(usize::try_from(whole).unwrap(), TICKETS);
    let uses = "tickets WHERE uses = 2";
    assert_eq!(usize::try_from(runtime.block_on(database.count(uses))).unwrap(), TICKETS);
}

async fn use_all(authority: &AuthorityStore) {
    let process = std::process::id();
    for number in 0..TICKETS {
        let enrolment = by_ticket(&format!("t{number}"), &format!("k{number}-{process}"));
        if let Enrolled::Begun { identity, .. } = authority.enrol(&enrolment).await.unwrap() {
            println!("begun {identity}");
        }
    }
}

const WRITERS: usize = 8;
const CHANGES: usize = 20;

/// Attack: a service is given an older bundle than the one that it has, because two authorities changed it at once.
#[tokio::test(flavor = "multi_thread")]
async fn sequence_never_goes_back_under_eight_writers() {
    for database in Database::both().await {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let authority = database.store();
            writers.spawn(async move {
                let mut last = 0;
                for change in 0..CHANGES {
                    // A clock that stands still, and one that goes back: the number follows neither.
                    let mut enrolment =
                        by_token(&format!("w{writer}-{change}"), &format!("k{writer}-{change}"));
                    enrolment.at -= u64::try_from(change).unwrap();
                    authority.enrol(&enrolment).await.unwrap();
                    let now = authority.sequence().await.unwrap();
                    assert!(now > last, "{now} {last}");
                    last = now;
                }
            });
        }
        let done = Arc::new(AtomicBool::new(false));
        let (reader, over) = (database.store(), Arc::clone(&done));
        let reading = tokio::spawn(async move {
            let (mut last, mut seen) = (State::default(), 0);
            while !over.load(Ordering::SeqCst) {
                let now = reader.state().await.unwrap();
                assert!(now.sequence >= last.sequence, "{} {}", now.sequence, last.sequence);
                // One number says one thing, and what was added stays.
                assert_eq!(now.sequence == last.sequence, now == last);
                assert!(now.workloads.len() >= last.workloads.len());
                seen += 1;
                last = now;
            }
            seen
        });
        writers.join_all().await;
        done.store(true, Ordering::SeqCst);
        assert!(reading.await.unwrap() > 0);
        let state = database.store().state().await.unwrap();
        assert_eq!(state.workloads.len(), WRITERS * CHANGES);
    }
}
