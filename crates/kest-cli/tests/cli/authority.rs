//! `kest authority`: what an operator sees and does.

use std::path::{Path, PathBuf};

use kest_authority::{Enrolled, Enrolment, EntryKeyRecord, Evidence, NewTicket, Place, Store as _};
use kest_core::{Clock as _, SystemClock};
use kest_identity::SpiffeId;
use kest_servers::postgres::PostgresServer;
use kest_sql::{AuthorityStore, Postgres, Sqlite};
use kest_workload::protocol::EntryKey;
use serde_json::{Value, json};

use crate::support::{Run, directory, kest};

const HOUR: u64 = 3_600_000;

/// Runs one of its commands on the authority in this folder.
pub(crate) fn authority(folder: &Path, arguments: &[&str]) -> Run {
    let (command, rest) = arguments.split_first().unwrap();
    kest([&["authority", command, "--dir", folder.to_str().unwrap()], rest].concat(), b"")
}

fn id(name: &str) -> SpiffeId {
    SpiffeId::parse(&format!("spiffe://example.org/{name}")).unwrap()
}

fn by(evidence: Evidence, kid: &str) -> Enrolment {
    let at = SystemClock.unix_millis();
    let key = EntryKey { kty: "OKP".into(), crv: "Ed25519".into(), x: format!("x-{kid}"), kid: kid.into() };
    let entry_key = EntryKeyRecord { key, since: at, until: None };
    Enrolment { evidence, entry_key, current_key: None, alive_until: at + HOUR, at }
}

async fn enrol(store: &AuthorityStore, name: &str) {
    let enrolled = store.enrol(&by(Evidence::Token(id(name)), &format!("k-{name}"))).await.unwrap();
    assert!(matches!(enrolled, Enrolled::Begun { .. }), "{enrolled:?}");
}

/// A ticket that was used twice.
async fn steal(store: &AuthorityStore, name: &str) {
    let now = SystemClock.unix_millis();
    let hash = "c0ffee00".repeat(8);
    let ticket = NewTicket {
        hash: hash.clone(),
        identity: id(name),
        created: now,
        expires: now + HOUR,
        place: Place::Free,
    };
    store.add_ticket(&ticket).await.unwrap();
    for kid in ["mine", "thiefs"] {
        store.enrol(&by(Evidence::Ticket(hash.clone()), kid)).await.unwrap();
    }
}

fn life<'it>(listed: &'it Value, name: &str) -> &'it Value {
    let identity = id(name).to_string();
    let all = listed["workloads"].as_array().unwrap();
    all.iter().find(|workload| workload["identity"] == identity.as_str()).unwrap()
}

/// A folder with a store in which something was done.
fn sqlite(name: &str) -> (PathBuf, AuthorityStore) {
    let folder = directory(name);
    let store = Sqlite::builder(folder.join("authority.sqlite")).build().unwrap().authority_store();
    (folder, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn list_tells_who_is_enrolled_and_which_tickets_were_stolen() {
    let (folder, store) = sqlite("authority-list");
    enrol(&store, "cart").await;
    steal(&store, "stock").await;
    let listed = authority(&folder, &["list", "--json"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let listed = listed.json();
    assert_eq!(listed["sequence"], store.sequence().await.unwrap());
    let cart = life(&listed, "cart");
    assert_eq!((&cart["state"], &cart["epoch"], &cart["void"]), (&json!("alive"), &json!(1), &Value::Null));
    assert_eq!(cart["entry_keys"][0]["kid"], "k-cart");
    let stolen = &listed["tickets"][0];
    assert_eq!((&stolen["uses"], &stolen["identity"]), (&json!(2), &json!("spiffe://example.org/stock")));
    let told = authority(&folder, &["list"]);
    assert!(told.text().contains("spiffe://example.org/cart epoch 1 alive until 20"), "{told:?}");
    assert!(told.text().contains("USED 2 TIMES"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_identity_is_listed_as_such_and_has_no_keys() {
    let (folder, store) = sqlite("authority-revoke");
    enrol(&store, "cart").await;
    let unknown = authority(&folder, &["revoke", "--identity", "spiffe://example.org/stock", "--json"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert_eq!(unknown.json(), json!({"identity": "spiffe://example.org/stock", "epoch": null}));
    let revoked = authority(&folder, &["revoke", "--identity", "spiffe://example.org/cart"]);
    assert_eq!(
        (revoked.code, revoked.text()),
        (Some(0), "revoked spiffe://example.org/cart up to epoch 1\n")
    );
    let listed = authority(&folder, &["list", "--json"]).json();
    let cart = life(&listed, "cart");
    assert_eq!(
        (&cart["state"], &cart["void"], &cart["entry_keys"]),
        (&json!("revoked"), &json!(1), &json!([]))
    );
}

/// Failure: an operator who mistypes the folder is told that the authority has no workloads, or that a revocation was made.
#[test]
fn folder_without_an_authority_is_told_as_such_and_nothing_is_made_in_it() {
    let folder = directory("authority-missing");
    for command in [&["list"][..], &["revoke", "--identity", "spiffe://example.org/cart"]] {
        let run = authority(&folder, command);
        assert_eq!((run.code, run.text()), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains("kest authority init"), "{run:?}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn arguments_that_are_not_understood_are_exit_code_2() {
    let folder = directory("authority-arguments");
    for command in [
        &["revoke", "--identity", "cart"][..],
        &["revoke", "--identity", "spiffe://example.org/"],
        &["list", "--store", "somewhere"],
        &["list", "--store", "postgres://u:hidden@localhost:x/"],
    ] {
        let run = authority(&folder, command);
        assert_eq!((run.code, run.text()), (Some(2), ""), "{run:?}");
        assert!(!run.stderr.contains("hidden"), "{run:?}");
    }
}

/// Attack: a store that others of the machine can write to.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn store_that_others_can_write_to_is_refused() {
    let (folder, store) = sqlite("authority-writable");
    enrol(&store, "cart").await;
    let path = folder.join("authority.sqlite");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let run = authority(&folder, &["list"]);
    assert_eq!((run.code, run.text()), (Some(2), ""), "{run:?}");
    assert!(run.stderr.contains("by others"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_asks_a_store_in_postgres() {
    let server = PostgresServer::start().await;
    let store = Postgres::builder(server.url()).build().unwrap().authority_store();
    enrol(&store, "cart").await;
    let folder = directory("authority-postgres");
    let url = server.url();
    let revoke = ["revoke", "--identity", "spiffe://example.org/cart", "--store", &url];
    assert_eq!(authority(&folder, &revoke).code, Some(0));
    let listed = authority(&folder, &["list", "--json", "--store", &url]).json();
    assert_eq!(life(&listed, "cart")["state"], "revoked");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}
