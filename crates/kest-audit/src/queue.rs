//! What waits to be written: bounded, in order, and with a count of what did not fit.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kest_core::Passport;
use kest_core::audit::{AuditError, Finished};
use kest_core::entry::Entry;
use tokio::sync::oneshot;

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
    /// A record of the log's owner.
    Note {
        record: Box<Record<'static>>,
        reply: Reply,
    },
    /// The last: the writer ends in order.
    Close(Reply),
}

impl Item {
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
}

/// Most that may wait, of each kind: strangers cause refusals, so these never take the room of operations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) signed: usize,
    pub(crate) refused: usize,
    pub(crate) finished: usize,
}

#[derive(Debug)]
pub(crate) struct Queue {
    room: Room,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    signed: usize,
    refused: usize,
    finished: usize,
    lost: Lost,
    closed: bool,
}

/// There is no room, or no writer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Full,
    Closed,
}

impl Queue {
    pub(crate) fn new(room: Room) -> Self {
        Self { room, waiting: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts `item` at the end. What does not fit and is not waited for is counted as lost.
    pub(crate) fn put(&self, item: Item) -> Result<(), NotTaken> {
        let mut waiting = self.waiting();
        let now = &mut *waiting;
        let one = |signed, refused, finished| Lost { signed, refused, finished };
        let (count, room, lost) = match &item {
            Item::Signed { reply: Some(_), .. } => (&mut now.signed, self.room.signed, one(0, 0, 0)),
            Item::Signed { reply: None, .. } => (&mut now.signed, self.room.signed, one(1, 0, 0)),
            Item::Refused(_) => (&mut now.refused, self.room.refused, one(0, 1, 0)),
            Item::Finished(_) => (&mut now.finished, self.room.finished, one(0, 0, 1)),
            Item::Note { .. } | Item::Close(_) => (&mut 0, 1, one(0, 0, 0)),
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
        now.items.push_back(item);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Counts a refusal that is not put.
    pub(crate) fn lose_refusal(&self) {
        self.waiting().lost.add(Lost { refused: 1, ..Lost::default() });
    }

    /// Takes up to `most` items, as soon as there is one; none when nothing came for so long.
    pub(crate) fn take(&self, most: usize, wait: Duration) -> (Vec<Item>, Lost) {
        let waiting = self.waiting();
        let empty = |waiting: &mut Waiting| waiting.items.is_empty();
        let waited = self.changed.wait_timeout_while(waiting, wait, empty);
        let (mut waiting, _timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let count = waiting.items.len().min(most);
        let items: Vec<Item> = waiting.items.drain(..count).collect();
        for item in &items {
            match item {
                Item::Signed { .. } => waiting.signed -= 1,
                Item::Refused(_) => waiting.refused -= 1,
                Item::Finished(_) => waiting.finished -= 1,
                Item::Note { .. } | Item::Close(_) => {}
            }
        }
        (items, std::mem::take(&mut waiting.lost))
    }

    /// Takes nothing more, and lets go of all that waits: those who wait hear that the log is closed.
    pub(crate) fn abandon(&self) {
        let waiting = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            std::mem::take(&mut waiting.items)
        };
        drop(waiting);
    }

    /// Nothing in it is half done when a thread panics.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
