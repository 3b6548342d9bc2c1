//! A SQLite file that the application uses itself, in the process of the service.

use std::process::Command;
use std::time::Duration;

use kest_audit::Durability;
use kest_sql::Sqlite;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, raw_sql};

use crate::rig::signer;

const PATH: &str = "KEST_SQL_TEST_OTHER_PROCESS";

/// Attack: opening the log takes the locks from the application's own transaction, and another process writes into it.
#[tokio::test(flavor = "multi_thread")]
async fn locks_of_other_connections_of_this_process_outlive_the_opening_of_a_log() {
    let wait = Duration::from_millis(50);
    if let Some(path) = std::env::var_os(PATH) {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(wait);
        let mut other = options.connect().await.unwrap();
        let refused = raw_sql("INSERT INTO own VALUES (1)").execute(&mut other).await.unwrap_err();
        assert!(refused.to_string().contains("locked"), "{refused}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut own = options.connect().await.unwrap();
    raw_sql("CREATE TABLE own (it); BEGIN EXCLUSIVE; INSERT INTO own VALUES (0)")
        .execute(&mut own)
        .await
        .unwrap();
    let place = Sqlite::builder(&path).timeout(wait).build().unwrap();
    place.recorder(signer(), Durability::Required).open().await.unwrap_err();
    let test = "sharing::locks_of_other_connections_of_this_process_outlive_the_opening_of_a_log";
    let mut other = Command::new(std::env::current_exe().unwrap());
    let other = other.args([test, "--exact"]).env(PATH, &path).output().unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stdout));
    raw_sql("COMMIT").execute(&mut own).await.unwrap();
}
