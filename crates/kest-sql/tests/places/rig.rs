//! A log in a database of its own, and services that write it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kest_audit::{Durability, Log, LogVerifier, Record, Recorder, RecorderBuilder, Report};
use kest_core::entry::EntryHash;
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyId, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admission, AdmitError, Admitter, Audit, Limits, Operation, Verifier};
use kest_servers::postgres::PostgresServer;
use kest_sql::{Postgres, Sqlite};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, raw_sql};
use tempfile::TempDir;

/// Other work keeps the disk for seconds at times.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One of the two.
pub(crate) enum Place {
    Sqlite(Sqlite, TempDir),
    Postgres(Postgres, Box<PostgresServer>),
}

pub(crate) fn signer() -> Arc<Ed25519Signer> {
    let workload = WorkloadId::new("spiffe://example.org/cart").unwrap();
    Arc::new(Ed25519Signer::from_seed(workload, KeyId::new("cart").unwrap(), &[4; 32]).unwrap())
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::Sqlite(
            Sqlite::builder(folder.path().join("audit.db")).timeout(PATIENCE).build().unwrap(),
            folder,
        )
    }

    pub(crate) async fn postgres() -> Self {
        Self::postgres_within(PATIENCE).await
    }

    pub(crate) async fn postgres_within(wait: Duration) -> Self {
        let server = PostgresServer::start().await;
        Self::Postgres(Postgres::builder(server.url()).timeout(wait).build().unwrap(), Box::new(server))
    }

    pub(crate) fn server(&mut self) -> &mut PostgresServer {
        let Self::Postgres(_, server) = self else { panic!("it has no server") };
        server
    }

    pub(crate) async fn begin(&self, durability: Durability, segment_bytes: u64) -> Service {
        Service::patient(self.recorder(durability).segment_bytes(segment_bytes)).await
    }

    pub(crate) fn recorder(&self, durability: Durability) -> RecorderBuilder {
        match self {
            Self::Sqlite(place, _) => place.recorder(signer(), durability),
            Self::Postgres(place, _) => place.recorder(signer(), durability),
        }
    }

    pub(crate) fn log(&self) -> Log {
        match self {
            Self::Sqlite(place, _) => place.log().unwrap(),
            Self::Postgres(place, _) => place.log().unwrap(),
        }
    }

    pub(crate) fn verify(&self, note: Option<&str>) -> Report {
        verify(&self.log(), note)
    }

    /// As one who has all rights.
    pub(crate) async fn connect(&self) -> Sql {
        match self {
            Self::Sqlite(_, folder) => {
                let path = folder.path().join("audit.db");
                Sql::Sqlite(SqliteConnection::connect(path.to_str().unwrap()).await.unwrap())
            }
            Self::Postgres(_, server) => Sql::Postgres(PgConnection::connect(&server.url()).await.unwrap()),
        }
    }
}

/// Statements of one's own.
pub(crate) enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Sql {
    pub(crate) async fn try_execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(drop),
            Self::Postgres(connection) => sql.execute(connection).await.map(drop),
        }
    }

    pub(crate) async fn execute(&mut self, sql: &str) {
        self.try_execute(sql).await.unwrap();
    }
}

pub(crate) fn verify(log: &Log, note: Option<&str>) -> Report {
    let mut ring = KeyRing::new();
    ring.trust_signer(signer().as_ref()).unwrap();
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let verifier = note.into_iter().fold(verifier, LogVerifier::checkpoint);
    verifier.verify(log, |_bytes| ()).unwrap()
}

/// A service with the log that it writes.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) log: Arc<Recorder>,
    admitter: Admitter,
}

impl Service {
    /// One whose operations have time.
    pub(crate) async fn patient(recorder: RecorderBuilder) -> Self {
        let mut limits = Limits::default();
        limits.audit_wait = PATIENCE;
        Self::of(recorder.limits(limits).open().await.unwrap())
    }

    pub(crate) fn of(log: Recorder) -> Self {
        let log = Arc::new(log);
        let shared: Arc<dyn Audit> = Arc::<Recorder>::clone(&log);
        Self { log, admitter: Admitter::builder(signer()).audit(shared).build() }
    }

    pub(crate) async fn try_operate(&self) -> Result<Admission, AdmitError> {
        let operation = Operation::named("step").unwrap();
        self.admitter.originate(Origin::system(), &operation, &dangerous_allow_all()).await
    }

    pub(crate) async fn operate(&self) -> EntryHash {
        self.try_operate().await.unwrap().entry().hash()
    }
}

/// What a log says was signed, and what of it ended without having run.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) signed: HashSet<EntryHash>,
    pub(crate) not_run: HashSet<EntryHash>,
    /// Operations and ends that are counted as lost.
    pub(crate) lost_signed: u64,
    pub(crate) lost_finished: u64,
}

impl Recorded {
    /// All of it; no entry is there twice.
    pub(crate) fn of(log: &Log) -> Self {
        let mut recorded = Self::default();
        for line in log.lines() {
            let line = line.unwrap();
            let record = line.read().unwrap().record;
            if let Record::Signed { entry } = &record {
                assert!(recorded.signed.insert(EntryHash::of(entry)), "an entry is there twice");
            } else if let Record::Lost { finished, signed, .. } = record {
                recorded.lost_finished += finished;
                recorded.lost_signed += signed;
            } else if let Record::Finished { ending, entry, .. } = &record
                && ending == "not_run"
            {
                recorded.not_run.insert(entry.parse().unwrap());
            }
        }
        recorded
    }
}

/// The kinds of all faults.
pub(crate) fn kinds(report: &Report) -> Vec<&'static str> {
    report.faults.iter().map(|fault| fault.kind.as_str()).collect()
}
