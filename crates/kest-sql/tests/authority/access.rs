//! Who may read and write what an authority remembers, and what is told of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kest_authority::{LiveKey, Store as _};
use kest_servers::postgres::PASSWORD;
use kest_sql::{POSTGRES_AUTHORITY_SCHEMA, Postgres};

use crate::rig::{Database, NOW, PATIENCE, by_ticket, by_token, id, postgres, sqlite, ticket, told};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Attack: another user of the machine reads the tickets and workloads of an authority, or writes its own.
#[tokio::test(flavor = "multi_thread")]
async fn file_is_its_owners_alone_and_one_that_is_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("new/authority");
    let path = inner.join("authority.sqlite");
    sqlite(&path).add_ticket(&ticket("t", "cart")).await.unwrap();
    assert_eq!((mode(&inner), mode(&path)), (0o700, 0o600));
    for beside in fs::read_dir(&inner).unwrap() {
        assert_eq!(mode(&beside.unwrap().path()) & 0o077, 0);
    }
    for refused in [0o604, 0o620, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(refused)).unwrap();
        let error = sqlite(&path).sequence().await.unwrap_err();
        assert!(told(&error).contains("by others"), "{refused:o}: {}", told(&error));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    sqlite(&path).sequence().await.unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o777)).unwrap();
    let error = sqlite(&path).enrol(&by_ticket("t", "k")).await.unwrap_err();
    assert!(told(&error).contains("folder"), "{}", told(&error));
}

/// Attack: an authority that was taken over forgets whom it revoked, or whose a key was.
#[tokio::test(flavor = "multi_thread")]
async fn role_with_the_rights_of_the_documentation_can_do_all_of_it_and_no_more() {
    let database = Database::postgres().await;
    let Database::Postgres(server) = &database else { panic!("it has no server") };
    database.execute(POSTGRES_AUTHORITY_SCHEMA).await;
    let rights = include_str!("../../src/authority/schema.rs");
    let rights: Vec<&str> = rights.lines().filter_map(|line| line.strip_prefix("/// ")).collect();
    let rights: String = rights.join("\n").split("```").nth(1).unwrap().trim_start_matches("sql").to_owned();
    assert!(rights.contains("GRANT SELECT, INSERT ON kest_authority_kids TO authority"), "{rights}");
    database.execute(&format!("CREATE ROLE authority LOGIN PASSWORD '{PASSWORD}'; {rights}")).await;
    let store = postgres(&server.url().replace("postgres://audit:", "postgres://authority:"));
    store.add_ticket(&ticket("t", "cart")).await.unwrap();
    store.enrol(&by_ticket("t", "k1")).await.unwrap();
    store.enrol(&by_ticket("t", "k2")).await.unwrap();
    store.publish("one", &[LiveKey { id: "r".into(), jwk: "{}".into() }], NOW).await.unwrap();
    store.publish("one", &[], NOW).await.unwrap();
    store.revoke(&id("cart"), NOW).await.unwrap();
    store.retire(u64::MAX, u64::MAX).await.unwrap();
    assert_eq!(store.forget_tickets(u64::MAX).await.unwrap(), 1);
    assert_eq!(store.state().await.unwrap().workloads.len(), 1);
    let rights = "SELECT string_agg(privilege_type || ' ' || table_name, ',' ORDER BY table_name, privilege_type) \
        FROM information_schema.role_table_grants WHERE grantee = 'authority' \
        AND table_name IN ('kest_authority_kids', 'kest_authority_workloads', 'kest_authority_schema')";
    assert_eq!(
        server.execute(rights).await,
        "INSERT kest_authority_kids,SELECT kest_authority_kids,SELECT kest_authority_schema,\
        INSERT kest_authority_workloads,SELECT kest_authority_workloads,UPDATE kest_authority_workloads"
    );
}

/// Attack: one who reads the lines of an authority learns the password of its database, or a ticket.
#[tokio::test(flavor = "multi_thread")]
async fn password_and_tickets_are_in_no_error_and_in_no_debug_form() {
    let database = Database::postgres().await;
    let Database::Postgres(server) = &database else { panic!("it has no server") };
    let wrong = Postgres::builder(server.url()).password("another secret of the test").timeout(PATIENCE);
    let store = wrong.build().unwrap().authority_store();
    let away =
        Postgres::builder("postgres://audit:secret@127.0.0.1:1/audit").build().unwrap().authority_store();
    for store in [store, away] {
        let error = store.add_ticket(&ticket("hash-of-a-ticket", "cart")).await.unwrap_err();
        let told = format!("{store:?}{}", told(&error));
        assert!(!told.contains(PASSWORD) && !told.contains("secret") && !told.contains("hash-of"), "{told}");
    }
    for database in [database, Database::sqlite()] {
        let store = database.store();
        store.add_ticket(&ticket("hash-of-a-ticket", "cart")).await.unwrap();
        let twice = store.add_ticket(&ticket("hash-of-a-ticket", "cart")).await.unwrap_err();
        database.execute("DROP TABLE kest_authority_entry_keys").await;
        let broken = store.enrol(&by_ticket("hash-of-a-ticket", "k1")).await.unwrap_err();
        for error in [twice, broken] {
            assert!(!told(&error).contains("hash-of"), "{}", told(&error));
        }
    }
}

/// Failure: an authority that is asked for the bundle waits for another one that enrols.
#[tokio::test(flavor = "multi_thread")]
async fn reading_does_not_wait_for_a_change() {
    for database in Database::both().await {
        let store = database.store();
        store.enrol(&by_token("cart", "k1")).await.unwrap();
        let holds = match &database {
            Database::Sqlite(folder) => Holding::Sqlite(folder.path().join("authority.sqlite")),
            Database::Postgres(server) => Holding::Postgres(server.url()),
        };
        let held = holds.hold().await;
        let before = store.state().await.unwrap();
        assert_eq!(before.workloads.len(), 1);
        drop(held);
        store.enrol(&by_token("stock", "k2")).await.unwrap();
        assert!(store.sequence().await.unwrap() > before.sequence);
    }
}

enum Holding {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

impl Holding {
    /// A change that is under way, as another authority makes it.
    async fn hold(self) -> Box<dyn std::any::Any> {
        use sqlx::{Connection as _, PgConnection, SqliteConnection, raw_sql};
        let change = "UPDATE kest_authority_sequence SET sequence = sequence + 1";
        match self {
            Self::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
                raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                raw_sql(change).execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                raw_sql("BEGIN").execute(&mut connection).await.unwrap();
                raw_sql(change).execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
        }
    }
}
