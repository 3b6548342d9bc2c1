//! The suite that every store of an authority passes.

use std::sync::atomic::{AtomicUsize, Ordering};

use kest_authority::conformance;
use kest_servers::postgres::PostgresServer;

use crate::rig::{postgres, sqlite};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let next = || made.fetch_add(1, Ordering::Relaxed);
    conformance::all(async || sqlite(&folder.path().join(format!("{}.sqlite", next())))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_a_store() {
    let server = PostgresServer::start().await;
    let made = AtomicUsize::new(0);
    conformance::all(async || {
        let name = format!("authority{}", made.fetch_add(1, Ordering::Relaxed));
        server.execute(&format!("CREATE DATABASE {name}")).await;
        postgres(&format!("{}/{name}", server.url().strip_suffix("/audit").unwrap()))
    })
    .await;
}
