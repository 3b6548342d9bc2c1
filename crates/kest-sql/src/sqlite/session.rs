//! The statements of SQLite.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Error, Row as _};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::SQLITE_SCHEMA;
use super::held::{Held, is_held};
use crate::session::{
    Access, After, Failed, Part, ROW_BYTES, Row, SCHEMA_VERSION, Session, invalid, number, part,
};

pub(super) struct SqliteSession {
    connection: SqliteConnection,
    path: PathBuf,
    wait: Duration,
    held: Option<Held>,
}

impl SqliteSession {
    pub(super) fn new(connection: SqliteConnection, path: PathBuf, wait: Duration) -> Self {
        Self { connection, path, wait, held: None }
    }

    /// Sees to the tables: made where they are missing, and of the version that is known.
    pub(super) async fn check(&mut self, access: Access) -> Result<(), Failed> {
        if access == Access::Write {
            // Another process may make them at the same time: one transaction, of which each statement changes nothing that is there.
            sqlx::raw_sql(SQLITE_SCHEMA).execute(&mut self.connection).await.map_err(failed)?;
        }
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'kest_audit_schema'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut self.connection).await.map_err(failed)?;
        if tables == 0 {
            let missing = "database has no audit log";
            return Err(Failed::Refused(io::Error::new(io::ErrorKind::NotFound, missing)));
        }
        if access == Access::Write {
            let turn = format!("PRAGMA busy_timeout = {}", TURN.as_millis());
            sqlx::raw_sql(AssertSqlSafe(turn)).execute(&mut self.connection).await.map_err(failed)?;
        }
        let version = "SELECT max(version) FROM kest_audit_schema";
        let version: Option<i64> =
            sqlx::query_scalar(version).fetch_one(&mut self.connection).await.map_err(failed)?;
        if version == Some(SCHEMA_VERSION) {
            Ok(())
        } else {
            Err(Failed::Refused(invalid("tables of the audit log are of another version")))
        }
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn hold(&mut self, writer: Uuid) -> Result<(), Failed> {
        if self.held.as_ref().is_none_or(|held| held.writer != writer) {
            self.held = None;
            self.held = Some(Held::take(&self.path, writer).map_err(Failed::Refused)?);
        }
        Ok(())
    }

    async fn is_held(&mut self, writer: Uuid) -> Result<bool, Failed> {
        Ok(is_held(&self.path, writer))
    }

    async fn insert(&mut self, (writer, part): Part, first: u64, lines: &[&str]) -> Result<u64, Failed> {
        let insert = "INSERT INTO kest_audit (writer, part, seq, line) \
            SELECT ?1, ?2, ?3 + it.key, it.value FROM json_each(?4) AS it WHERE true ON CONFLICT DO NOTHING";
        let json = json(lines);
        let mut over = pin!(sleep(self.wait));
        loop {
            let rows = sqlx::query(insert).bind(writer.to_string()).bind(i64::from(part)).bind(number(first));
            let rows = rows.bind(&json).execute(&mut self.connection).await;
            let again =
                rows.as_ref().is_err_and(is_busy) && timeout(Duration::ZERO, over.as_mut()).await.is_err();
            if !again {
                return Ok(rows.map_err(failed)?.rows_affected());
            }
        }
    }

    /// What another connection sees here was synced before.
    async fn settle(&mut self) -> Result<(), Failed> {
        Ok(())
    }

    async fn page(&mut self, (writer, part): Part, after: &After, most: usize) -> Result<Vec<Row>, Failed> {
        let rows = "SELECT seq, rowid, iif(octet_length(line) < ?6, CAST(line AS BLOB), zeroblob(?6)) FROM kest_audit \
            WHERE writer = ?1 AND part = ?2 AND seq >= ?3 AND (seq > ?3 OR rowid > ?4) ORDER BY seq, rowid LIMIT ?5";
        let rows = sqlx::query(rows).bind(writer.to_string()).bind(i64::from(part)).bind(after.seq);
        let rows = rows.bind(after.row).bind(i64::try_from(most).unwrap_or(i64::MAX)).bind(ROW_BYTES);
        let rows = rows.fetch_all(&mut self.connection).await.map_err(failed)?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(failed)
    }

    async fn part_after(&mut self, after: Option<Part>) -> Result<Option<Part>, Failed> {
        let (writer, number) = after.unwrap_or_default();
        let next = "SELECT writer, part FROM kest_audit WHERE (writer, part) > (?1, ?2) ORDER BY writer, part LIMIT 1";
        // No name of a writer is empty.
        let writer = after.map(|_| writer.to_string()).unwrap_or_default();
        let next = sqlx::query_as(next).bind(writer).bind(i64::from(number));
        let next: Option<(String, i64)> = next.fetch_optional(&mut self.connection).await.map_err(failed)?;
        let Some((writer, number)) = next else { return Ok(None) };
        Ok(Some(part(named(&writer)?, number)?))
    }

