//! Time that a test owns: a clock that moves when it is told to, and one that goes with tokio's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use kest_core::Clock;
use tokio::time::Instant;

/// A clock that stands still until a test moves it. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use kest_core::Clock as _;
/// use kest_testkit::TestClock;
///
/// let clock = TestClock::default();
/// assert_eq!(clock.unix_seconds(), TestClock::START);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.unix_seconds(), TestClock::START + 60);
/// ```
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// Where a clock stands of which nothing else was said: 2026-01-01T00:00:00Z, in seconds since 1970.
    pub const START: u64 = 1_767_225_600;

    /// A clock that shows this many seconds since 1970.
    #[must_use]
    pub fn at(unix_seconds: u64) -> Self {
        Self::at_millis(unix_seconds.saturating_mul(1000))
    }

    /// A clock that shows this many milliseconds since 1970.
    #[must_use]
    pub fn at_millis(unix_millis: u64) -> Self {
        Self(Arc::new(AtomicU64::new(unix_millis)))
    }

    /// A clock that begins where `other` stands now.
    #[must_use]
    pub fn of(other: &dyn Clock) -> Self {
        Self::at_millis(other.unix_millis())
    }

    /// Shows this many seconds since 1970.
    pub fn set(&self, unix_seconds: u64) {
        self.0.store(unix_seconds.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        self.move_by(by, u64::saturating_add);
    }

    /// Moves back, as clocks of machines do.
    pub fn turn_back(&self, by: Duration) {
        self.move_by(by, u64::saturating_sub);
    }

    /// The time that it will show after so long.
    #[must_use]
    pub fn after(&self, time: Duration) -> SystemTime {
        self.now() + time
    }

    fn move_by(&self, by: Duration, how: fn(u64, u64) -> u64) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let moved = |now| Some(how(now, by));
        // It is always moved, so there is no other case.
        let _before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::at(Self::START)
    }
}

impl From<SystemTime> for TestClock {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::at_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Wall-clock time that goes on: in step with tokio's, which a test may pause and advance. Clones show the same time.
#[derive(Debug, Clone)]
pub struct RuntimeClock {
    begun: Instant,
    start: SystemTime,
    ahead: Arc<AtomicU64>,
}

impl RuntimeClock {
    /// A clock that showed this many seconds since 1970 at `begun`, which is now by the clock of tokio, as a rule.
    #[must_use]
    pub fn new(unix_seconds: u64, begun: Instant) -> Self {
        Self::starting(SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds), begun)
    }

    /// A clock that showed `start` at `begun`: the time of the machine, where others in the test go by that.
    #[must_use]
    pub fn starting(start: SystemTime, begun: Instant) -> Self {
        Self { begun, start, ahead: Arc::default() }
    }

    /// Sets it ahead, while it goes on.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> SystemTime {
        self.start + self.begun.elapsed() + Duration::from_millis(self.ahead.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_moves_when_it_is_told_to_and_clones_move_along() {
        let clock = TestClock::at(100);
        let same = clock.clone();
        clock.advance(Duration::from_millis(1500));
        assert_eq!(same.unix_millis(), 101_500);
        same.turn_back(Duration::from_secs(200));
        assert_eq!(clock.unix_millis(), 0, "time does not begin before 1970");
        clock.set(7);
        assert_eq!((same.unix_seconds(), TestClock::of(&same).unix_seconds()), (7, 7));
        assert_eq!(TestClock::from(clock.after(Duration::from_secs(3))).unix_seconds(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn runtime_clock_goes_with_the_runtime() {
        let clock = RuntimeClock::new(1000, Instant::now());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.unix_seconds(), 1005);
        clock.clone().advance(Duration::from_secs(60));
        assert_eq!(clock.unix_seconds(), 1065);
    }
}
