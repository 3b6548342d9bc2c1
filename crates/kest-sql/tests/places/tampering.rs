//! Attack: one with all rights changes rows by SQL, at every single place of a log.

use kest_audit::{Durability, Record};

use crate::rig::{Place, Sql, verify};

/// Rows of the log, each of which is tampered with in each way.
const ROWS: u64 = 40;

/// Each way to tamper with one row; `part` is where a second one can stand beside it.
fn changes(seq: u64, other: u64, part: &str) -> [(&'static str, String); 8] {
    let edit = "line = replace(line, '\"at\":1', '\"at\":2')";
    let swapped = format!("CASE kest_audit.seq WHEN {seq} THEN {other} ELSE {seq} END");
    let swapped = format!("line = (SELECT it.line FROM before AS it WHERE it.seq = {swapped})");
    [
        ("deletion", format!("DELETE FROM kest_audit WHERE seq = {seq}")),
        ("edit", format!("UPDATE kest_audit SET {edit} WHERE seq = {seq}")),
        ("end", format!("DELETE FROM kest_audit WHERE seq >= {seq}")),
        ("emptying", format!("UPDATE kest_audit SET line = '' WHERE seq = {seq}")),
        ("addition", format!("UPDATE kest_audit SET line = line || ' ' WHERE seq = {seq}")),
        ("other part", format!("UPDATE kest_audit SET part = part + 7 WHERE seq = {seq}")),
        ("swap", format!("UPDATE kest_audit SET {swapped} WHERE seq IN ({seq}, {other})")),
        (
            "doubling",
            format!("INSERT INTO kest_audit SELECT writer, {part}, seq, line FROM before WHERE seq = {seq}"),
        ),
    ]
}

async fn every_change_is_found(place: Place) {
    let service = place.begin(Durability::Required, 12 * 1024).await;
    let mut rows = 0;
    while rows < ROWS {
        service.operate().await;
        rows = place.verify(None).records();
    }
    service.log.close().await.unwrap();
    let log = place.log();
    let last = log.lines().last().unwrap().unwrap();
    let Record::Checkpoint { note } = last.read().unwrap().record else { panic!("{last:?}") };
    assert!(place.verify(Some(&note)).holds());
    assert!(log.files().count() > 2);

    let mut sql = place.connect().await;
    let guards = match sql {
        Sql::Sqlite(_) => "DROP TRIGGER kest_audit_no_update; DROP TRIGGER kest_audit_no_delete;",
        Sql::Postgres(_) => {
            "ALTER TABLE kest_audit DISABLE TRIGGER ALL; ALTER TABLE kest_audit DROP CONSTRAINT kest_audit_pkey;"
        }
    };
    sql.execute(guards).await;
    sql.execute("CREATE TABLE before AS SELECT * FROM kest_audit").await;
    let end = verify(&log, None).records() - 1;
    for seq in 0..=end {
        let other = if seq == end { 0 } else { seq + 1 };
        let part = if let Sql::Postgres(_) = sql { "part" } else { "part + 7" };
        for (what, change) in changes(seq, other, part) {
            // The last record in a part of its own behind all others is where it was, and its own time is sealed by none behind it.
            if ["other part", "edit"].contains(&what) && seq == end {
                continue;
            }
            sql.execute(&change).await;
            let report = match log.again() {
                Ok(log) => verify(&log, Some(&note)),
                Err(error) => panic!("{what} of {seq}: {error}"),
            };
            assert!(!report.holds(), "{what} of row {seq} was not found");
            let near = report.faults.iter().any(|fault| fault.seq.abs_diff(seq) <= 1);
            assert!(near || what == "swap", "{what} of row {seq} was named elsewhere: {:?}", report.faults);
            sql.execute("DELETE FROM kest_audit; INSERT INTO kest_audit SELECT * FROM before;").await;
        }
    }
    assert!(log.again().is_ok_and(|log| verify(&log, Some(&note)).holds()), "it was put back");
    sql.execute("DELETE FROM kest_audit").await;
    assert!(!place.verify(Some(&note)).holds(), "a log of which nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_by_sql_is_found_and_named_in_sqlite() {
    every_change_is_found(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_by_sql_is_found_and_named_in_postgres() {
    every_change_is_found(Place::postgres().await).await;
}

/// Attack: a row is so long that reading it takes all memory.
#[tokio::test(flavor = "multi_thread")]
async fn row_that_is_too_long_is_a_fault_and_is_not_read_whole() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let service = place.begin(Durability::Required, u64::MAX).await;
        service.operate().await;
        service.log.close().await.unwrap();
        let writer = place.log().writers().next().unwrap();
        let long = match place {
            Place::Sqlite(..) => "printf('%.*c', 8388608, 'x')",
            Place::Postgres(..) => "repeat('x', 8388608)",
        };
        let row =
            format!("INSERT INTO kest_audit (writer, part, seq, line) VALUES ('{writer}', 1, 1000, {long})");
        place.connect().await.execute(&row).await;
        let longest = place.log().lines().map(|line| line.unwrap().bytes.len()).max().unwrap();
        assert_eq!(longest, kest_audit::LINE_BYTES + 1);
        assert!(!place.verify(None).holds());
    }
}

const PATH: &str = "KEST_SQL_TEST_LONG_ROW";

/// Attack: a row of a SQLite file, which is read in this process, is so long that it takes the memory of the reader.
#[tokio::test(flavor = "multi_thread")]
async fn row_that_is_too_long_takes_no_memory_of_its_reader() {
    if let Some(path) = std::env::var_os(PATH) {
        let log = kest_sql::Sqlite::builder(path).build().unwrap().log().unwrap();
        assert!(!verify(&log, None).holds());
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kibibytes: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kibibytes < 128 * 1024, "{most}");
        return;
    }
    let place = Place::sqlite();
    let service = place.begin(Durability::Required, u64::MAX).await;
    service.operate().await;
    service.log.close().await.unwrap();
    let writer = place.log().writers().next().unwrap();
    let row = format!(
        "INSERT INTO kest_audit (writer, part, seq, line) VALUES ('{writer}', 1, 1000, printf('%.*c', 268435456, 'x'))"
    );
    place.connect().await.execute(&row).await;
    let Place::Sqlite(_, folder) = &place else { panic!("it is a file") };
    let test = "tampering::row_that_is_too_long_takes_no_memory_of_its_reader";
    let mut reader = std::process::Command::new(std::env::current_exe().unwrap());
    let reader = reader.args([test, "--exact"]).env(PATH, folder.path().join("audit.db")).output().unwrap();
    assert!(reader.status.success(), "{}", String::from_utf8_lossy(&reader.stdout));
}
