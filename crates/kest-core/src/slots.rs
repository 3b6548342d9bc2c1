//! A bounded number of slots for work, of which no caller takes more than a part.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::share::Share;

/// Slots that callers take, and a short queue for them.
///
/// One [`Share`] has at most half of the slots and half of the queue, rounded up. When a slot becomes free, the waiting
/// caller with the fewest slots gets it, and of equals the one that waits longest: the number of requests that a caller
/// sends does not buy it a place before others.
///
/// ```
/// use kest_core::{NoSlot, Share, Slots};
///
/// let slots = Slots::new(2, 0);
/// let (alice, bob) = (Share::of_user("https://id", "alice"), Share::of_user("https://id", "bob"));
/// let hers = slots.try_enter(alice)?;
/// assert_eq!(slots.try_enter(alice).unwrap_err(), NoSlot::ShareUsedUp);
/// let his = slots.try_enter(bob)?;
/// # drop((hers, his));
/// # Ok::<(), NoSlot>(())
/// ```
#[derive(Clone)]
pub struct Slots(Arc<Inner>);

struct Inner {
    slots: usize,
    queue: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Slots by share, those that were granted to a waiting caller included.
    taken: HashMap<Share, usize>,
    total: usize,
    waiting: VecDeque<Waiting>,
    /// Tickets whose caller was woken and has not taken its slot yet.
    granted: HashMap<u64, Share>,
    next_ticket: u64,
}

struct Waiting {
    ticket: u64,
    share: Share,
    waker: Option<Waker>,
}

/// No slot can be had, and the queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoSlot {
    /// All slots are taken and the queue is full.
    #[error("all slots are taken")]
    Full,
    /// The caller has its whole part of slots and queue; others go on.
    #[error("caller has used up its share of the slots")]
    ShareUsedUp,
}

impl Slots {
    /// `slots` to take, at least one, and a queue for `queue` callers.
    #[must_use]
    pub fn new(slots: usize, queue: usize) -> Self {
        Self(Arc::new(Inner { slots: slots.max(1), queue, state: Mutex::default() }))
    }

    /// The slots that all work of this process shares which would keep a processor from other requests: two for each
    /// processor, so that the part of one caller still keeps every processor busy, and a queue of 16 for each slot.
    #[must_use]
    pub fn of_process() -> Self {
        static OF_PROCESS: LazyLock<Slots> = LazyLock::new(|| {
            let slots = std::thread::available_parallelism().map_or(1, usize::from).saturating_mul(2);
            Slots::new(slots, slots.saturating_mul(QUEUE_FOR_EACH))
        });
        OF_PROCESS.clone()
    }

    /// A slot now, or none.
    ///
    /// # Errors
    ///
    /// [`NoSlot`], at once.
    pub fn try_enter(&self, share: Share) -> Result<Slot, NoSlot> {
        self.take(&mut self.0.lock(), share)
    }

    /// A slot as soon as it is this caller's turn. Dropping the future gives its place in the queue back.
    ///
    /// # Errors
    ///
    /// [`NoSlot`] at once, when the queue has no room for this caller.
    pub fn enter(&self, share: Share) -> impl Future<Output = Result<Slot, NoSlot>> + Send {
        let entering = self.take_or_queue(share);
        async move {
            match entering? {
                Entering::Slot(slot) => Ok(slot),
                Entering::Queued(queued) => Ok(queued.await),
            }
        }
    }

