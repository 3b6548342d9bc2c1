//! Reads a log by pages: a thread with one connection answers, so that readers need no runtime.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use kest_audit::{Log, RawLine, ReadParts, Tail};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::append::tail;
use crate::session::{Access, After, Connect, Failed, Part, Row, Session, within};

/// The log that lies there.
pub(crate) fn log(connect: Arc<dyn Connect>) -> io::Result<Log> {
    Log::of(Arc::new(Reader::begin(connect)?))
}

struct Reader {
    connect: Arc<dyn Connect>,
    asks: mpsc::Sender<Ask>,
}

/// One question, which sends its answer itself.
type Ask = Box<dyn FnOnce(&mut Worker) + Send>;

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("connect", &self.connect).finish_non_exhaustive()
    }
}

impl Reader {
    fn begin(connect: Arc<dyn Connect>) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel::<Ask>();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut worker = Worker { runtime, connect: Arc::clone(&connect), session: None };
        let thread = std::thread::Builder::new().name("kest-sql".to_owned());
        thread.spawn(move || asked.into_iter().for_each(|ask| ask(&mut worker)))?;
        Ok(Self { connect, asks })
    }

    fn ask<T: Send + 'static>(
        &self,
        ask: impl AsyncFn(&mut dyn Session) -> Result<T, Failed> + Send + 'static,
    ) -> io::Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let gone = |_error| io::Error::other("thread that reads the log is gone");
        let ask: Ask = Box::new(move |worker| {
            // A reader that was given up hears nothing.
            let _given_up = answer.send(worker.ask(&ask));
        });
        self.asks.send(ask).map_err(|cause| gone(cause.to_string()))?;
        answered.recv().map_err(|cause| gone(cause.to_string()))?
    }
}

struct Worker {
    runtime: Runtime,
    connect: Arc<dyn Connect>,
    session: Option<Box<dyn Session>>,
}

impl Worker {
    /// Asks; on a new connection where the old one is of no use any more.
    fn ask<T>(&mut self, ask: &impl AsyncFn(&mut dyn Session) -> Result<T, Failed>) -> io::Result<T> {
        let wait = self.connect.timeout();
        let answer = self.runtime.block_on(async {
            if let Some(session) = &mut self.session {
                match within(wait, ask(session.as_mut())).await {
                    Err(Failed::Lost(_) | Failed::Failing(_)) => self.session = None,
                    answer => return answer,
                }
            }
            let mut session = within(wait, self.connect.connect(Access::Read)).await?;
            let answer = within(wait, ask(session.as_mut())).await?;
            self.session = Some(session);
            Ok(answer)
        });
        answer.map_err(Failed::into_error)
    }
}

impl ReadParts for Reader {
    fn parts(&self) -> io::Result<Vec<Part>> {
        let mut parts: Vec<Part> = Vec::new();
        loop {
            let last = parts.last().copied();
            match self.ask(async move |session| session.part_after(last).await)? {
                Some(next) => parts.push(next),
                None => return Ok(parts),
            }
        }
    }

    fn lines(&self, part: Part, from: u64) -> Box<dyn Iterator<Item = io::Result<RawLine>> + '_> {
        let name = self.connect.name(part);
        let pages =
            Pages { reader: self, part, name, next: Some(After::from(from)), page: Vec::new().into_iter() };
        Box::new(pages)
    }

    fn tail(&self, writer: Uuid, _parts: &[u32]) -> io::Result<Option<Tail>> {
        self.ask(async move |session| tail(session, writer).await)
    }

    fn bytes(&self) -> u64 {
        self.ask(async |session| session.bytes().await).unwrap_or_default()
    }
}

/// The rows of one part, a page at a time.
struct Pages<'it> {
    reader: &'it Reader,
    part: Part,
    name: Arc<Path>,
    /// Where the next page begins; `None` behind the last.
    next: Option<After>,
    page: std::vec::IntoIter<Row>,
}

impl Pages<'_> {
    /// The next page, where there is one.
    fn turn(&mut self) -> io::Result<()> {
        let Some(after) = self.next.take() else { return Ok(()) };
        let part = self.part;
        let page = self.reader.ask(async move |session| session.page(part, &after, PAGE_ROWS).await)?;
        self.next = page.last().filter(|_| page.len() == PAGE_ROWS).map(|row| row.at.clone());
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Pages<'_> {
    type Item = io::Result<RawLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0
            && let Err(error) = self.turn()
        {
            return Some(Err(error));
        }
        let row = self.page.next()?;
        let seq = u64::try_from(row.at.seq).unwrap_or_default();
        Some(Ok(RawLine::new(Arc::clone(&self.name), seq, row.line, seq.saturating_add(1))))
    }
}

/// Rows of one question: of the longest lines, 16 MiB.
const PAGE_ROWS: usize = 256;
