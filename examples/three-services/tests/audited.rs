//! Three hops as processes keep one audit log in one folder or database, and `kest audit` reads it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod rig;

use kest_servers::postgres::PostgresServer;
use rig::{Folder, Hop, flags, kest, keys};
use serde_json::Value;
use three_services::answer::Answer;
use three_services::issuer::Issuer;

#[tokio::test]
async fn log_of_three_processes_is_complete_and_puts_the_passport_together_again() {
    let folder = Folder::new("audited");
    let log = folder.path("log");
    audited(&folder, &log).await;
}

#[tokio::test]
async fn log_of_three_processes_in_one_sqlite_file_is_complete() {
    let folder = Folder::new("audited-sqlite");
    let log = format!("sqlite:{}", folder.path("audit.db"));
    audited(&folder, &log).await;
}

#[tokio::test]
async fn log_of_three_processes_in_one_postgres_is_complete() {
    let server = PostgresServer::start().await;
    audited(&Folder::new("audited-postgres"), &server.url()).await;
}

async fn audited(folder: &Folder, log: &str) {
    let bundle = keys(folder);
    let issuer = Issuer::start().await.unwrap();
    let (jwks, name) = (issuer.jwks_uri(), issuer.name());
    let audit = ["--audit", log];
    let inner = ["--identity-from-lineage", "--passport", "required"];
    let ledger = Hop::start(&flags(folder, "ledger", &bundle, &[&inner[..], &audit].concat()));
    let next = ["--next", &ledger.origin];
    let orders = Hop::start(&flags(folder, "orders", &bundle, &[&inner[..], &audit, &next].concat()));
    let edge = ["--jwks-uri", &jwks, "--issuer", &name, "--audience", "shop", "--next", &orders.origin];
    let gateway = Hop::start(&flags(folder, "gateway", &bundle, &[&edge[..], &audit].concat()));

    let token = issuer.token("shop", "alice", "web", "orders:write").unwrap();
    let call = || reqwest::Client::new().post(format!("{}/call", gateway.origin));
    let answer: Answer = call().bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer.chain().count(), 3);
    assert_eq!(call().send().await.unwrap().status(), 401);
    for hop in [gateway, orders, ledger] {
        assert_eq!(hop.terminate(), Some(0));
    }

    let verified = kest(&["audit", "verify", log, "--keys", &bundle, "--json"]);
    let told: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(of(&told, "verdict"), "accept", "{told}");
    let writers = of(&told, "writers");
    let writers = writers.as_array().unwrap();
    assert_eq!(writers.len(), 3);
    let whole = |it: &Value| {
        (of(it, "answer"), of(it, "state")) == ("complete".into(), "ended".into())
            && of(it, "sealed") == of(it, "last")
    };
    assert!(writers.iter().all(whole), "{told}");
    // Each said by which keys it decides: those of the bundle, which have its own too.
    let went_by = |it: &Value| it.pointer("/in_force/0/keys").is_some_and(|keys| *keys == of(&told, "keys"));
    assert!(of(&told, "keys").is_string() && writers.iter().all(went_by), "{told}");
    // One, one that follows one, one that follows two.
    assert_eq!(of(&told, "entries"), 6);

    let query = |flags: &[&str]| {
        let found = kest(&[&["audit", "query", log, "--json"], flags].concat());
        let lines = String::from_utf8(found.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(query(&["--signed", "--user", "alice"]).len(), 3);
    let refused = query(&["--refused"]);
    assert_eq!(refused.first().map(|it| of(it, "refusal")), Some("credentials_missing".into()));
    let last = query(&["--signed", "--workload", "spiffe://shop.example/ledger"]);
    let hash = last.first().map(|it| of(it, "entry")).unwrap();
    let hash = hash.as_str().unwrap();
    let passport = kest(&["audit", "passport", log, "--entry", hash]);
    let path = folder.path("passport.json");
    std::fs::write(&path, passport.stdout).unwrap();
    let verified = kest(&["verify", "--keys", &bundle, "--chain-tip", hash, "--json", &path]);
    let told: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((of(&told, "verdict"), of(&told, "entries")), ("accept".into(), 3.into()), "{told}");
}

/// A member, or null.
fn of(object: &Value, name: &str) -> Value {
    object.get(name).cloned().unwrap_or_default()
}
