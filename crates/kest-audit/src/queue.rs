//! What waits to be written: bounded, in order, and with a count of what did not fit.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use kest_core::audit::{AuditError, Finished};
use kest_core::entry::Entry;
use kest_core::{Clock, Passport};
use tokio::sync::oneshot;

use crate::chain::Chain;
use crate::record::{Record, Refusal};

/// Says to who waits whether its record is kept.
pub(crate) type Reply = oneshot::Sender<Result<(), AuditError>>;

/// One thing to write.
#[derive(Debug)]
pub(crate) enum Item {
    Signed {
        entry: Arc<Entry>,
        passport: Passport,
        reply: Option<Reply>,
    },
    Refused(Box<Refusal<'static>>),
    Finished(Finished),
    /// A record of the log's owner, or of what the service goes by, which is not waited for.
    Note {
        record: Box<Record<'static>>,
        reply: Option<Reply>,
    },
    /// The last: the writer ends in order.
    Close(Reply),
}

impl Item {
    /// Whether an operation, or the owner of the log, waits for it.
    fn is_awaited(&self) -> bool {
        match self {
            Self::Signed { reply, .. } | Self::Note { reply, .. } => reply.is_some(),
            Self::Refused(_) | Self::Finished(_) => false,
            Self::Close(_) => true,
        }
    }

    /// Whether files are deleted once it is kept.
    pub(crate) fn removes(&self) -> bool {
        matches!(self, Self::Note { record, .. } if matches!(record.as_ref(), Record::Removed { .. }))
    }
}

/// How many of each kind were not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) signed: u64,
    pub(crate) refused: u64,
    pub(crate) finished: u64,
}

impl Lost {
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.signed = self.signed.saturating_add(other.signed);
        self.refused = self.refused.saturating_add(other.refused);
        self.finished = self.finished.saturating_add(other.finished);
    }

    /// The record that says so, where something was lost.
    pub(crate) fn append(
        self,
        chain: &mut Chain,
        lines: &mut Vec<u8>,
        at: u64,
    ) -> Result<(), serde_json::Error> {
        if self.is_none() {
            return Ok(());
        }
        let Self { signed, refused, finished } = self;
        chain.append(lines, at, Record::Lost { finished, refused, signed })
    }

    /// Says so where no record can: the log has ended.
    pub(crate) fn tell(self) {
        if !self.is_none() {
            let Self { signed, refused, finished } = self;
            tracing::error!(signed, refused, finished, "audit log ended, and these are not in it");
        }
    }
}

/// Most that may wait, of each kind: strangers cause refusals, so these never take the room of operations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) signed: usize,
    pub(crate) refused: usize,
    pub(crate) finished: usize,
}

impl Room {
    fn least(self) -> usize {
        self.signed.min(self.refused).min(self.finished)
    }
}

/// How long the writer waits for more that one sync could answer.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// What is not waited for, for what is: a loss of power takes so much of the ends of operations.
    alone: Duration,
    /// For one more of those who waited for the last write, whatever that took.
    gap: Duration,
}

#[derive(Debug)]
pub(crate) struct Queue {
    room: Room,
    clock: Arc<dyn Clock>,
    pace: Pace,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    signed: usize,
    refused: usize,
    finished: usize,
    /// Records of the log's owner, also such as are not waited for any more.
    notes: usize,
    /// Items that an operation waits for.
    awaited: usize,
    lost: Lost,
    closed: bool,
    /// When the writer wants to be woken.
    call: Call,
    /// What was taken last.
    last: Last,
}

/// So many items, or so many that are waited for.
#[derive(Debug, Clone, Copy)]
struct Call {
    items: usize,
    awaited: usize,
}

impl Default for Call {
    fn default() -> Self {
        Self { items: 1, awaited: 1 }
    }
}

/// How many waited for the last write, and since when it runs.
#[derive(Debug, Default)]
struct Last {
    awaited: usize,
    taken: Option<SystemTime>,
}

/// There is no room, or no writer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Full,
    Closed,
}

