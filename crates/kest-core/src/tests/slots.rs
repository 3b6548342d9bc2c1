//! Who gets a slot, who waits, and what is given back.

use std::task::Waker;

use super::*;

fn share(name: &str) -> Share {
    Share::of_key(name)
}

/// Polls once.
fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn entered<F: Future<Output = Result<Slot, NoSlot>> + ?Sized>(future: &mut Pin<Box<F>>) -> Slot {
    match poll(future) {
        Poll::Ready(slot) => slot.unwrap(),
        Poll::Pending => panic!("waits"),
    }
}

/// Attack: one caller sends so much that all slots and the whole queue would be its own.
#[test]
fn one_caller_takes_half_of_slots_and_queue_and_others_go_on() {
    let slots = Slots::new(4, 8);
    let flood: Vec<_> = (0..2).map(|_| slots.try_enter(share("flood")).unwrap()).collect();
    let mut queued: Vec<_> = (0..4).map(|_| Box::pin(slots.enter(share("flood")))).collect();
    assert!(queued.iter_mut().all(|entering| poll(entering).is_pending()));
    let refused = poll(&mut Box::pin(slots.enter(share("flood"))));
    assert!(matches!(refused, Poll::Ready(Err(NoSlot::ShareUsedUp))));
    assert_eq!((slots.taken(), slots.waiting()), (2, 4));

    let good = entered(&mut Box::pin(slots.enter(share("good"))));
    let other = slots.try_enter(share("other")).unwrap();
    let mut waits = Box::pin(slots.enter(share("third")));
    assert!(poll(&mut waits).is_pending());
    drop(good);
    let third = entered(&mut waits);
    assert!(queued.iter_mut().all(|entering| poll(entering).is_pending()));
    drop((flood, other, third));
    let served: Vec<_> = queued.iter_mut().map(poll).filter(Poll::is_ready).collect();
    assert_eq!(served.len(), 2, "its own part and no more");
}

#[test]
fn free_slot_goes_to_the_caller_with_the_fewest() {
    let slots = Slots::new(4, 8);
    let mut held = vec![slots.try_enter(share("busy")).unwrap()];
    held.extend((0..2).map(|_| slots.try_enter(share("other")).unwrap()));
    let last = slots.try_enter(share("last")).unwrap();
    let mut first_in_queue = Box::pin(slots.enter(share("busy")));
    let mut newcomer = Box::pin(slots.enter(share("new")));
    assert!(poll(&mut first_in_queue).is_pending());
    assert!(poll(&mut newcomer).is_pending());
    drop(last);
    let _new = entered(&mut newcomer);
    assert!(poll(&mut first_in_queue).is_pending());
    drop(held);
    let _busy = entered(&mut first_in_queue);
}

#[test]
fn crowd_without_a_flooder_is_told_that_all_is_full() {
    let slots = Slots::new(2, 2);
    let _held: Vec<_> = ["a", "b"].map(|name| slots.try_enter(share(name)).unwrap()).into();
    let mut waiting: Vec<_> = ["c", "d"].map(|name| Box::pin(slots.enter(share(name)))).into();
    assert!(waiting.iter_mut().all(|entering| poll(entering).is_pending()));
    let refused = poll(&mut Box::pin(slots.enter(share("e"))));
    assert!(matches!(refused, Poll::Ready(Err(NoSlot::Full))));
    assert_eq!(Slots::new(1, 0).try_enter(share("a")).map(drop), Ok(()));
}

/// Attack: callers that hang up while they wait, or in the moment in which they are served.
#[test]
fn caller_that_hangs_up_leaves_nothing_taken() {
    let slots = Slots::new(1, 4);
    let held = slots.try_enter(share("a")).unwrap();
    let mut gone = Box::pin(slots.enter(share("b")));
    let mut served = Box::pin(slots.enter(share("c")));
    assert!(poll(&mut gone).is_pending());
    assert!(poll(&mut served).is_pending());
    drop(gone);
    assert_eq!(slots.waiting(), 1);
    drop(held);
    assert_eq!(slots.taken(), 1, "it is promised");
    drop(served);
    assert_eq!((slots.taken(), slots.waiting()), (0, 0));
    let _next = slots.try_enter(share("d")).unwrap();
    assert!(slots.0.lock().granted.is_empty());
}
