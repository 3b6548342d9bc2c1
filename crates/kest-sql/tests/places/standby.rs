//! PostgreSQL with a synchronous standby that is away, and with defaults by which a commit is answered before it lasts.

use std::time::Duration;

use kest_audit::Durability;
use kest_servers::postgres::PostgresServer;
use kest_sql::Postgres;

use crate::rig::{Place, Recorded, Service, signer, verify};

/// Sets what counts for all connections from now on, and waits until it does.
async fn set(server: &PostgresServer, name: &str, value: &str) {
    server.execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).await;
    server.execute("SELECT pg_reload_conf()").await;
    while server.execute(&format!("SHOW {name}")).await != value {}
}

/// Backends that have committed here and wait for a standby.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

/// Attack: the backend that waits for a standby is ended, so that its rows show. Sent again they are no new ones: an operation that
/// runs after that is lost with the primary.
#[tokio::test(flavor = "multi_thread")]
async fn batch_that_is_sent_again_waits_for_the_standby_too() {
    let server = PostgresServer::start().await;
    let place = Postgres::builder(server.url()).timeout(Duration::from_secs(8)).build().unwrap();
    let service = Service::of(place.recorder(signer(), Durability::Required).open().await.unwrap());
    let first = service.operate().await;
    set(&server, "synchronous_standby_names", "missing").await;
    let waits = service.clone();
    let operation = tokio::spawn(async move { waits.try_operate().await.map(drop) });
    while server.execute(WAITING).await != "1" {}
    let rows = server.execute("SELECT count(*) FROM kest_audit").await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    assert_eq!(server.execute(end).await, "t");
    while server.execute("SELECT count(*) FROM kest_audit").await == rows {}
    operation.await.unwrap().expect_err("no standby has its record");

    set(&server, "synchronous_standby_names", "").await;
    let last = service.operate().await;
    service.log.close().await.unwrap();
    let log = place.log().unwrap();
    let report = verify(&log, None);
    assert!(report.holds(), "{:?}", report.faults);
    assert!(Recorded::of(&log).signed.is_superset(&[first, last].into()));
}

/// Attack: the server answers commits before they are on a disk, and what ran is lost with the power.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_added_in_transactions_that_last_whatever_the_default_is() {
    let mut place = Place::postgres().await;
    set(place.server(), "synchronous_commit", "off").await;
    let service = place.begin(Durability::Required, u64::MAX).await;
    // After each statement its session forgets what it was told, as where a proxy gives the next one another session.
    let seen = "CREATE TABLE seen AS SELECT '' AS commit; \
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
            INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); \
            PERFORM set_config(''synchronous_commit'', ''off'', false); RETURN NULL; END'; \
        CREATE TRIGGER see AFTER INSERT ON kest_audit EXECUTE FUNCTION see(); DELETE FROM seen";
    place.server().execute(seen).await;
    service.operate().await;
    service.log.close().await.unwrap();
    let seen = "SELECT count(*) > 2, count(*) FILTER (WHERE commit <> 'on') FROM seen";
    assert_eq!(place.server().execute(seen).await, "t|0");
}

/// Attack: the server says that it does not know what became of a batch, and its numbers are given to other records.
#[tokio::test(flavor = "multi_thread")]
async fn writer_whose_batch_is_in_doubt_by_the_answer_of_the_server_is_given_up() {
    let server = PostgresServer::start().await;
    let place = Postgres::builder(server.url()).build().unwrap();
    let service = Service::of(place.recorder(signer(), Durability::Required).open().await.unwrap());
    let codes = ["40003", "58030", "XX001"];
    for code in codes {
        while service.try_operate().await.is_err() {}
        let doubt = format!(
            "CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS \
                'BEGIN RAISE EXCEPTION ''in doubt'' USING ERRCODE = ''{code}''; END'; \
            CREATE TRIGGER doubt AFTER INSERT ON kest_audit EXECUTE FUNCTION doubt()"
        );
        server.execute(&doubt).await;
        service.try_operate().await.expect_err("it is not known whether its record is there");
        server.execute("DROP FUNCTION doubt CASCADE").await;
    }
    while service.try_operate().await.is_err() {}
    service.log.close().await.unwrap();
    let report = verify(&place.log().unwrap(), None);
    assert!(report.holds(), "{:?}", report.faults);
    assert!(report.writers.len() > codes.len(), "{:?}", report.writers);
}

#[test]
fn timeout_that_the_server_cannot_count_is_refused() {
    for (wait, told) in [(Duration::ZERO, "zero"), (Duration::MAX, "24 days")] {
        let refused = Postgres::builder("postgres://localhost/audit").timeout(wait).build().unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
    }
}
