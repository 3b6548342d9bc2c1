//! Decides how often a value is fetched, how long it is used, and how long a request waits for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest_core::{Limits, OsRandom, Random};

/// How often a value is fetched and how long it is used.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) refresh_every: Duration,
    pub(crate) serve_stale_for: Duration,
    pub(super) cool_down: Duration,
    pub(super) fetch_wait: Duration,
    pub(super) key_wait: Duration,
    pub(super) waiters: usize,
    pub(super) ids_unknown: u64,
    random: Arc<dyn Random>,
}

impl Schedule {
    pub(crate) fn new(refresh_every: Duration, serve_stale_for: Duration, limits: &Limits) -> Self {
        Self {
            refresh_every,
            serve_stale_for,
            cool_down: limits.key_fetch_cool_down,
            fetch_wait: limits.key_fetch_wait,
            key_wait: limits.key_wait,
            waiters: limits.key_waiters,
            ids_unknown: limits.key_ids_unknown,
            random: Arc::new(OsRandom),
        }
    }

    /// Where jitter comes from; the operating system by default.
    #[must_use]
    pub(crate) fn with_random(self, random: Arc<dyn Random>) -> Self {
        Self { random, ..self }
    }

    /// How long a value is fresh that was fetched just now.
    pub(super) fn next_refresh(&self) -> Duration {
        self.jittered(self.refresh_every)
    }

    /// How long to leave the publisher alone after so many refreshes failed: twice as long each time, up to a tenth of the
    /// period, so that an outage is neither hammered at nor slept through.
    pub(super) fn retry_after(&self, failures: u32) -> Duration {
        let first = self.cool_down.max(SHORTEST_PAUSE);
        let longest = (self.refresh_every / TENTH).max(first);
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.jittered(first.saturating_mul(doubled).min(longest)).max(SHORTEST_PAUSE)
    }

    /// Up to a tenth earlier than `period` and never later, so that replicas do not ask in step.
    fn jittered(&self, period: Duration) -> Duration {
        let mut share = [0; 2];
        // Without randomness punctual: jitter is a courtesy to the publisher, not a protection.
        if self.random.fill(&mut share).is_err() {
            return period;
        }
        let share = u32::from(u16::from_be_bytes(share));
        let most = period / TENTH;
        period.saturating_sub(most.saturating_mul(share) / u32::from(u16::MAX))
    }
}

/// What is left of `period` that began at `then`; nothing, when the clock was set back since.
pub(super) fn left(period: Duration, then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).map_or(Duration::ZERO, |age| period.saturating_sub(age))
}

/// The floor that keeps a zero setting from spinning.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const TENTH: u32 = 10;

#[cfg(test)]
mod tests {
    use kest_core::RandomError;

    use super::*;

    #[derive(Debug)]
    struct Fixed(Option<u8>);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(self.0.ok_or_else(|| RandomError::new("none"))?);
            Ok(())
        }
    }

    fn schedule(byte: Option<u8>) -> Schedule {
        let (period, stale) = (Duration::from_secs(300), Duration::from_secs(3600));
        Schedule::new(period, stale, &Limits::default()).with_random(Arc::new(Fixed(byte)))
    }

    #[test]
    fn jitter_is_a_tenth_at_most_and_never_late() {
        assert_eq!(schedule(Some(0)).next_refresh(), Duration::from_secs(300));
        assert_eq!(schedule(Some(0xff)).next_refresh(), Duration::from_secs(270));
        let half = schedule(Some(0x80)).next_refresh();
        assert!(half > Duration::from_secs(284) && half < Duration::from_secs(286), "{half:?}");
        assert_eq!(schedule(None).next_refresh(), Duration::from_secs(300));
    }

    #[test]
    fn retries_slow_down_to_a_tenth_of_the_period() {
        let seconds = |failures| schedule(Some(0)).retry_after(failures).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 7, u32::MAX].map(seconds), [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(schedule(Some(0xff)).retry_after(u32::MAX).as_secs(), 27);
    }

    #[test]
    fn without_any_cool_down_a_failing_publisher_is_still_left_alone_for_a_moment() {
        let mut limits = Limits::default();
        limits.key_fetch_cool_down = Duration::ZERO;
        let schedule = Schedule::new(Duration::from_millis(1), Duration::from_secs(1), &limits);
        assert!(schedule.retry_after(1) >= SHORTEST_PAUSE);
    }
}
