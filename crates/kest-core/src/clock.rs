//! Tells the time; the only room of this crate that asks the machine for it.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Wall-clock time as the rest of the project sees it.
///
/// Taken as an argument everywhere so that a test owns time and a process can use a disciplined clock.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The current wall-clock time.
    fn now(&self) -> SystemTime;

    /// Whole milliseconds since 1970-01-01T00:00:00Z; 0 for a clock set before that.
    fn unix_millis(&self) -> u64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, the `NumericDate` of RFC 7519 section 2.
    fn unix_seconds(&self) -> u64 {
        self.unix_millis() / 1000
    }
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The clock of this crate's own tests: it stands still until it is moved. Everyone else's is `kest_testkit::TestClock`,
/// which cannot be used here, since the kit is built on another copy of this crate.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct TestClock(std::sync::Mutex<SystemTime>);

#[cfg(test)]
impl TestClock {
    pub(crate) fn at(time: SystemTime) -> Self {
        Self(std::sync::Mutex::new(time))
    }

    pub(crate) fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap() = time;
    }
}

#[cfg(test)]
impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}