    /// How many slots are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.lock().total
    }

    /// How many callers wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    fn take(&self, state: &mut State, share: Share) -> Result<Slot, NoSlot> {
        if self.0.may_take(state, share) {
            state.take(share);
            return Ok(Slot { slots: self.clone(), share });
        }
        Err(if state.own(share) >= half(self.0.slots) { NoSlot::ShareUsedUp } else { NoSlot::Full })
    }

    fn take_or_queue(&self, share: Share) -> Result<Entering, NoSlot> {
        // One lock for both: a slot that is given back between them would be offered to an empty queue.
        let mut state = self.0.lock();
        let taken = match self.take(&mut state, share) {
            Ok(slot) => return Ok(Entering::Slot(slot)),
            Err(taken) => taken,
        };
        if self.0.queue == 0 {
            return Err(taken);
        }
        let own = state.waiting.iter().filter(|waiting| waiting.share == share).count();
        if own >= half(self.0.queue) {
            return Err(NoSlot::ShareUsedUp);
        }
        if state.waiting.len() >= self.0.queue {
            return Err(NoSlot::Full);
        }
        let ticket = state.next_ticket;
        state.next_ticket = ticket.wrapping_add(1);
        state.waiting.push_back(Waiting { ticket, share, waker: None });
        Ok(Entering::Queued(Queued { slots: self.clone(), share, ticket, is_over: false }))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock but wakers being dropped; a panic there leaves the counts right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_take(&self, state: &State, share: Share) -> bool {
        state.total < self.slots && state.own(share) < half(self.slots)
    }

    /// Gives a slot back and hands what is free to those who wait.
    fn release(&self, share: Share) {
        let mut state = self.lock();
        state.give_back(share);
        let mut woken = Vec::new();
        while let Some(next) = self.next(&state) {
            let Some(waiting) = state.waiting.remove(next) else { break };
            state.take(waiting.share);
            state.granted.insert(waiting.ticket, waiting.share);
            woken.extend(waiting.waker);
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whose turn it is, if a slot is free.
    fn next(&self, state: &State) -> Option<usize> {
        let eligible = state.waiting.iter().enumerate();
        let eligible = eligible.filter(|(_, waiting)| self.may_take(state, waiting.share));
        eligible.min_by_key(|(place, waiting)| (state.own(waiting.share), *place)).map(|(place, _)| place)
    }
}

impl State {
    fn own(&self, share: Share) -> usize {
        self.taken.get(&share).copied().unwrap_or_default()
    }

    fn take(&mut self, share: Share) {
        self.total = self.total.saturating_add(1);
        let own = self.taken.entry(share).or_default();
        *own = own.saturating_add(1);
    }

    fn give_back(&mut self, share: Share) {
        self.total = self.total.saturating_sub(1);
        if let Some(own) = self.taken.get_mut(&share) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.taken.remove(&share);
            }
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Slots")
            .field("slots", &self.0.slots)
            .field("taken", &self.taken())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// A slot that is taken until this is dropped: move it into the work, so that work which outlives its caller keeps it.
#[derive(Debug)]
#[must_use = "the slot is given back when this is dropped"]
pub struct Slot {
    slots: Slots,
    share: Share,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.0.release(self.share);
    }
}

enum Entering {
    Slot(Slot),
    Queued(Queued),
}

/// A place in the queue.
struct Queued {
    slots: Slots,
    share: Share,
    ticket: u64,
    is_over: bool,
}

impl Future for Queued {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Slot> {
        let slots = self.slots.clone();
        let mut state = slots.0.lock();
        if state.granted.remove(&self.ticket).is_some() {
            self.is_over = true;
            return Poll::Ready(Slot { slots: slots.clone(), share: self.share });
        }
        if let Some(waiting) = state.waiting.iter_mut().find(|waiting| waiting.ticket == self.ticket) {
            waiting.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.slots.0.lock();
        let was_granted = state.granted.remove(&self.ticket).is_some();
        state.waiting.retain(|waiting| waiting.ticket != self.ticket);
        drop(state);
        if was_granted {
            self.slots.0.release(self.share);
        }
    }
}

fn half(all: usize) -> usize {
    all.div_ceil(2)
}

/// At 40 ms for the longest passport, a caller at the end of the queue waits for about a second.
const QUEUE_FOR_EACH: usize = 16;

#[cfg(test)]
#[path = "tests/slots.rs"]
mod tests;
