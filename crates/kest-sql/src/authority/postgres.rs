//! The memory of an authority in PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Postgres as Database;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;

use super::schema::POSTGRES_STEPS;
use super::session::{Open, Row, Session, Turn, Value, unreadable};
use super::store::AuthorityStore;
use crate::postgres::{Postgres, Server, failed, lasting, settle_timeouts};
use crate::session::Failed;

impl Postgres {
    /// The memory of an authority, in this database, which several authorities may share.
    ///
    /// Nothing is connected yet.
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(all(feature = "postgres", feature = "authority"))))]
    pub fn authority_store(&self) -> AuthorityStore {
        AuthorityStore::of(Arc::<Server>::clone(self.server()))
    }
}

#[async_trait]
impl Open for Server {
    async fn open(&self, _turn: Turn) -> Result<Box<dyn Session>, Failed> {
        let mut session = PostgresSession { connection: self.connection().await? };
        session.check(self.wait()).await?;
        Ok(Box::new(session))
    }

    fn timeout(&self) -> Duration {
        self.wait()
    }
}

struct PostgresSession {
    connection: PgConnection,
}

impl PostgresSession {
    /// Sets what counts on this connection, and sees to the tables: made where they are missing, and of the version that is known.
    async fn check(&mut self, wait: Duration) -> Result<(), Failed> {
        let connection = &mut self.connection;
        settle_timeouts(connection, wait).await?;
        let found =
            "SELECT to_regclass('kest_authority_schema') IS NOT NULL, current_setting('fsync') = 'on'";
        let (tables, lasts): (bool, bool) =
            sqlx::query_as(found).fetch_one(&mut *connection).await.map_err(failed)?;
        if !lasts {
            tracing::warn!(
                "authority is in a database that syncs nothing: a loss of power can undo a revocation"
            );
        }
        let mut found = 0;
        if tables {
            let version = "SELECT coalesce(max(version), 0) FROM kest_authority_schema";
            found = sqlx::query_scalar(version).fetch_one(&mut *connection).await.map_err(failed)?;
        }
        for step in POSTGRES_STEPS.from(found)? {
            sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(failed)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Session for PostgresSession {
    /// The row is held by one transaction at a time, and what comes after it sees all that came before, whatever the default of the
    /// role or the database is.
    async fn begin(&mut self, turn: Turn) -> Result<(), Failed> {
        let begin = match turn {
            Turn::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            Turn::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        sqlx::raw_sql(begin).execute(&mut self.connection).await.map_err(failed)?;
        if turn == Turn::Write {
            let hold =
                concat!("SELECT ", lasting!(), " FROM kest_authority_sequence WHERE one = 1 FOR UPDATE");
            let held = sqlx::query(hold).fetch_optional(&mut self.connection).await.map_err(failed)?;
            held.ok_or_else(|| unreadable("number of the state is missing"))?;
        }
        Ok(())
    }

    async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Failed> {
        let done = query(sql, values).execute(&mut self.connection).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Failed> {
        let rows = query(sql, values).fetch_all(&mut self.connection).await.map_err(failed)?;
        Ok(rows.into_iter().map(Row::Postgres).collect())
    }

    async fn commit(&mut self) -> Result<(), Failed> {
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await.map(drop).map_err(failed)
    }
}

fn query(sql: &'static str, values: &[Value<'_>]) -> Query<'static, Database, PgArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Text(text) => query.bind(text.to_owned()),
        Value::Number(number) => query.bind(number),
        Value::Maybe(number) => query.bind(number),
    })
}
