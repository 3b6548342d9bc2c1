//! A clock that moves only when a test moves it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use kest_core::{Clock, SystemClock};

/// Starts on 2026-01-01 and stands still.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_767_225_600_000))
    }
}

/// When this process began, in milliseconds since 1970: what is forged is dated then, so that it is fresh for services
/// that read the system's clock, and the same in every part of a test.
pub fn begun() -> u64 {
    static BEGUN: LazyLock<u64> = LazyLock::new(|| SystemClock.unix_millis());
    *BEGUN
}

impl ManualClock {
    /// Stands still where this process began.
    pub fn of_today() -> Self {
        Self(AtomicU64::new(begun()))
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}
