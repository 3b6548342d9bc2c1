//! Three hops as processes write their spans into one `SQLite` file.

use kest::core::BoxError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};

use crate::rig::Folder;
use crate::{SPAN, Services, TRACE};

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_of_three_services_stands_in_one_file_with_the_right_parents() {
    let folder = Folder::new("rows-file");
    let file = folder.path("spans.db");
    let services = Services::start("rows", &["--spans", &file]).await;
    let (_, traces) = services.known(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]).await;
    assert_eq!(traces, [TRACE; 3]);
    services.end();

    // From the last to the first: each span is asked for by the parent that the one before named.
    let mut reader = SqliteConnectOptions::new().filename(&file).read_only(true).connect().await.unwrap();
    let path = "WITH RECURSIVE path (depth, span_id, parent_span_id, service, name) AS ( \
            SELECT 0, span_id, parent_span_id, service, name FROM kest_spans \
            WHERE trace_id = ?1 AND service = 'ledger' AND name LIKE 'kest.verified.%' \
        UNION ALL \
            SELECT path.depth + 1, it.span_id, it.parent_span_id, it.service, it.name \
            FROM path JOIN kest_spans AS it ON it.trace_id = ?1 AND it.span_id = path.parent_span_id \
        ) SELECT service || ' ' || name AS step, parent_span_id FROM path ORDER BY depth";
    let rows = sqlx::query(path).bind(TRACE).fetch_all(&mut reader).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get("step")).collect();
    let both = ["ledger", "orders", "gateway"]
        .map(|it| [format!("{it} kest.verified.POST /call"), format!("{it} kest.inbound")]);
    assert_eq!(steps, both.concat());
    assert_eq!(
        rows.last().unwrap().get::<String, _>("parent_span_id"),
        SPAN,
        "where the caller's trace goes on"
    );
    assert_eq!(count(&mut reader).await.unwrap(), 6, "and no other");
}

async fn count(reader: &mut SqliteConnection) -> Result<i64, BoxError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM kest_spans").fetch_one(reader).await?)
}
