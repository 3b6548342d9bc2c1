//! The statements of PostgreSQL.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgRow, PgSeverity};
use sqlx::{Error, Row as _};
use uuid::Uuid;

use super::POSTGRES_SCHEMA;
use crate::session::{
    Access, After, Failed, Part, ROW_BYTES, Row, SCHEMA_VERSION, Session, invalid, number, part,
};

/// A transaction with this in it lasts when it is answered, on standbys too where they are waited for, whatever the default of
/// the server, the role or the connection is.
macro_rules! lasting {
    () => {
        "set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
            WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)"
    };
}

#[cfg(feature = "authority")]
pub(crate) use lasting;

pub(super) struct PostgresSession {
    connection: PgConnection,
    held: Option<Uuid>,
}

impl PostgresSession {
    pub(super) fn new(connection: PgConnection) -> Self {
        Self { connection, held: None }
    }

    /// Sets what counts on this connection, and sees to the tables: made where they are missing, and of the version that is known.
    pub(super) async fn check(&mut self, access: Access, wait: Duration) -> Result<(), Failed> {
        settle_timeouts(&mut self.connection, wait).await?;
        let found = "SELECT to_regclass('kest_audit_schema') IS NOT NULL, current_setting('server_encoding') = 'UTF8', \
            current_setting('fsync') = 'on'";
        let (tables, utf8, lasts): (bool, bool, bool) =
            sqlx::query_as(found).fetch_one(&mut self.connection).await.map_err(failed)?;
        if !utf8 {
            return Err(Failed::Refused(invalid("database is not in UTF-8")));
        }
        if !lasts && access == Access::Write {
            tracing::warn!("audit log is in a database that syncs nothing: a loss of power can lose records");
        }
        if !tables && access == Access::Write {
            sqlx::raw_sql(POSTGRES_SCHEMA).execute(&mut self.connection).await.map_err(failed)?;
        } else if !tables {
            let missing = "database has no audit log";
            return Err(Failed::Refused(io::Error::new(io::ErrorKind::NotFound, missing)));
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
impl Session for PostgresSession {
    async fn hold(&mut self, writer: Uuid) -> Result<(), Failed> {
        if self.held == Some(writer) {
            return Ok(());
        }
        if let Some(before) = self.held.take() {
            let release = sqlx::query("SELECT pg_advisory_unlock($1)").bind(lock(before));
            release.execute(&mut self.connection).await.map_err(failed)?;
        }
        let held = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(lock(writer));
        let held: bool = held.fetch_one(&mut self.connection).await.map_err(failed)?;
        // That of a connection which the server has not given up yet says the same for as long as it is there; then it is our turn.
        self.held = held.then_some(writer);
        Ok(())
    }

    async fn is_held(&mut self, writer: Uuid) -> Result<bool, Failed> {
        let held = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND (classid::bigint << 32) | objid::bigint = $1)";
        sqlx::query_scalar(held).bind(lock(writer)).fetch_one(&mut self.connection).await.map_err(failed)
    }

    async fn insert(&mut self, (writer, part): Part, first: u64, lines: &[&str]) -> Result<u64, Failed> {
        let rows = concat!(
            "WITH lasting AS MATERIALIZED (SELECT ",
            lasting!(),
            ") INSERT INTO kest_audit (writer, part, seq, line) \
            SELECT $1, $2, $3 + it.place - 1, it.line FROM lasting, unnest($4) WITH ORDINALITY AS it (line, place) \
            ON CONFLICT DO NOTHING"
        );
        let rows = sqlx::query(rows).bind(writer).bind(part_number(part)).bind(number(first)).bind(lines);
        Ok(rows.execute(&mut self.connection).await.map_err(failed)?.rows_affected())
    }

    /// A transaction that adds no row waits for no standby. This one writes to the log of the server, behind the one that added them.
    async fn settle(&mut self) -> Result<(), Failed> {
        let settle =
            concat!("SELECT ", lasting!(), ", pg_logical_emit_message(true, 'kest_audit', '')::text");
        sqlx::query(settle).execute(&mut self.connection).await.map(drop).map_err(failed)
    }

    async fn page(&mut self, (writer, part): Part, after: &After, most: usize) -> Result<Vec<Row>, Failed> {
        let rows = "SELECT it.seq, it.row, it.line FROM (SELECT seq, left(line, $6) AS line, \
                ((ctid::text::point)[0]::bigint << 16) | (ctid::text::point)[1]::bigint AS row \
                FROM kest_audit WHERE writer = $1 AND part = $2 AND seq >= $3) AS it \
            WHERE it.seq > $3 OR it.row > $4 ORDER BY it.seq, it.row LIMIT $5";
        let rows = sqlx::query(rows).bind(writer).bind(part_number(part)).bind(after.seq).bind(after.row);
        let rows = rows.bind(i64::try_from(most).unwrap_or(i64::MAX)).bind(ROW_BYTES);
        let rows = rows.fetch_all(&mut self.connection).await.map_err(failed)?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(failed)
    }

    async fn part_after(&mut self, after: Option<Part>) -> Result<Option<Part>, Failed> {
        let next = "SELECT writer, part FROM kest_audit WHERE (writer, part) > ($1, $2) ORDER BY writer, part LIMIT 1";
        let (writer, before) =
            after.map_or((Uuid::nil(), i32::MIN), |(writer, it)| (writer, part_number(it)));
        let next = sqlx::query_as(next).bind(writer).bind(before);
        let next: Option<(Uuid, i32)> = next.fetch_optional(&mut self.connection).await.map_err(failed)?;
        next.map(|(writer, number)| part(writer, number.into())).transpose()
    }

    async fn writer_before(&mut self, writer: Option<Uuid>) -> Result<Option<Uuid>, Failed> {
        let before = "SELECT writer FROM kest_audit WHERE writer < $1 ORDER BY writer DESC LIMIT 1";
        let before = sqlx::query_scalar(before).bind(writer.unwrap_or(Uuid::max()));
        before.fetch_optional(&mut self.connection).await.map_err(failed)
    }

    async fn last(&mut self, (writer, number): Part) -> Result<Vec<Vec<u8>>, Failed> {
        let lines = "SELECT left(line, $3) FROM kest_audit WHERE writer = $1 AND part <= $2 \
            ORDER BY part DESC, seq DESC LIMIT 2";
        let lines = sqlx::query_scalar(lines).bind(writer).bind(part_number(number)).bind(ROW_BYTES);
        let lines: Vec<String> = lines.fetch_all(&mut self.connection).await.map_err(failed)?;
        Ok(lines.into_iter().map(String::into_bytes).collect())
    }

    async fn remove(&mut self, (writer, number): Part) -> Result<(), Failed> {
        let allow = "INSERT INTO kest_audit_removed AS it (writer, part) VALUES ($1, $2) \
            ON CONFLICT (writer) DO UPDATE SET part = greatest(it.part, excluded.part)";
        let delete = "DELETE FROM kest_audit WHERE writer = $1 AND part <= $2";
        for statement in [allow, delete] {
            let statement = sqlx::query(statement).bind(writer).bind(part_number(number));
            statement.execute(&mut self.connection).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn bytes(&mut self) -> Result<u64, Failed> {
        let bytes = sqlx::query_scalar("SELECT pg_table_size('kest_audit')");
        let bytes: i64 = bytes.fetch_one(&mut self.connection).await.map_err(failed)?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }
}

/// The server gives up when this side does, also on one that is gone in the middle of a transaction.
pub(crate) async fn settle_timeouts(connection: &mut PgConnection, wait: Duration) -> Result<(), Failed> {
    // Zero would be no bound.
    let wait = wait.as_nanos().div_ceil(1_000_000).to_string();
    let settings = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false), \
        set_config('idle_in_transaction_session_timeout', $1, false)";
    sqlx::query(settings).bind(wait).execute(connection).await.map(drop).map_err(failed)
}

fn row(row: &PgRow) -> Result<Row, Error> {
    let line: Option<String> = row.try_get(2)?;
    let at = After { seq: row.try_get(0)?, row: row.try_get(1)? };
    Ok(Row { at, line: line.unwrap_or_default().into_bytes() })
}

/// Numbers of parts as they stand in a column.
fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The number of a writer's lock: the half of its name that is random.
fn lock(writer: Uuid) -> i64 {
    let (_time, random) = writer.as_u64_pair();
    i64::from_ne_bytes(random.to_ne_bytes())
}

/// An error that the server answered undid its statement, unless it ends the connection or says otherwise: what was done then is
/// not known.
pub(crate) fn failed(error: Error) -> Failed {
    let answer = error.as_database_error().and_then(<dyn DatabaseError>::try_downcast_ref::<PgDatabaseError>);
    let ends = answer.is_none_or(|answer| {
        matches!(answer.severity(), PgSeverity::Panic | PgSeverity::Fatal)
            || UNKNOWN.iter().any(|class| answer.code().starts_with(class))
    });
    match answer.map(PgDatabaseError::code) {
        _code if ends => Failed::Lost(io::Error::other(error)),
        Some(DISK_FULL) => Failed::Refused(io::Error::new(io::ErrorKind::StorageFull, error)),
        _other => Failed::Refused(io::Error::other(error)),
    }
}

/// `disk_full`.
const DISK_FULL: &str = "53100";
/// Classes after which it is not known what was done: of the connection, `statement_completion_unknown`, of an operator who ends
/// it, of the server's system, of a server that is damaged.
const UNKNOWN: &[&str] = &["08", "40003", "57P", "58", "XX"];
