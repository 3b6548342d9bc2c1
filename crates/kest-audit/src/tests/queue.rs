//! Who is waited for by one write, and who holds up no other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Instant;

use super::*;

/// Each look at it is an hour later: every write took long.
#[derive(Debug, Default)]
struct Hours(AtomicU64);

impl Clock for Hours {
    fn now(&self) -> SystemTime {
        let hours = self.0.fetch_add(1, Ordering::Relaxed);
        SystemTime::UNIX_EPOCH + Duration::from_secs(3600 * hours)
    }
}

fn queue(pace: Pace) -> Arc<Queue> {
    let room = Room { signed: 8, refused: 8, finished: 8 };
    Arc::new(Queue { pace, ..Queue::new(room, Arc::new(Hours::default())) })
}

fn refused() -> Item {
    Item::Refused(Box::default())
}

fn awaited() -> Item {
    Item::Note { record: Box::new(Record::End {}), reply: Some(oneshot::channel().0) }
}

/// A writer that takes what waits, as often as something does.
struct Taker {
    queue: Arc<Queue>,
    took: Receiver<usize>,
}

impl Taker {
    fn of(queue: &Arc<Queue>) -> Self {
        let (say, took) = mpsc::channel();
        let taking = Arc::clone(queue);
        std::thread::spawn(move || say.send(taking.take(BATCH, FOR_EVER).0.len()));
        Self { queue: Arc::clone(queue), took }
    }

    /// Until it wants to be woken by another call than the first of all.
    #[track_caller]
    fn waits_for_more(&self) {
        let waits = |call: Call| (call.items, call.awaited) != (1, 1);
        while !waits(self.queue.waiting().call) {
            let early = self.took.try_recv();
            assert_eq!(early, Err(TryRecvError::Empty), "it does not wait");
            std::thread::yield_now();
        }
    }

    #[track_caller]
    fn took(&self) -> usize {
        self.took.recv_timeout(FOR_EVER / 20).expect("it waits on")
    }
}

const BATCH: usize = 100;
const FOR_EVER: Duration = Duration::from_secs(600);

#[test]
fn those_who_waited_for_one_write_wait_for_the_next_one_together() {
    let queue = queue(Pace { alone: FOR_EVER, gap: FOR_EVER });
    queue.put(awaited()).unwrap();
    queue.put(awaited()).unwrap();
    assert_eq!(queue.take(BATCH, FOR_EVER).0.len(), 2);
    let next = Taker::of(&queue);
    // The writer is back, and they are not yet.
    while queue.waiting().last.taken.is_some() {
        std::thread::yield_now();
    }
    queue.put(awaited()).unwrap();
    next.waits_for_more();
    queue.put(awaited()).unwrap();
    assert_eq!(next.took(), 2);
}

#[test]
fn one_who_does_not_come_back_holds_up_no_others() {
    let quick = queue(Pace { alone: FOR_EVER, gap: Duration::from_millis(1) });
    for comes in [2, 1] {
        (0..comes).for_each(|_| quick.put(awaited()).unwrap());
        assert_eq!(Taker::of(&quick).took(), comes);
    }
    // One gap in which none comes is enough: the others would be waited for in vain.
    let gap = Duration::from_secs(2);
    let slow = queue(Pace { alone: FOR_EVER, gap });
    for comes in [2, 1] {
        (0..comes).for_each(|_| slow.put(awaited()).unwrap());
        let begun = Instant::now();
        assert_eq!(slow.take(BATCH, FOR_EVER).0.len(), comes);
        assert!(begun.elapsed() < gap * (GAPS / 2), "{:?}", begun.elapsed());
    }
}

/// A refusal, or the end of an operation, has no sync to itself, which the next operation would wait for.
#[test]
fn what_is_not_waited_for_goes_with_what_is() {
    let queue = queue(Pace { alone: FOR_EVER, gap: FOR_EVER });
    let next = Taker::of(&queue);
    queue.put(refused()).unwrap();
    next.waits_for_more();
    queue.put(awaited()).unwrap();
    assert_eq!(next.took(), 2);
}

#[test]
fn end_of_the_log_waits_for_no_more() {
    let queue = queue(Pace { alone: FOR_EVER, gap: FOR_EVER });
    (0..3).for_each(|_| queue.put(awaited()).unwrap());
    assert_eq!(Taker::of(&queue).took(), 3);
    let next = Taker::of(&queue);
    while queue.waiting().last.taken.is_some() {
        std::thread::yield_now();
    }
    queue.put(awaited()).unwrap();
    next.waits_for_more();
    // The third of them does not come back.
    queue.put(Item::Close(oneshot::channel().0)).unwrap();
    assert_eq!(next.took(), 2);
}

/// Failure: a burst that has no room is lost while the writer waits for more to come.
#[test]
fn writer_is_woken_before_there_is_no_room() {
    let queue = queue(Pace { alone: FOR_EVER, gap: FOR_EVER });
    let next = Taker::of(&queue);
    queue.put(refused()).unwrap();
    next.waits_for_more();
    (0..3).for_each(|_| queue.put(refused()).unwrap());
    assert_eq!(next.took(), 4);
}

/// Attack: an owner that gives up waiting and asks again, of a log whose disk hangs, fills memory.
#[test]
fn records_of_the_owner_are_bounded_like_all_others() {
    let queue = queue(Pace { alone: FOR_EVER, gap: Duration::ZERO });
    (0..8).for_each(|_| queue.put(awaited()).unwrap());
    assert_eq!(queue.put(awaited()), Err(NotTaken::Full));
    queue.put(refused()).unwrap();
    assert_eq!(queue.take(4, FOR_EVER).0.len(), 4);
    (0..4).for_each(|_| queue.put(awaited()).unwrap());
    assert_eq!(queue.put(awaited()), Err(NotTaken::Full));
}
