//! Adds records in one transaction for all who wait, and finds out what became of one whose answer was lost.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kest_audit::{Append, Batch, CommitError, State, Tail};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::session::{Access, Connect, Failed, Part, Session, within};

/// What writes a log in a database. The thread of the log runs it, with one connection.
pub(crate) struct Appender {
    connect: Arc<dyn Connect>,
    /// Its own: a connection lives whatever becomes of the runtimes of the service.
    runtime: Option<Arc<Runtime>>,
    connection: Connection,
    part: Option<Part>,
}

struct Connection {
    connect: Arc<dyn Connect>,
    session: Option<Box<dyn Session>>,
}

impl fmt::Debug for Appender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Appender").field("connect", &self.connect).finish_non_exhaustive()
    }
}

impl Appender {
    pub(crate) fn new(connect: Arc<dyn Connect>) -> Self {
        let connection = Connection { connect: Arc::clone(&connect), session: None };
        Self { connect, runtime: None, connection, part: None }
    }

    fn runtime(&mut self) -> io::Result<Arc<Runtime>> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => Arc::new(Builder::new_current_thread().enable_all().build()?),
        };
        Ok(Arc::clone(self.runtime.insert(runtime)))
    }

    fn keep(&mut self, part: Part, batch: &Batch<'_>) -> Result<(), CommitError> {
        let runtime = self.runtime().map_err(CommitError::Undone)?;
        let lines: Vec<&str> = batch.lines().collect();
        let wait = self.connect.timeout();
        runtime.block_on(self.connection.keep(part, batch.first(), &lines, wait))
    }
}

impl Append for Appender {
    fn latest(&mut self, most: usize) -> io::Result<Vec<(Uuid, Tail)>> {
        self.runtime()?.block_on(self.connection.latest(most)).map_err(Failed::into_error)
    }

    fn begin(&mut self, part: Part, batch: &Batch<'_>) -> Result<(), CommitError> {
        self.keep(part, batch)?;
        self.part = Some(part);
        Ok(())
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        let missing = || CommitError::Unknown(io::ErrorKind::NotFound.into());
        self.keep(self.part.ok_or_else(missing)?, batch)
    }
}

/// What is known of rows that were to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// They are not there.
    Absent,
    /// They were sent, and no answer came.
    Sent,
}

impl Connection {
    /// Adds `lines`, within `wait`. Where a connection breaks while rows are under way they are sent once more on another: their
    /// numbers are the table's key, so that they are there once, whichever of the two came through.
    async fn keep(
        &mut self,
        part: Part,
        first: u64,
        lines: &[&str],
        wait: Duration,
    ) -> Result<(), CommitError> {
        let mut doubt = Doubt::Absent;
        let kept = within(wait, self.attempts(part, first, lines, &mut doubt)).await;
        let Err(failed) = kept else { return Ok(()) };
        if !matches!(failed, Failed::Refused(_)) || doubt == Doubt::Sent {
            self.session = None;
        }
        let error = failed.into_error();
        Err(match doubt {
            Doubt::Absent => CommitError::Undone(error),
            Doubt::Sent => CommitError::Unknown(error),
        })
    }

    async fn attempts(
        &mut self,
        part: Part,
        first: u64,
        lines: &[&str],
        doubt: &mut Doubt,
    ) -> Result<(), Failed> {
        loop {
            match self.attempt(part, first, lines, doubt).await {
                Err(Failed::Lost(error)) if *doubt == Doubt::Sent => {
                    tracing::warn!(%error, "audit log lost its database while records were under way");
                    self.session = None;
                    tokio::time::sleep(BETWEEN).await;
                }
                other => return other,
            }
        }
    }

    async fn attempt(
        &mut self,
        part: Part,
        first: u64,
        lines: &[&str],
        doubt: &mut Doubt,
    ) -> Result<(), Failed> {
        let session = self.session(Some(part.0)).await?;
        let before = std::mem::replace(doubt, Doubt::Sent);
        match session.insert(part, first, lines).await {
            Ok(new) if usize::try_from(new) == Ok(lines.len()) => Ok(()),
            // Those of the attempt before, or rows of another hand.
            Ok(0) if stands(session, part, first, lines).await? => session.settle().await,
            Ok(_other) => {
                Err(Failed::Refused(io::Error::other("rows of another are in the place of records")))
            }
            Err(Failed::Refused(error)) => {
                *doubt = before;
                Err(Failed::Refused(error))
            }
            Err(lost) => Err(lost),
        }
    }

    async fn latest(&mut self, most: usize) -> Result<Vec<(Uuid, Tail)>, Failed> {
        let found = self.tails(most).await;
        if matches!(found, Err(Failed::Lost(_) | Failed::Failing(_))) {
            self.session = None;
        }
        found
    }

    async fn tails(&mut self, most: usize) -> Result<Vec<(Uuid, Tail)>, Failed> {
        let wait = self.connect.timeout();
        let mut session = within(wait, self.session(None)).await?;
        let mut before = within(wait, session.writer_before(None)).await;
        // A connection that broke while nothing was to be done is no fault.
        if matches!(before, Err(Failed::Lost(_))) {
            self.session = None;
            session = within(wait, self.session(None)).await?;
            before = within(wait, session.writer_before(None)).await;
        }
        let mut before = before?;
        let mut latest = Vec::new();
        while let Some(writer) = before.filter(|_| latest.len() < most) {
            let tail = within(wait, tail(session, writer)).await?;
            latest.extend(tail.map(|tail| (writer, tail)));
            before = within(wait, session.writer_before(Some(writer))).await?;
        }
        Ok(latest)
    }

    async fn session(&mut self, writer: Option<Uuid>) -> Result<&mut (dyn Session + 'static), Failed> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connect.connect(Access::Write).await?,
        };
        if let Some(writer) = writer {
            session.hold(writer).await?;
        }
        Ok(self.session.insert(session).as_mut())
    }
}

/// Where a writer came to.
pub(crate) async fn tail(session: &mut dyn Session, writer: Uuid) -> Result<Option<Tail>, Failed> {
    // One that ends in between has its end among the lines.
    let state = if session.is_held(writer).await? { State::Live } else { State::Crashed };
    let lines = session.last((writer, u32::MAX)).await?;
    let Some(last) = lines.first() else { return Ok(None) };
    Ok(Tail::of(last, lines.get(1).map(Vec::as_slice), state))
}

/// Whether the rows of a batch are there, as they were to be written.
async fn stands(session: &mut dyn Session, part: Part, first: u64, lines: &[&str]) -> Result<bool, Failed> {
    let from = crate::session::After::from(first);
    let rows = session.page(part, &from, lines.len()).await?;
    Ok(rows.iter().map(|row| row.line.as_slice()).eq(lines.iter().map(|line| line.as_bytes())))
}

/// Time between two attempts to reach a database that went away.
const BETWEEN: Duration = Duration::from_millis(50);

#[cfg(test)]
#[path = "tests/append.rs"]
mod tests;
