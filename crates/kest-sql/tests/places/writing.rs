//! What is written: the same log as in a folder, by several writers at once.

use kest_audit::{Answer, Durability, State};
use kest_sql::{RemoveError, Sqlite};

use crate::rig::{Place, Recorded};

const WRITERS: usize = 4;
const OPERATIONS: usize = 60;

async fn four_writers_share(place: &Place) {
    let mut services = Vec::new();
    for _writer in 0..WRITERS {
        services.push(place.begin(Durability::Required, 16 * 1024).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for service in services.iter().cycle().take(4 * WRITERS) {
        let service = service.clone();
        tasks.spawn(async move {
            let mut ran = Vec::new();
            for _operation in 0..OPERATIONS / 4 {
                ran.push(service.operate().await);
            }
            ran
        });
    }
    let ran: Vec<_> = tasks.join_all().await.concat();
    let report = place.verify(None);
    assert!(report.writers.iter().all(|writer| writer.state == State::Live), "{:?}", report.writers);
    for service in &services {
        service.log.close().await.unwrap();
    }
    let report = place.verify(None);
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers.len(), WRITERS);
    let ended =
        report.writers.iter().all(|writer| (writer.answer, writer.state) == (Answer::Complete, State::Ended));
    assert!(ended, "{:?}", report.writers);
    let log = place.log();
    let recorded = Recorded::of(&log);
    assert_eq!(recorded.signed, ran.iter().copied().collect());
    assert_eq!(recorded.signed.len(), WRITERS * OPERATIONS);
    assert!(log.files().count() > 2 * WRITERS, "writers go on in further parts");
    assert!(log.bytes() > 0);
    for hash in [ran.first().unwrap(), ran.last().unwrap()] {
        assert_eq!(log.ancestors(*hash).unwrap().unwrap().len(), 1);
    }

    // The next one names all four, so that none of them can be taken away.
    place.begin(Durability::Required, u64::MAX).await.log.close().await.unwrap();
    let again = log.again().unwrap();
    assert_eq!(again.writers().count(), WRITERS + 1);
    let first = log.writers().next().unwrap();
    let mut sql = place.connect().await;
    sql.execute(&format!("INSERT INTO kest_audit_removed (writer, part) VALUES ('{first}', 99)")).await;
    sql.execute(&format!("DELETE FROM kest_audit WHERE writer = '{first}'")).await;
    let report = place.verify(None);
    assert_eq!(crate::rig::kinds(&report), ["writer_missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_writers_share_a_sqlite_file() {
    four_writers_share(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_writers_share_a_postgres_server() {
    four_writers_share(&Place::postgres().await).await;
}

async fn removes_in_order(place: &Place) {
    let service = place.begin(Durability::Required, 8 * 1024).await;
    for _operation in 0..40 {
        service.operate().await;
    }
    // An idle writer goes on in another part too.
    let files: Vec<_> = place.log().files().collect();
    let (writer, last) = *files.last().unwrap();
    assert!(last > 3, "{files:?}");
    let remove = async |part| match place {
        Place::Sqlite(place, _) => place.remove(&service.log, writer, part).await,
        Place::Postgres(place, _) => place.remove(&service.log, writer, part).await,
    };
    assert!(matches!(remove(last + 1).await, Err(RemoveError::NoSuchPart)));
    remove(2).await.unwrap();
    let report = place.verify(None);
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers[0].answer, Answer::UnknownBefore);
    assert_eq!(place.log().files().next().unwrap().1, 3);
    service.log.close().await.unwrap();
    assert!(place.verify(None).holds());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_removed_in_order_leave_what_is_before_unknown() {
    removes_in_order(&Place::sqlite()).await;
    removes_in_order(&Place::postgres().await).await;
}

/// Attack: rows are changed by a statement that was meant for another table, or by one who has no more rights than the service.
#[tokio::test(flavor = "multi_thread")]
async fn rows_cannot_be_changed_or_deleted_by_a_statement_alone() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let service = place.begin(Durability::Required, u64::MAX).await;
        service.operate().await;
        service.log.close().await.unwrap();
        let mut sql = place.connect().await;
        let changes = ["UPDATE kest_audit SET line = 'x'", "DELETE FROM kest_audit WHERE seq = 1"];
        let table = ["TRUNCATE kest_audit"].into_iter().filter(|_| matches!(place, Place::Postgres(..)));
        for change in changes.into_iter().chain(table) {
            let refused = sql.try_execute(change).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{change}: {refused}");
        }
        if let Place::Sqlite(..) = place {
            for columns in ["", "rowid, "] {
                let replace = format!(
                    "REPLACE INTO kest_audit ({columns}writer, part, seq, line) \
                    SELECT {columns}writer, part, seq, 'x' FROM kest_audit"
                );
                sql.execute(&replace).await;
                let elsewhere =
                    replace.replace("SELECT rowid, writer, part,", "SELECT rowid, writer, part + 1,");
                sql.execute(&elsewhere).await;
            }
        }
        assert!(place.verify(None).holds());
    }
}

/// Attack: a role that may delete rows says itself which were removed in order, in a table that only its session sees.
#[tokio::test]
async fn temporary_table_does_not_say_what_may_be_deleted() {
    let place = Place::postgres().await;
    let service = place.begin(Durability::Required, u64::MAX).await;
    service.operate().await;
    service.log.close().await.unwrap();
    let mut sql = place.connect().await;
    sql.try_execute("CREATE TEMP TABLE kest_audit_removed AS SELECT writer, 9 AS part FROM kest_audit")
        .await
        .unwrap();
    let refused = sql.try_execute("DELETE FROM kest_audit").await.unwrap_err().to_string();
    assert!(refused.contains("append-only"), "{refused}");
    assert!(place.verify(None).holds());
}

#[tokio::test]
async fn what_is_no_log_is_not_read_as_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let place = Sqlite::builder(&path).build().unwrap();
    assert_eq!(place.log().unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(!path.exists(), "looking makes nothing");
    std::fs::write(&path, b"not a database, but long enough to be looked at").unwrap();
    place.log().unwrap_err();
}

#[cfg(unix)]
#[tokio::test]
async fn sqlite_file_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::sqlite();
    let service = place.begin(Durability::Required, u64::MAX).await;
    service.operate().await;
    let Place::Sqlite(_, folder) = &place else { panic!() };
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
        files += 1;
    }
    assert_eq!(files, 4, "the file, its two companions, and the lock of one writer");
    service.log.close().await.unwrap();
}
