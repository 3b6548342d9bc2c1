//! `kest audit`, `graph` and `view` over a log in a database: as over a folder.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kest_audit::{Durability, Recorder, RecorderBuilder};
use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{Admitter, Audit, Operation};
use kest_servers::postgres::PostgresServer;
use kest_sql::{Postgres, Sqlite};

use crate::audit::patient;
use crate::support::{bundle, directory, file, kest, signer};

/// However slow the machine is that tests run on.
const PATIENCE: Duration = Duration::from_secs(120);

/// A root and what follows it; gives the hash of the latter.
async fn write(builder: RecorderBuilder) -> String {
    let log = Arc::new(builder.limits(patient()).open().await.unwrap());
    let shared: Arc<dyn Audit> = Arc::<Recorder>::clone(&log);
    let service = Admitter::builder(Arc::new(signer("cart"))).audit(shared).build();
    let policy = dangerous_allow_all();
    let root =
        service.originate(Origin::system(), &Operation::named("root").unwrap(), &policy).await.unwrap();
    let last = root.operation(Operation::named("leaf").unwrap()).admit(&policy).await.unwrap();
    log.close().await.unwrap();
    last.entry().hash().to_hex()
}

fn check(log: &str, keys: &str, hash: &str) {
    let whole = kest(["audit", "verify", log, "--keys", keys, "--json"], b"");
    assert_eq!(whole.code, Some(0), "{whole:?}");
    let said = whole.json();
    assert_eq!((&said["verdict"], &said["entries"]), (&"accept".into(), &2.into()));
    assert_eq!(said["writers"][0]["state"], "ended");
    let found = kest(["audit", "query", log, "--operation", "leaf", "--json"], b"");
    assert_eq!(found.json_lines()[0]["entry"], hash);
    let passport = kest(["audit", "passport", log, "--entry", hash], b"");
    let verified = kest(["verify", "--keys", keys, "--chain-tip", hash, "--json"], &passport.stdout);
    assert_eq!(verified.json()["entries"], 2, "{verified:?}");
    let drawn = kest(["graph", "--log", log, "--entry", hash, "--keys", keys], b"");
    assert!(drawn.code == Some(0) && drawn.text().contains("leaf"), "{drawn:?}");
    let mut tail = Command::new(env!("CARGO_BIN_EXE_kest"))
        .args(["audit", "tail", log, "--signed", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines().take(2).map(Result::unwrap);
    assert!(lines.last().unwrap().contains(hash));
    tail.kill().unwrap();
    tail.wait().unwrap();
}

/// Old parts go, recorded before, and what is left verifies; of a log with a gap nothing goes.
async fn check_pruned(directory: &Path, log: &str, keys: &str, begin: impl Fn() -> RecorderBuilder) {
    let recorder = Arc::new(begin().limits(patient()).segment_bytes(2048).open().await.unwrap());
    let shared: Arc<dyn Audit> = Arc::<Recorder>::clone(&recorder);
    let service = Admitter::builder(Arc::new(signer("cart"))).audit(shared).build();
    for _operation in 0..10 {
        let step = Operation::named("step").unwrap();
        drop(service.originate(Origin::system(), &step, &dangerous_allow_all()).await.unwrap());
    }
    recorder.close().await.unwrap();
    let key = file(directory, "cart.key.jwk", signer("cart").to_private_jwk().unwrap());
    #[cfg(unix)]
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let prune = |more: &[&str]| {
        kest([&["audit", "prune", log, "--keys", keys, "--key", &key, "--json"], more].concat(), b"")
    };
    let verified = || kest(["audit", "verify", log, "--keys", keys, "--json"], b"").json();
    let young = prune(&["--older-than", "1"]);
    assert_eq!((young.code, young.json_lines().len()), (Some(0), 0), "{young:?}");
    let before = verified();
    let all = ["--before", "99999999999999"];
    let would = prune(&[&all[..], &["--dry-run"]].concat());
    assert!(would.json_lines().len() > 3, "{would:?}");
    assert_eq!(verified(), before);
    let pruned = prune(&all);
    assert_eq!((pruned.code, pruned.json_lines()), (Some(0), would.json_lines()), "{pruned:?}");
    let left = verified();
    assert_eq!((&left["verdict"], &left["entries"]), (&"accept".into(), &0.into()), "{left}");
    // What explains that they are gone goes in the next run, and is said again.
    assert_eq!(prune(&all).code, Some(0));
    assert_eq!(verified()["verdict"], "accept");
}

#[tokio::test]
async fn log_in_a_sqlite_file_is_read_as_one_in_a_folder() {
    let directory = directory("audit-sqlite");
    let keys = file(&directory, "bundle.json", bundle(&["cart"]));
    let path = directory.join("audit.db");
    let place = Sqlite::builder(&path).timeout(PATIENCE).build().unwrap();
    let hash = write(place.recorder(Arc::new(signer("cart")), Durability::Required)).await;
    check(&format!("sqlite:{}", path.display()), &keys, &hash);
    let begin = || place.recorder(Arc::new(signer("cart")), Durability::Required);
    check_pruned(&directory, &format!("sqlite:{}", path.display()), &keys, begin).await;
    let missing = kest(["audit", "verify", "sqlite:/nowhere/audit.db", "--keys", &keys], b"");
    assert_eq!(missing.code, Some(2), "{missing:?}");
}

#[tokio::test]
async fn log_in_postgres_is_read_as_one_in_a_folder() {
    let directory = directory("audit-postgres");
    let keys = file(&directory, "bundle.json", bundle(&["cart"]));
    let server = PostgresServer::start().await;
    let url = server.url();
    let none = kest(["audit", "verify", &url, "--keys", &keys], b"");
    assert_eq!(none.code, Some(2), "{none:?}");
    let place = Postgres::builder(&url).timeout(PATIENCE).build().unwrap();
    let hash = write(place.recorder(Arc::new(signer("cart")), Durability::Required)).await;
    check(&url, &keys, &hash);
    let hash = {
        let begin = || place.recorder(Arc::new(signer("cart")), Durability::Required);
        check_pruned(&directory, &url, &keys, begin).await;
        write(begin()).await
    };
    assert_eq!(hash.len(), 64);

    server.execute("ALTER TABLE kest_audit DISABLE TRIGGER ALL; DELETE FROM kest_audit WHERE seq = 1").await;
    let gap = kest(["audit", "verify", &url, "--keys", &keys, "--json"], b"");
    assert_eq!((gap.code, &gap.json()["writers"][0]["answer"]), (Some(1), &"gap".into()), "{gap:?}");
    assert_eq!(gap.json()["faults"][0]["kind"], "missing");

    let wrong = url.replace("secret", "wrong-secret");
    for address in [wrong.as_str(), "postgres://audit:wrong-secret@192.0.2.1/audit?sslmode=disable"] {
        let refused = kest(["audit", "verify", address, "--keys", &keys], b"");
        assert_eq!(refused.code, Some(2));
        assert!(!format!("{refused:?}").contains("wrong-secret"), "{refused:?}");
    }
}
