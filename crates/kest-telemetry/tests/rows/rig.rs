//! A SQLite file of spans, and one who reads it.

use std::path::{Path, PathBuf};

use kest_telemetry::{Exporter, Guard, export};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _};
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

/// The spans of this thread, as long as it lives.
pub(crate) struct Export {
    pub(crate) _subscriber: DefaultGuard,
    pub(crate) guard: Guard,
    pub(crate) path: PathBuf,
    pub(crate) folder: TempDir,
}

impl Export {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("spans.db");
        let (spans, guard) = export("cart", Exporter::Sqlite(path.clone())).unwrap();
        let subscriber = tracing_subscriber::registry().with(spans);
        Self { _subscriber: tracing::subscriber::set_default(subscriber), guard, path, folder }
    }

    /// All spans that have ended.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        self.guard.flush().unwrap();
        rows(&self.path).await
    }

    /// The one span of this name.
    pub(crate) async fn row(&self, name: &str) -> Row {
        let all = self.rows().await;
        let named: Vec<&Row> = all.iter().filter(|row| row.name == name).collect();
        let [one] = named[..] else { panic!("not one {name}: {all:#?}") };
        one.clone()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: Option<String>,
    pub(crate) service: String,
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) start_unix_nano: i64,
    pub(crate) end_unix_nano: i64,
    pub(crate) status: String,
    pub(crate) status_message: String,
    pub(crate) attributes: String,
    pub(crate) dropped_attributes: i64,
    pub(crate) links: String,
}

impl Row {
    pub(crate) fn attribute(&self, name: &str) -> Value {
        serde_json::from_str::<Value>(&self.attributes).unwrap()[name].clone()
    }
}

/// What a reader finds who may not write.
pub(crate) async fn rows(path: &Path) -> Vec<Row> {
    let mut reader = reader(path).await;
    let all = sqlx::query("SELECT * FROM kest_spans ORDER BY id").fetch_all(&mut reader).await.unwrap();
    all.iter().map(row).collect()
}

pub(crate) async fn reader(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap()
}

fn row(row: &SqliteRow) -> Row {
    let text = |name| row.get::<String, &str>(name);
    let number = |name| row.get::<i64, &str>(name);
    Row {
        trace_id: text("trace_id"),
        span_id: text("span_id"),
        parent_span_id: row.get("parent_span_id"),
        service: text("service"),
        scope: text("scope"),
        name: text("name"),
        kind: text("kind"),
        start_unix_nano: number("start_unix_nano"),
        end_unix_nano: number("end_unix_nano"),
        status: text("status"),
        status_message: text("status_message"),
        attributes: text("attributes"),
        dropped_attributes: number("dropped_attributes"),
        links: text("links"),
    }
}
