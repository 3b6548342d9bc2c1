//! The memory of an authority in a SQLite file.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Sqlite as Database};
use tokio::time::{sleep, timeout};

use super::schema::SQLITE_STEPS;
use super::session::{Open, Row, Session, Turn, Value};
use super::store::AuthorityStore;
use crate::session::{Connect, Failed};
use crate::sqlite::{File, Sqlite, TURN, failed, is_busy};

impl Sqlite {
    /// The memory of an authority, in this file. A missing file is made for its owner's eyes, and so is a missing folder.
    ///
    /// Nothing is opened yet. A file or folder that others may write to, and a file that others may read, is refused when it is
    /// opened.
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(all(feature = "sqlite", feature = "authority"))))]
    pub fn authority_store(&self) -> AuthorityStore {
        AuthorityStore::of(Arc::<File>::clone(self.file()))
    }
}

#[async_trait]
impl Open for File {
    async fn open(&self, turn: Turn) -> Result<Box<dyn Session>, Failed> {
        prepare(self.path()).map_err(Failed::Refused)?;
        let connection = self.connection().await?;
        let mut session = SqliteSession { connection, wait: self.wait() };
        session.check(turn).await?;
        Ok(Box::new(session))
    }

    fn timeout(&self) -> Duration {
        Connect::timeout(self)
    }
}

/// Sees to the folder, and to who may use it and the file.
fn prepare(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    #[cfg(unix)]
    guard(folder, path)?;
    Ok(())
}

/// One who can write there can enrol as whom they please. The group may read: a backup does.
#[cfg(unix)]
fn guard(folder: &Path, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let refused = |what: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, what.to_owned()));
    let mode = |path: &Path| std::fs::metadata(path).map(|it| it.permissions().mode());
    let folder = mode(folder)?;
    if folder & OTHERS_WRITE != 0 && folder & STICKY == 0 {
        return refused("folder of the authority's store can be written to by others");
    }
    match mode(path) {
        Ok(file) if file & (OTHERS_WRITE | OTHERS_READ) != 0 => {
            refused("file of the authority's store can be read or written to by others")
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

struct SqliteSession {
    connection: SqliteConnection,
    wait: Duration,
}

impl SqliteSession {
    /// Sees to the tables: made where they are missing, and of the version that is known.
    async fn check(&mut self, turn: Turn) -> Result<(), Failed> {
        let connection = &mut self.connection;
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'kest_authority_schema'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut *connection).await.map_err(failed)?;
        let mut found = 0;
        if tables > 0 {
            let version = "SELECT coalesce(max(version), 0) FROM kest_authority_schema";
            found = sqlx::query_scalar(version).fetch_one(&mut *connection).await.map_err(failed)?;
        }
        for step in SQLITE_STEPS.from(found)? {
            sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(failed)?;
        }
        if turn == Turn::Write {
            let turn = format!("PRAGMA busy_timeout = {}", TURN.as_millis());
            sqlx::raw_sql(AssertSqlSafe(turn)).execute(&mut *connection).await.map_err(failed)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn begin(&mut self, turn: Turn) -> Result<(), Failed> {
        let begin = match turn {
            Turn::Write => "BEGIN IMMEDIATE",
            Turn::Read => "BEGIN",
        };
        let mut over = pin!(sleep(self.wait));
        loop {
            match sqlx::raw_sql(begin).execute(&mut self.connection).await {
                Ok(_begun) => return Ok(()),
                Err(error) if is_busy(&error) && timeout(Duration::ZERO, over.as_mut()).await.is_err() => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Failed> {
        let done = query(sql, values).execute(&mut self.connection).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Failed> {
        let rows = query(sql, values).fetch_all(&mut self.connection).await.map_err(failed)?;
        Ok(rows.into_iter().map(Row::Sqlite).collect())
    }

    async fn commit(&mut self) -> Result<(), Failed> {
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await.map(drop).map_err(failed)
    }
}

fn query(sql: &'static str, values: &[Value<'_>]) -> Query<'static, Database, SqliteArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Text(text) => query.bind(text.to_owned()),
        Value::Number(number) => query.bind(number),
        Value::Maybe(number) => query.bind(number),
    })
}

#[cfg(unix)]
const OTHERS_READ: u32 = 0o004;
/// The group's and those of all others.
#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;
/// Of what is in such a folder each removes only their own: `/tmp`.
#[cfg(unix)]
const STICKY: u32 = 0o1000;
