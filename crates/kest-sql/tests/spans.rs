//! The table of spans when its file is full, held, gone, or another's.

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kest_sql::{FinishedSpan, SpanKind, SpanStatus, SpanTable, Sqlite};
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{ConnectOptions as _, Connection as _};

    fn span(number: u32, attributes: impl Into<String>) -> FinishedSpan {
        FinishedSpan {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            span_id: format!("{number:016x}"),
            parent_span_id: None,
            service: "cart".to_owned(),
            scope: "kest.core".to_owned(),
            name: "kest.inbound".to_owned(),
            kind: SpanKind::Server,
            start_unix_nano: number.into(),
            end_unix_nano: number.into(),
            status: SpanStatus::Ok,
            status_message: String::new(),
            attributes: attributes.into(),
            dropped_attributes: 0,
            links: "[]".to_owned(),
        }
    }

    async fn connect(path: &Path) -> SqliteConnection {
        SqliteConnectOptions::new().filename(path).connect().await.unwrap()
    }

    async fn numbers(path: &Path) -> Vec<i64> {
        let all = "SELECT start_unix_nano FROM kest_spans ORDER BY start_unix_nano";
        sqlx::query_scalar(all).fetch_all(&mut connect(path).await).await.unwrap()
    }

    /// Attack: requests without end fill the disk that the audit log needs.
    #[tokio::test]
    async fn file_that_has_grown_to_its_bound_loses_the_oldest_and_grows_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let most: u64 = 512 * 1024;
        let table = SpanTable::builder(&path).most_bytes(most).open().unwrap();
        let long = format!(r#"{{"path":"{}"}}"#, "x".repeat(1000));
        let (batch, batches) = (100, 40);
        for first in (0..batches).map(|it| it * batch) {
            table.write((first..first + batch).map(|it| span(it, long.as_str())).collect()).unwrap();
        }
        table.close().unwrap();
        let bytes = std::fs::metadata(&path).unwrap().len();
        // One batch of 100 KiB, and its index.
        assert!(bytes < most + 256 * 1024, "{bytes}");
        let kept = numbers(&path).await;
        let newest: Vec<i64> = (kept[0]..i64::from(batch * batches)).collect();
        assert_eq!(kept, newest, "the oldest went, and no other");
        assert!(kept.len() > 200, "{}", kept.len());
    }

    #[tokio::test]
    async fn batch_that_fails_leaves_nothing_and_the_next_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let table = SpanTable::builder(&path).open().unwrap();
        let broken = table.write(vec![span(1, "{}"), span(2, "{")]).unwrap_err();
        assert!(broken.to_string().contains("CHECK"), "{broken}");
        table.write(vec![span(3, "{}"), span(3, r#"{"again":1}"#), span(4, "{}")]).unwrap();
        assert_eq!(numbers(&path).await, [3, 4]);
    }

    #[tokio::test]
    async fn file_that_another_process_holds_is_waited_for_and_then_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let table = SpanTable::builder(&path).open().unwrap();
        let mut other = connect(&path).await;
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let late = table.write(vec![span(1, "{}")]).unwrap_err();
        assert!(late.to_string().contains("locked"), "{late}");
        held.rollback().await.unwrap();
        table.write(vec![span(2, "{}")]).unwrap();
        // A second table, as of a second service.
        SpanTable::builder(&path).open().unwrap().write(vec![span(3, "{}")]).unwrap();
        assert_eq!(numbers(&path).await, [2, 3]);
    }

    #[tokio::test]
    async fn file_that_was_deleted_under_way_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let table = SpanTable::builder(&path).open().unwrap();
        table.write(vec![span(1, "{}")]).unwrap();
        std::fs::remove_file(&path).unwrap();
        table.write(vec![span(2, "{}")]).unwrap();
        assert_eq!(numbers(&path).await, [2]);
    }

    /// Attack: spans in the file of an audit log, which goes with the oldest of them or waits for them.
    #[tokio::test]
    async fn file_of_an_audit_log_takes_no_spans() {
        use std::sync::Arc;

        use kest_audit::Durability;
        use kest_core::OsRandom;
        use kest_core::signature::{Ed25519Signer, WorkloadId};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.db");
        let signer = Ed25519Signer::ephemeral(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap();
        let place = Sqlite::builder(&path).build().unwrap();
        let log = place.recorder(Arc::new(signer), Durability::Required).open().await.unwrap();
        let refused = SpanTable::builder(&path).open().unwrap_err();
        assert!(refused.to_string().contains("audit log"), "{refused}");
        log.close().await.unwrap();
    }

    #[tokio::test]
    async fn table_of_another_version_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        drop(SpanTable::builder(&path).open().unwrap());
        let newer = "INSERT INTO kest_spans_schema (version) VALUES (2)";
        sqlx::query(newer).execute(&mut connect(&path).await).await.unwrap();
        let refused = SpanTable::builder(&path).open().unwrap_err();
        assert!(refused.to_string().contains("another version"), "{refused}");
    }
}
