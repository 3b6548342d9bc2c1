//! Which file it is, and how it is opened.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_audit::{Durability, Log, Recorder, RecorderBuilder};
use kest_core::signature::Sign;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::time::timeout;
use uuid::Uuid;

use super::file::{connect, create};
use super::session::{SqliteSession, failed};
use crate::append::Appender;
use crate::read;
use crate::remove::{RemoveError, remove};
use crate::session::{Access, Connect, Failed, Part, Session};

/// A SQLite file, which several processes of one machine may share: an audit log, or the memory of an authority.
///
/// The file is kept in write-ahead mode and synced on each commit. One transaction holds all who wait.
///
/// ```
/// # use std::sync::Arc;
/// # use kest_core::{OsRandom, signature::{Ed25519Signer, WorkloadId}};
/// use kest_audit::Durability;
/// use kest_sql::Sqlite;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("audit.db");
/// # let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
/// let place = Sqlite::builder(path).build()?;
/// let log = place.recorder(signer, Durability::Required).open().await?;
/// // .. and when the service ends:
/// log.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sqlite(Arc<File>);

#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    wait: Duration,
    most_bytes: Option<u64>,
}

/// Builds a [`Sqlite`].
#[derive(Debug)]
#[must_use]
pub struct SqliteBuilder(File);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteBuildError {
    /// The path names no file.
    #[error("path names no file")]
    NoFile,
    /// No statement could end in so little time.
    #[error("timeout is zero")]
    NoTime,
}

impl SqliteBuilder {
    /// Waits so long for a transaction, also while another process holds the file; 2 s otherwise.
    pub fn timeout(mut self, wait: Duration) -> Self {
        self.0.wait = wait;
        self
    }

    /// Lets the file grow to so many bytes. Then operations are refused as with a full disk.
    pub fn most_bytes(mut self, bytes: u64) -> Self {
        self.0.most_bytes = Some(bytes);
        self
    }

    /// The place. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`SqliteBuildError`].
    pub fn build(self) -> Result<Sqlite, SqliteBuildError> {
        if self.0.path.file_name().is_none() {
            return Err(SqliteBuildError::NoFile);
        }
        if self.0.wait.is_zero() {
            return Err(SqliteBuildError::NoTime);
        }
        Ok(Sqlite(Arc::new(self.0)))
    }
}

impl Sqlite {
    /// A log in the file `path`, which is made, for its owner's eyes, where it is missing.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteBuilder {
        SqliteBuilder(File { path: path.into(), wait: WAIT, most_bytes: None })
    }

    /// What a service writes it with, sealed by `signer`: that of the service.
    pub fn recorder(&self, signer: Arc<dyn Sign>, durability: Durability) -> RecorderBuilder {
        Recorder::builder(Appender::new(self.connect()), signer, durability)
    }

    /// The log as it lies there now.
    ///
    /// # Errors
    ///
    /// When no log is there, or the file cannot be read.
    pub fn log(&self) -> io::Result<Log> {
        read::log(self.connect())
    }

    /// Deletes the rows of `writer` up to the end of this part, after `recorder`, which writes to this log, has recorded and
    /// sealed that.
    ///
    /// # Errors
    ///
    /// [`RemoveError`].
    pub async fn remove(&self, recorder: &Recorder, writer: Uuid, part: u32) -> Result<(), RemoveError> {
        remove(&self.connect(), recorder, (writer, part)).await
    }

    fn connect(&self) -> Arc<dyn Connect> {
        Arc::<File>::clone(&self.0)
    }

    #[cfg(feature = "authority")]
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.0
    }
}

#[cfg(feature = "authority")]
impl File {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// A connection to the file, which is made where it is missing.
    pub(crate) async fn connection(&self) -> Result<SqliteConnection, Failed> {
        create(&self.path).map_err(Failed::Refused)?;
        self.opened(Access::Write).await
    }
}

impl File {
    async fn opened(&self, access: Access) -> Result<SqliteConnection, Failed> {
        let opened = timeout(self.wait, connect(&self.options(access))).await.map_err(|_late| {
            Failed::Refused(io::Error::new(io::ErrorKind::TimedOut, "file is held by another"))
        })?;
        opened.map_err(failed)
    }

    fn options(&self, access: Access) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(self.wait)
            .disable_statement_logging();
        if access == Access::Read {
            return options.read_only(true);
        }
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pages = self.most_bytes.map(|bytes| (bytes / PAGE_BYTES).max(1));
        pages.into_iter().fold(options, |options, pages| options.pragma("max_page_count", pages.to_string()))
    }
}

#[async_trait]
impl Connect for File {
    async fn connect(&self, access: Access) -> Result<Box<dyn Session>, Failed> {
        if access == Access::Write {
            create(&self.path).map_err(Failed::Refused)?;
        } else if !self.path.exists() {
            return Err(Failed::Refused(io::ErrorKind::NotFound.into()));
        }
        let connection = self.opened(access).await?;
        let mut session = SqliteSession::new(connection, self.path.clone(), self.wait);
        session.check(access).await?;
        Ok(Box::new(session))
    }

    /// More than SQLite waits for its turn, so that it is SQLite that gives up, and says that nothing was done.
    fn timeout(&self) -> Duration {
        self.wait.saturating_add(Duration::from_secs(1))
    }

    fn name(&self, (writer, number): Part) -> Arc<Path> {
        Path::new(&format!("{}:{writer}.{number:06}", self.path.display())).into()
    }
}

/// As long as an operation waits for its record.
const WAIT: Duration = Duration::from_secs(2);
/// Bytes of a page of a new file.
const PAGE_BYTES: u64 = 4096;
