//! The time at which the suite's forged lineages are signed.

use std::sync::LazyLock;

use kest_core::{Clock as _, SystemClock};
use kest_testkit::TestClock;

/// When this process began, in milliseconds since 1970: what is forged is dated then, so that it is fresh for services
/// that read the system's clock, and the same in every part of a test.
pub fn begun() -> u64 {
    static BEGUN: LazyLock<u64> = LazyLock::new(|| SystemClock.unix_millis());
    *BEGUN
}

/// A clock that stands still where this process began.
pub fn today() -> TestClock {
    TestClock::at_millis(begun())
}