impl Queue {
    pub(crate) fn new(room: Room, clock: Arc<dyn Clock>) -> Self {
        Self { room, clock, pace: PACE, waiting: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts `item` at the end. What does not fit and is not waited for is counted as lost; what comes after the end is not.
    pub(crate) fn put(&self, item: Item) -> Result<(), NotTaken> {
        let mut waiting = self.waiting();
        let now = &mut *waiting;
        let one = |signed, refused, finished| Lost { signed, refused, finished };
        let (count, room, lost) = match &item {
            Item::Signed { reply: Some(_), .. } => (&mut now.signed, self.room.signed, one(0, 0, 0)),
            Item::Signed { reply: None, .. } => (&mut now.signed, self.room.signed, one(1, 0, 0)),
            Item::Refused(_) => (&mut now.refused, self.room.refused, one(0, 1, 0)),
            Item::Finished(_) => (&mut now.finished, self.room.finished, one(0, 0, 1)),
            Item::Note { .. } => (&mut now.notes, self.room.signed, one(0, 0, 0)),
            Item::Close(_) => (&mut 0, 1, one(0, 0, 0)),
        };
        if now.closed {
            return Err(NotTaken::Closed);
        }
        if *count >= room {
            now.lost.add(lost);
            return Err(NotTaken::Full);
        }
        *count += 1;
        now.closed = matches!(item, Item::Close(_));
        now.awaited += usize::from(item.is_awaited());
        now.items.push_back(item);
        let called = now.items.len() >= now.call.items || now.awaited >= now.call.awaited || now.closed;
        drop(waiting);
        if called {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Counts a refusal that is not put.
    pub(crate) fn lose_refusal(&self) -> Result<(), NotTaken> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        waiting.lost.add(Lost { refused: 1, ..Lost::default() });
        Ok(())
    }

    /// Takes up to `most` items; none when nothing came for so long.
    ///
    /// What is waited for is taken as soon as those are back who waited for the last write: otherwise the first of them would
    /// have a sync to itself, and all others would wait for two. What is not waited for goes with what is, and comes alone only
    /// after a while.
    pub(crate) fn take(&self, most: usize, wait: Duration) -> (Vec<Item>, Lost) {
        let mut waiting = self.waiting();
        let last = std::mem::take(&mut waiting.last);
        let took = last.taken.and_then(|taken| self.clock.now().duration_since(taken).ok());
        let expected = last.awaited.saturating_add(waiting.awaited);
        waiting = self.until(waiting, Call::default(), wait);
        if waiting.awaited == 0 && !waiting.items.is_empty() {
            // While it waits here there has to be room for more.
            let items = (most / 4).min(self.room.least() / 2).max(1);
            waiting = self.until(waiting, Call { items, awaited: 1 }, self.pace.alone);
        }
        let gap = (took.unwrap_or_default() / GAPS).min(self.pace.gap);
        let all = Call { items: most, awaited: expected.min(most) };
        for _gap in 0..GAPS / 2 {
            let before = waiting.awaited;
            if before == 0 || before >= all.awaited {
                break;
            }
            waiting = self.until(waiting, all, gap);
            if waiting.awaited == before {
                break;
            }
        }
        waiting.call = Call::default();
        let count = waiting.items.len().min(most);
        let items: Vec<Item> = waiting.items.drain(..count).collect();
        for item in &items {
            match item {
                Item::Signed { .. } => waiting.signed -= 1,
                Item::Refused(_) => waiting.refused -= 1,
                Item::Finished(_) => waiting.finished -= 1,
                Item::Note { .. } => waiting.notes -= 1,
                Item::Close(_) => {}
            }
        }
        let awaited = items.iter().filter(|item| item.is_awaited()).count();
        waiting.awaited -= awaited;
        waiting.last = Last { awaited, taken: Some(self.clock.now()) };
        (items, std::mem::take(&mut waiting.lost))
    }

    /// Waits until `call` is met, the log is closed, or so long.
    fn until<'it>(
        &self,
        mut waiting: MutexGuard<'it, Waiting>,
        call: Call,
        wait: Duration,
    ) -> MutexGuard<'it, Waiting> {
        waiting.call = call;
        let short = |it: &mut Waiting| it.items.len() < call.items && it.awaited < call.awaited && !it.closed;
        let waited = self.changed.wait_timeout_while(waiting, wait, short);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Takes nothing more, and lets go of all that waits: those who wait hear that the log is closed, and the rest is lost.
    pub(crate) fn abandon(&self) -> Lost {
        let (items, mut lost) = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            (std::mem::take(&mut waiting.items), std::mem::take(&mut waiting.lost))
        };
        for item in items {
            match item {
                Item::Signed { reply: None, .. } => lost.signed += 1,
                Item::Refused(_) => lost.refused += 1,
                Item::Finished(_) => lost.finished += 1,
                Item::Signed { .. } | Item::Note { .. } | Item::Close(_) => {}
            }
        }
        lost
    }

    /// Nothing in it is half done when a thread panics.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets all who wait go when the thread ends, in order or in a panic of the signer or the clock: there is no writer any more.
#[derive(Debug)]
pub(crate) struct Gone(pub(crate) Arc<Queue>);

impl Drop for Gone {
    fn drop(&mut self) {
        // Where it ended in order nothing waits any more.
        self.0.abandon().tell();
        if std::thread::panicking() {
            tracing::error!("audit log has stopped: its thread panicked");
        }
    }
}

/// A writer waits for those who are missing until none came for this part of the last write, and never for half of it.
const GAPS: u32 = 16;
const PACE: Pace = Pace { alone: Duration::from_millis(10), gap: Duration::from_millis(1) };

#[cfg(test)]
#[path = "tests/queue.rs"]
mod tests;
