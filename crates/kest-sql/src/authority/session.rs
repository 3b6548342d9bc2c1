//! One connection of an authority: statements that both databases understand, in a transaction.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row as _;

use crate::session::{Failed, invalid};

/// Where the memory of an authority lies.
#[async_trait]
pub(super) trait Open: fmt::Debug + Send + Sync {
    /// A new connection, with tables of the version that is known.
    async fn open(&self, turn: Turn) -> Result<Box<dyn Session>, Failed>;

    /// How long a transaction may take, with waiting for its turn.
    fn timeout(&self) -> Duration;
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It changes something, and is the only one that does.
    Write,
    /// It sees one moment.
    Read,
}

/// One connection.
#[async_trait]
pub(super) trait Session: Send {
    /// Begins a transaction. One that changes something waits until all earlier ones are over.
    async fn begin(&mut self, turn: Turn) -> Result<(), Failed>;

    /// Changes rows, and says how many.
    async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Failed>;

    /// Reads rows.
    async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Failed>;

    /// Ends the transaction. When it is answered, what was done lasts.
    async fn commit(&mut self) -> Result<(), Failed>;
}

/// What stands for `$1`, `$2` ..
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Maybe(Option<i64>),
}

/// A row as it is there.
pub(super) enum Row {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    pub(super) fn text(&self, column: usize) -> Result<String, Failed> {
        let text = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => row.try_get(column),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.try_get(column),
        };
        text.map_err(unreadable)
    }

    pub(super) fn number(&self, column: usize) -> Result<u64, Failed> {
        self.maybe(column)?.ok_or_else(|| unreadable("number is missing"))
    }

    /// A number that need not be there.
    pub(super) fn maybe(&self, column: usize) -> Result<Option<u64>, Failed> {
        let number: Result<Option<i64>, sqlx::Error> = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => row.try_get(column),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.try_get(column),
        };
        number.map_err(unreadable)?.map(u64::try_from).transpose().map_err(unreadable)
    }
}

/// What is in a table was not written by this library: an authority that guesses would issue by it.
pub(super) fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failed {
    Failed::Refused(invalid(cause))
}

/// One row, or none.
pub(super) async fn row(
    session: &mut dyn Session,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Option<Row>, Failed> {
    Ok(session.rows(sql, values).await?.into_iter().next())
}
