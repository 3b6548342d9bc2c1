//! Writes batches of spans, one transaction each, from a thread of its own; a file that has grown to its bound loses the oldest.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Error};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::SPANS_SCHEMA;
use super::span::{FinishedSpan, shown};
use crate::session::invalid;
use crate::sqlite::file::{connect, create};

/// The spans of services in a SQLite file, which is kept in write-ahead mode: others read it while it is written, and several
/// processes of one machine may write it.
///
/// The table is `kest_spans`; [`SPANS_SCHEMA`] says what stands in it.
///
/// ```
/// use kest_sql::{FinishedSpan, SpanKind, SpanStatus, SpanTable};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("spans.db");
/// let table = SpanTable::builder(path).open()?;
/// table.write(vec![FinishedSpan {
///     trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
///     span_id: "00f067aa0ba902b7".to_owned(),
///     parent_span_id: None,
///     service: "cart".to_owned(),
///     scope: "kest.core".to_owned(),
///     name: "kest.inbound".to_owned(),
///     kind: SpanKind::Server,
///     start_unix_nano: 1_795_867_200_000_000_000,
///     end_unix_nano: 1_795_867_200_001_000_000,
///     status: SpanStatus::Unset,
///     status_message: String::new(),
///     attributes: "{}".to_owned(),
///     dropped_attributes: 0,
///     links: "[]".to_owned(),
/// }])?;
/// # Ok(())
/// # }
/// ```
pub struct SpanTable {
    asks: mpsc::SyncSender<Ask>,
    path: PathBuf,
}

/// Builds a [`SpanTable`].
#[derive(Debug)]
#[must_use]
pub struct SpanTableBuilder {
    path: PathBuf,
    most_bytes: u64,
}

impl SpanTableBuilder {
    /// Deletes the oldest spans where the file holds so many bytes; 1 GiB otherwise. One batch may go beyond it.
    pub fn most_bytes(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// Opens the file, and makes it, for its owner's eyes, where it is missing. Waits two seconds at most while another process
    /// holds it.
    ///
    /// # Errors
    ///
    /// When it cannot be written, is no database, is one of another version, or has an audit log in it: that must not go with
    /// old spans.
    pub fn open(self) -> io::Result<SpanTable> {
        // One batch is under way, and none waits here: the exporter's queue is where spans wait.
        let (asks, asked) = mpsc::sync_channel::<Ask>(0);
        let path = self.path.clone();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut writer = Writer { file: self, runtime, connection: None };
        let thread = std::thread::Builder::new().name("kest-spans".to_owned());
        thread.spawn(move || asked.into_iter().for_each(|ask| writer.answer(ask)))?;
        let table = SpanTable { asks, path };
        table.ask(Wanted::Open)?;
        Ok(table)
    }
}

impl SpanTable {
    /// A table in the file `path`.
    pub fn builder(path: impl Into<PathBuf>) -> SpanTableBuilder {
        SpanTableBuilder { path: path.into(), most_bytes: MOST_BYTES }
    }

    /// Writes `spans`, all or none. That blocks its thread, while another process holds the file for two seconds at most. A span
    /// that is there already stays as it is.
    ///
    /// # Errors
    ///
    /// When they could not be written. The next call opens the file again.
    pub fn write(&self, spans: Vec<FinishedSpan>) -> io::Result<()> {
        self.ask(Wanted::Write(spans))
    }

    /// Closes the file, so that all of it is in one.
    ///
    /// # Errors
    ///
    /// When that could not be done. What was written is there.
    pub fn close(&self) -> io::Result<()> {
        self.ask(Wanted::Close)
    }

    fn ask(&self, wanted: Wanted) -> io::Result<()> {
        let (answer, answered) = mpsc::sync_channel(1);
        let gone = |_error| io::Error::other("thread that writes spans is gone");
        self.asks.send(Ask { wanted, answer }).map_err(|cause| gone(cause.to_string()))?;
        answered.recv().map_err(|cause| gone(cause.to_string()))?
    }
}

impl fmt::Debug for SpanTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SpanTable").field("path", &self.path).finish_non_exhaustive()
    }
}

struct Ask {
    wanted: Wanted,
    answer: mpsc::SyncSender<io::Result<()>>,
}

enum Wanted {
    Open,
    Write(Vec<FinishedSpan>),
    Close,
}

/// The thread's side. It has a runtime of its own: one who writes may be within another, or have none any more.
struct Writer {
    file: SpanTableBuilder,
    runtime: Runtime,
    connection: Option<SqliteConnection>,
}

