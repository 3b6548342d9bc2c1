//! Tables of another version, tables that others changed, and stores that come from a backup.

use kest_authority::{Enrolled, Store as _};
use kest_sql::StoreFault;

use crate::rig::{Database, HOUR, NOW, by_token, fault, id, told};

/// Failure: a program of last year writes into tables that it does not understand.
#[tokio::test(flavor = "multi_thread")]
async fn database_of_a_newer_version_is_refused() {
    for database in Database::both().await {
        database.store().enrol(&by_token("cart", "k1")).await.unwrap();
        database.execute("INSERT INTO kest_authority_schema (version) VALUES (2)").await;
        let store = database.store();
        let refusals =
            [store.sequence().await.unwrap_err(), store.enrol(&by_token("stock", "k2")).await.unwrap_err()];
        for refused in refusals {
            assert!(matches!(fault(&refused), StoreFault::Undone(_)), "{refused:?}");
            assert!(told(&refused).contains("newer version"), "{}", told(&refused));
        }
        database.execute("DELETE FROM kest_authority_schema WHERE version = 2").await;
        assert_eq!(store.state().await.unwrap().workloads.len(), 1, "nothing was done");
    }
}

/// Attack: one who can write to the tables has an authority guess.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error_and_no_guess() {
    for database in Database::both().await {
        let store = database.store();
        store.enrol(&by_token("cart", "k1")).await.unwrap();
        for change in [
            "UPDATE kest_authority_workloads SET alive_until = -1",
            "UPDATE kest_authority_workloads SET identity = 'cart'",
            "UPDATE kest_authority_workloads SET identity = 'spiffe://example.org/stock'",
        ] {
            database.execute(change).await;
            store.state().await.unwrap_err();
            database
                .execute(
                    "UPDATE kest_authority_workloads SET alive_until = 0, identity = 'spiffe://example.org/cart'",
                )
                .await;
            store.state().await.unwrap();
        }
        database.execute("DELETE FROM kest_authority_sequence").await;
        store.state().await.unwrap_err();
        store.enrol(&by_token("stock", "k2")).await.unwrap_err();
        assert_eq!(database.count("workloads").await, 1);
    }
}

/// Failure: services that saw the bundle of yesterday evening refuse the one of an authority that was restored from yesterday
/// morning.
#[tokio::test(flavor = "multi_thread")]
async fn store_from_a_backup_is_ahead_with_its_next_change() {
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { panic!("it is no file") };
    database.store().enrol(&by_token("cart", "k1")).await.unwrap();
    let backup = folder.path().join("backup.sqlite");
    database.execute(&format!("VACUUM INTO '{}'", backup.display())).await;
    let store = database.store();
    for at in 0..50 {
        store.revoke(&id("cart"), NOW + at).await.unwrap();
        let next = kest_authority::Enrolment { at: NOW + at, ..by_token("cart", &format!("next{at}")) };
        assert!(matches!(store.enrol(&next).await.unwrap(), Enrolled::Begun { .. }));
    }
    let last = store.sequence().await.unwrap();
    // The manners of a file that is put there by hand: its owner's alone.
    std::fs::set_permissions(&backup, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let restored = crate::rig::sqlite(&backup);
    assert!(restored.sequence().await.unwrap() < last);
    restored.revoke(&id("cart"), NOW + HOUR).await.unwrap();
    assert!(restored.sequence().await.unwrap() > last);
}
