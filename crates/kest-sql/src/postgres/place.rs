//! Which server it is, and how it is reached.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_audit::{Durability, Log, Recorder, RecorderBuilder};
use kest_core::signature::Sign;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
#[cfg(feature = "authority")]
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::address::{PostgresBuildError, Proof, read};
use super::session::{PostgresSession, failed};
use crate::append::Appender;
use crate::remove::{RemoveError, remove};
use crate::session::{Access, Connect, Failed, Part, Session};

/// A database of PostgreSQL: an audit log, which many replicas share, or the memory of an authority.
///
/// Each replica is a writer of its own, with one connection.
///
/// One transaction holds all who wait. Where the server is away, operations are refused under
/// [`Durability::Required`]; when it comes back, the log goes on without a gap.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use kest_core::{OsRandom, signature::{Ed25519Signer, WorkloadId}};
/// use kest_audit::Durability;
/// use kest_sql::Postgres;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
/// let place = Postgres::builder("postgres://audit@localhost/audit").password("secret").build()?;
/// let log = place.recorder(signer, Durability::Required).open().await?;
/// // .. and when the service ends:
/// log.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Postgres(Arc<Server>);

pub(crate) struct Server {
    options: PgConnectOptions,
    wait: Duration,
}

/// Who may know the password is not who reads a log.
impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("host", &self.options.get_host())
            .field("port", &self.options.get_port())
            .field("database", &self.options.get_database())
            .field("user", &self.options.get_username())
            .finish_non_exhaustive()
    }
}

/// Builds a [`Postgres`].
#[must_use]
pub struct PostgresBuilder {
    address: String,
    password: Option<String>,
    root_certificates: Option<String>,
    wait: Duration,
    proof: Proof,
}

impl fmt::Debug for PostgresBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostgresBuilder").field("wait", &self.wait).finish_non_exhaustive()
    }
}

impl PostgresBuilder {
    /// The password, where it is not in the address, in `PGPASSWORD`, or in the password file.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Trusts these authorities, as PEM, beside the well-known ones.
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Waits so long for connecting, and for a transaction; 2 s otherwise. An operation never waits longer than
    /// [`Limits::audit_wait`](kest_core::Limits::audit_wait).
    pub fn timeout(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Takes the address at its word about TLS, also where that lets others read or answer what is said to the server.
    pub fn dangerous_unverified_server(mut self) -> Self {
        self.proof = Proof::AsSaid;
        self
    }

    /// The place. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`PostgresBuildError`].
    pub fn build(self) -> Result<Postgres, PostgresBuildError> {
        if self.wait.is_zero() {
            return Err(PostgresBuildError::NoTime);
        }
        if self.wait > MOST_WAIT {
            return Err(PostgresBuildError::TooLong);
        }
        let options = read(&self.address, self.proof)?.disable_statement_logging();
        let options = self.password.iter().fold(options, |options, password| options.password(password));
        let roots = self.root_certificates.map(String::into_bytes);
        let options = roots.into_iter().fold(options, PgConnectOptions::ssl_root_cert_from_pem);
        Ok(Postgres(Arc::new(Server { options, wait: self.wait })))
    }
}

impl Postgres {
    /// A log at `address`: `postgres://user@host:port/database`. A server on another machine must prove its name
    /// (`sslmode=verify-full`, the default there), which needs the feature `tls`.
    pub fn builder(address: impl Into<String>) -> PostgresBuilder {
        let (password, root_certificates) = (None, None);
        PostgresBuilder {
            address: address.into(),
            password,
            root_certificates,
            wait: WAIT,
            proof: Proof::Verified,
        }
    }

    /// What a service writes it with, sealed by `signer`: that of the service.
    pub fn recorder(&self, signer: Arc<dyn Sign>, durability: Durability) -> RecorderBuilder {
        Recorder::builder(Appender::new(self.connect()), signer, durability)
    }

    /// The log as it lies there now.
    ///
    /// # Errors
    ///
    /// When no log is there, or the server cannot be asked.
    pub fn log(&self) -> io::Result<Log> {
        crate::read::log(self.connect())
    }

    /// Deletes the rows of `writer` up to the end of this part, after `recorder`, which writes to this log, has recorded and
    /// sealed that. The role needs the right to delete, which that of a service does not.
    ///
    /// # Errors
    ///
    /// [`RemoveError`].
    pub async fn remove(&self, recorder: &Recorder, writer: Uuid, part: u32) -> Result<(), RemoveError> {
        remove(&self.connect(), recorder, (writer, part)).await
    }

    fn connect(&self) -> Arc<dyn Connect> {
        Arc::<Server>::clone(&self.0)
    }

    #[cfg(feature = "authority")]
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.0
    }
}

#[cfg(feature = "authority")]
impl Server {
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    pub(crate) async fn connection(&self) -> Result<PgConnection, Failed> {
        self.options.connect().await.map_err(failed)
    }
}

#[async_trait]
impl Connect for Server {
    async fn connect(&self, access: Access) -> Result<Box<dyn Session>, Failed> {
        let connection = self.options.connect().await.map_err(failed)?;
        let mut session = PostgresSession::new(connection);
        session.check(access, self.wait).await?;
        Ok(Box::new(session))
    }

    fn timeout(&self) -> Duration {
        self.wait
    }

    fn name(&self, (writer, number): Part) -> Arc<Path> {
        Path::new(&format!("{writer}.{number:06}")).into()
    }
}

/// As long as an operation waits for its record.
const WAIT: Duration = Duration::from_secs(2);
/// PostgreSQL counts milliseconds in 31 bits.
const MOST_WAIT: Duration = Duration::from_millis(2_147_483_647);