impl Writer {
    fn answer(&mut self, ask: Ask) {
        let connection = self.connection.take();
        let file = &self.file;
        let done = self.runtime.block_on(async {
            let done = timeout(PATIENCE, file.answer(connection, ask.wanted)).await;
            done.unwrap_or_else(|_late| {
                Err(io::Error::new(io::ErrorKind::TimedOut, "file for spans is held by another"))
            })
        });
        let done = done.map(|connection| self.connection = connection);
        // One who was given up hears nothing.
        let _given_up = ask.answer.send(done);
    }
}

impl SpanTableBuilder {
    async fn answer(
        &self,
        connection: Option<SqliteConnection>,
        wanted: Wanted,
    ) -> io::Result<Option<SqliteConnection>> {
        if matches!(wanted, Wanted::Close) {
            if let Some(connection) = connection {
                connection.close().await.map_err(io::Error::other)?;
            }
            return Ok(None);
        }
        // One that was deleted under way is made again.
        let mut connection = match connection.filter(|_open| self.path.exists()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        if let Wanted::Write(spans) = wanted {
            write(&mut connection, &spans, self.most_bytes).await.map_err(io::Error::other)?;
        }
        Ok(Some(connection))
    }

    async fn connect(&self) -> io::Result<SqliteConnection> {
        create(&self.path)?;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(WAIT)
            .disable_statement_logging()
            .journal_mode(SqliteJournalMode::Wal)
            // Spans may be lost with the power; the file is whole in any case.
            .synchronous(SqliteSynchronous::Normal);
        let mut connection = connect(&options).await.map_err(io::Error::other)?;
        let audit = "SELECT count(*) FROM sqlite_schema WHERE name = 'kest_audit_schema'";
        let audit: i64 =
            sqlx::query_scalar(audit).fetch_one(&mut connection).await.map_err(io::Error::other)?;
        if audit > 0 {
            return Err(invalid("file for spans has an audit log in it"));
        }
        sqlx::raw_sql(SPANS_SCHEMA).execute(&mut connection).await.map_err(io::Error::other)?;
        let version = "SELECT max(version) FROM kest_spans_schema";
        let version: Option<i64> =
            sqlx::query_scalar(version).fetch_one(&mut connection).await.map_err(io::Error::other)?;
        if version == Some(VERSION) {
            Ok(connection)
        } else {
            Err(invalid("table of spans is of another version"))
        }
    }
}

/// One transaction, so that a batch that fails leaves nothing.
async fn write(
    connection: &mut SqliteConnection,
    spans: &[FinishedSpan],
    most_bytes: u64,
) -> Result<(), Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    make_room(&mut transaction, most_bytes).await?;
    for span in spans {
        insert(&mut transaction, span).await?;
    }
    transaction.commit().await
}

/// Deletes an eighth of the spans, the oldest first, until the file has room again.
async fn make_room(connection: &mut SqliteConnection, most_bytes: u64) -> Result<(), Error> {
    let most_bytes = i64::try_from(most_bytes).unwrap_or(i64::MAX);
    loop {
        let used = "SELECT (count.page_count - free.freelist_count) * size.page_size \
            FROM pragma_page_count AS count, pragma_freelist_count AS free, pragma_page_size AS size";
        let used: i64 = sqlx::query_scalar(used).fetch_one(&mut *connection).await?;
        if used < most_bytes {
            return Ok(());
        }
        let oldest =
            "DELETE FROM kest_spans WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 8 FROM kest_spans)";
        if sqlx::query(oldest).execute(&mut *connection).await?.rows_affected() == 0 {
            return Ok(());
        }
    }
}

async fn insert(connection: &mut SqliteConnection, span: &FinishedSpan) -> Result<(), Error> {
    let insert = "INSERT INTO kest_spans (trace_id, span_id, parent_span_id, service, scope, name, kind, start_unix_nano, \
        end_unix_nano, status, status_message, attributes, dropped_attributes, links) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (trace_id, span_id) DO NOTHING";
    let row = sqlx::query(insert)
        .bind(&span.trace_id)
        .bind(&span.span_id)
        .bind(&span.parent_span_id)
        .bind(shown(&span.service))
        .bind(shown(&span.scope))
        .bind(shown(&span.name))
        .bind(span.kind.as_str())
        .bind(span.start_unix_nano)
        .bind(span.end_unix_nano)
        .bind(span.status.as_str())
        .bind(shown(&span.status_message))
        .bind(&span.attributes)
        .bind(span.dropped_attributes)
        .bind(&span.links);
    row.execute(connection).await.map(|_done| ())
}

/// As long as another process may hold the file.
const WAIT: Duration = Duration::from_secs(2);
/// More than SQLite waits for its turn, so that it is SQLite that gives up.
const PATIENCE: Duration = Duration::from_secs(4);
/// About two million spans of ours. A disk that spans fill is one that the audit log has no room on.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
const VERSION: i64 = 1;
