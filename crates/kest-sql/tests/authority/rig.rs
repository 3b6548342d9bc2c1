//! A database of its own, authorities that share it, and what they are asked.

use std::error::Error;
use std::time::Duration;

use kest_authority::{Enrolment, EntryKeyRecord, Evidence, NewTicket, Place, StoreError};
use kest_identity::SpiffeId;
use kest_servers::postgres::PostgresServer;
use kest_sql::{AuthorityStore, Postgres, Sqlite, StoreFault};
use kest_workload::protocol::EntryKey;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, query_scalar, raw_sql};
use tempfile::TempDir;

/// Other work keeps the disk for seconds at times.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const NOW: u64 = 1_767_225_600_000;
pub(crate) const HOUR: u64 = 3_600_000;

/// One of the two.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(Box<PostgresServer>),
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(Box::new(PostgresServer::start().await))
    }

    pub(crate) async fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres().await]
    }

    /// That of one more authority.
    pub(crate) fn store(&self) -> AuthorityStore {
        match self {
            Self::Sqlite(folder) => sqlite(&folder.path().join("authority.sqlite")),
            Self::Postgres(server) => postgres(&server.url()),
        }
    }

    /// As one who has all rights.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(folder) => {
                sql.execute(&mut open(folder).await).await.unwrap();
            }
            Self::Postgres(server) => {
                let mut connection = PgConnection::connect(&server.url()).await.unwrap();
                sql.execute(&mut connection).await.unwrap();
            }
        }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM kest_authority_{table}"));
        match self {
            Self::Sqlite(folder) => query_scalar(sql).fetch_one(&mut open(folder).await).await.unwrap(),
            Self::Postgres(server) => {
                let mut connection = PgConnection::connect(&server.url()).await.unwrap();
                query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// As many of each as there are workloads: an enrolment is there whole, or not at all. So many there are.
    pub(crate) async fn check_whole(&self) -> i64 {
        let workloads = self.count("workloads").await;
        for table in ["tickets WHERE uses > 0", "entry_keys", "kids"] {
            assert_eq!(self.count(table).await, workloads, "{table}");
        }
        workloads
    }
}

async fn open(folder: &TempDir) -> SqliteConnection {
    let path = folder.path().join("authority.sqlite");
    SqliteConnection::connect(path.to_str().unwrap()).await.unwrap()
}

pub(crate) fn sqlite(path: &std::path::Path) -> AuthorityStore {
    Sqlite::builder(path).timeout(PATIENCE).build().unwrap().authority_store()
}

pub(crate) fn postgres(url: &str) -> AuthorityStore {
    Postgres::builder(url).timeout(PATIENCE).build().unwrap().authority_store()
}

pub(crate) fn id(name: &str) -> SpiffeId {
    SpiffeId::parse(&format!("spiffe://example.org/{name}")).unwrap()
}

pub(crate) fn ticket(hash: &str, name: &str) -> NewTicket {
    NewTicket { hash: hash.into(), identity: id(name), created: NOW, expires: NOW + HOUR, place: Place::Free }
}

pub(crate) fn by_ticket(hash: &str, kid: &str) -> Enrolment {
    enrolment(Evidence::Ticket(hash.into()), kid)
}

pub(crate) fn by_token(name: &str, kid: &str) -> Enrolment {
    enrolment(Evidence::Token(id(name)), kid)
}

fn enrolment(evidence: Evidence, kid: &str) -> Enrolment {
    let key = EntryKey { kty: "OKP".into(), crv: "Ed25519".into(), x: format!("x-{kid}"), kid: kid.into() };
    let entry_key = EntryKeyRecord { key, since: NOW, until: None };
    Enrolment { evidence, entry_key, current_key: None, alive_until: NOW + HOUR, at: NOW }
}

/// What the cause says of what was done.
#[track_caller]
pub(crate) fn fault(error: &StoreError) -> &StoreFault {
    error.source().unwrap().downcast_ref().unwrap()
}

/// All that an error says, with its causes.
pub(crate) fn told(error: &StoreError) -> String {
    let mut told = format!("{error:?}");
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}
