//! Lets a bounded number of commands through, and bounds how many wait and how long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::{CommandError, telemetry};

/// Permits for commands under way.
#[derive(Debug)]
pub(crate) struct Gate {
    permits: Semaphore,
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    most_waiting: usize,
    wait: Duration,
}

impl Gate {
    pub(crate) fn new(in_flight: usize, waiting: usize, wait: Duration) -> Self {
        Self {
            permits: Semaphore::new(in_flight),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            most_waiting: waiting,
            wait,
        }
    }

    /// A permit, after the queue time at the latest. It is given back when it is dropped, and so is the place in the
    /// queue when the caller goes away.
    pub(crate) async fn enter(&self) -> Result<Permit<'_>, CommandError> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(self.passed(permit));
        }
        let place = Counted::up(&self.waiting, telemetry::waiting);
        if place.before >= self.most_waiting {
            return Err(CommandError::Busy);
        }
        match timeout(self.wait, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(self.passed(permit)),
            Ok(Err(_never_closed)) => Err(CommandError::Busy),
            Err(_elapsed) => Err(CommandError::Busy),
        }
    }

    fn passed<'it>(&'it self, permit: SemaphorePermit<'it>) -> Permit<'it> {
        Permit { _counted: Counted::up(&self.in_flight, telemetry::in_flight), _permit: permit }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// The right to have one command under way.
#[derive(Debug)]
pub(crate) struct Permit<'it> {
    _counted: Counted<'it>,
    _permit: SemaphorePermit<'it>,
}

/// One more, until it is dropped.
#[derive(Debug)]
struct Counted<'it> {
    count: &'it AtomicUsize,
    before: usize,
    tell: fn(f64),
}

impl<'it> Counted<'it> {
    fn up(count: &'it AtomicUsize, tell: fn(f64)) -> Self {
        tell(1.0);
        Self { before: count.fetch_add(1, Ordering::Relaxed), count, tell }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        (self.tell)(-1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn over_the_bound_a_command_waits_and_is_refused() {
        let gate = Gate::new(1, 1, Duration::from_millis(100));
        let permit = gate.enter().await.unwrap();
        let began = tokio::time::Instant::now();
        assert!(matches!(gate.enter().await, Err(CommandError::Busy)));
        assert_eq!(began.elapsed().as_millis(), 100);
        assert_eq!((gate.in_flight(), gate.waiting()), (1, 0));
        drop(permit);
        assert!(gate.enter().await.is_ok());
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_at_once_and_a_caller_who_left_keeps_no_place() {
        let gate = Gate::new(1, 1, Duration::from_millis(100));
        let permit = gate.enter().await.unwrap();
        let mut waiter = Box::pin(gate.enter());
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(
                waiter.as_mut().poll(context).is_pending()
            ))
            .await
        );
        let began = tokio::time::Instant::now();
        assert!(matches!(gate.enter().await, Err(CommandError::Busy)));
        assert_eq!((began.elapsed().as_millis(), gate.waiting()), (0, 1));
        drop(waiter);
        assert_eq!(gate.waiting(), 0);
        drop(permit);
        assert!(gate.enter().await.is_ok());
    }
}
