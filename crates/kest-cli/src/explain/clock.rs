//! A time at which the request came: all steps are judged by it.

use std::time::{Duration, SystemTime};

use kest_core::Clock;

/// A clock that shows one time.
#[derive(Debug)]
pub(super) struct StoodStill(SystemTime);

impl StoodStill {
    /// At this second since 1970; far ahead where the machine has no such time.
    pub(super) fn at(seconds: u64) -> Self {
        let since = Duration::from_secs(seconds.min(LAST));
        Self(SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH))
    }
}

impl Clock for StoodStill {
    fn now(&self) -> SystemTime {
        self.0
    }
}

/// The end of the year 9999, behind which no library can write a time.
const LAST: u64 = 253_402_300_799;