    async fn writer_before(&mut self, writer: Option<Uuid>) -> Result<Option<Uuid>, Failed> {
        let before = "SELECT writer FROM kest_audit WHERE writer < ?1 ORDER BY writer DESC LIMIT 1";
        // Behind all names of hexadecimal digits.
        let writer = writer.map_or("g".to_owned(), |writer| writer.to_string());
        let before = sqlx::query_scalar(before).bind(writer);
        let before: Option<String> = before.fetch_optional(&mut self.connection).await.map_err(failed)?;
        before.map(|writer| named(&writer)).transpose()
    }

    async fn last(&mut self, (writer, number): Part) -> Result<Vec<Vec<u8>>, Failed> {
        let lines = "SELECT iif(octet_length(line) < ?3, CAST(line AS BLOB), zeroblob(?3)) FROM kest_audit \
            WHERE writer = ?1 AND part <= ?2 ORDER BY part DESC, seq DESC LIMIT 2";
        let lines =
            sqlx::query_scalar(lines).bind(writer.to_string()).bind(i64::from(number)).bind(ROW_BYTES);
        lines.fetch_all(&mut self.connection).await.map_err(failed)
    }

    async fn remove(&mut self, (writer, number): Part) -> Result<(), Failed> {
        let allow = "INSERT INTO kest_audit_removed (writer, part) VALUES (?1, ?2) \
            ON CONFLICT (writer) DO UPDATE SET part = max(part, excluded.part)";
        let delete = "DELETE FROM kest_audit WHERE writer = ?1 AND part <= ?2";
        for statement in [allow, delete] {
            let statement = sqlx::query(statement).bind(writer.to_string()).bind(i64::from(number));
            statement.execute(&mut self.connection).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn bytes(&mut self) -> Result<u64, Failed> {
        let bytes = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes: i64 = sqlx::query_scalar(bytes).fetch_one(&mut self.connection).await.map_err(failed)?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }
}

fn row(row: &SqliteRow) -> Result<Row, Error> {
    let line: Option<Vec<u8>> = row.try_get(2)?;
    Ok(Row { at: After { seq: row.try_get(0)?, row: row.try_get(1)? }, line: line.unwrap_or_default() })
}

fn named(writer: &str) -> Result<Uuid, Failed> {
    let parsed: Uuid = writer.parse().map_err(|cause| Failed::Refused(invalid(cause)))?;
    // Another spelling would be another writer to the database.
    if parsed.to_string() == writer {
        Ok(parsed)
    } else {
        Err(Failed::Refused(invalid("writer is spelled in another way")))
    }
}

/// Lines as one JSON array, so that they come in with one statement. They are JSON themselves: two characters of theirs have to
/// be escaped.
fn json(lines: &[&str]) -> String {
    let mut array = String::with_capacity(lines.iter().map(|line| line.len() + line.len() / 8 + 3).sum());
    for line in lines {
        array.push_str(if array.is_empty() { "[\"" } else { "\",\"" });
        for part in line.split_inclusive(['"', '\\']) {
            let plain = part.trim_end_matches(['"', '\\']);
            array.push_str(plain);
            if let Some(escaped) = part.strip_prefix(plain).filter(|it| !it.is_empty()) {
                array.push('\\');
                array.push_str(escaped);
            }
        }
    }
    array.push_str(if array.is_empty() { "[]" } else { "\"]" });
    array
}

/// SQLite is in this process: what it says is so. What it says of a failing disk is not known to be.
pub(crate) fn failed(error: Error) -> Failed {
    match (code(&error), error) {
        (Some(FULL), error) => Failed::Refused(io::Error::new(io::ErrorKind::StorageFull, error)),
        (Some(IO_ERROR), error) => Failed::Failing(io::Error::other(error)),
        (Some(_), error) => Failed::Refused(io::Error::other(error)),
        (None, Error::Io(error)) => Failed::Refused(error),
        (None, error) => Failed::Lost(io::Error::other(error)),
    }
}

/// Whether another connection has what this one needs.
pub(crate) fn is_busy(error: &Error) -> bool {
    code(error) == Some(BUSY)
}

/// The primary result code.
fn code(error: &Error) -> Option<u32> {
    let code = error.as_database_error().and_then(DatabaseError::code)?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// SQLite asks for its turn ever less often, so that one who waits for long waits for ever where others write all the time. So long
/// it is asked often, and then from the beginning.
pub(crate) const TURN: Duration = Duration::from_millis(5);

/// Primary result codes of SQLite.
const BUSY: u32 = 5;
const IO_ERROR: u32 = 10;
const FULL: u32 = 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_of_the_array_as_they_went_in() {
        let lines = [r#"{"a":"\"\\"}"#, "", r"\\", "\"", "ü", r#"{"b":1}"#];
        let array = json(&lines);
        assert_eq!(array, r#"["{\"a\":\"\\\"\\\\\"}","","\\\\","\"","ü","{\"b\":1}"]"#);
        assert_eq!(json(&[]), "[]");
    }
}
