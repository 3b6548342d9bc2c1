//! When a key ends: what was issued later does not hold under it.

use std::fmt;

/// The last second in which a key may have signed, counted from 1970: the member `not_after` of a key in a trust bundle.
///
/// What was issued before keeps holding, so that a key can be retired while passports that it signed are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotAfter(u64);

impl NotAfter {
    /// Reads seconds since 1970, as RFC 7519 section 2 counts them.
    ///
    /// # Errors
    ///
    /// [`NotATime`] beyond the year 9999: that is milliseconds, and the key would never end.
    pub fn from_unix_seconds(seconds: u64) -> Result<Self, NotATime> {
        if seconds <= LAST_SECOND { Ok(Self(seconds)) } else { Err(NotATime) }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0
    }

    /// Whether it lies before this moment, in milliseconds since 1970.
    #[must_use]
    pub fn has_passed(self, unix_millis: u64) -> bool {
        unix_millis > self.0.saturating_mul(1000)
    }

    /// Whether what was issued then, in milliseconds since 1970, was issued in time.
    pub(crate) fn admits(self, issued: i64) -> bool {
        u64::try_from(issued).is_ok_and(|issued| !self.has_passed(issued))
    }
}

impl fmt::Display for NotAfter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A number is no time in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not_after is not a time in seconds")]
pub struct NotATime;

/// The end of the year 9999, beyond which RFC 3339 has no spelling.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_moment_is_in_time_and_the_next_is_not() {
        let end = NotAfter::from_unix_seconds(100).unwrap();
        assert!(end.admits(100_000) && end.admits(0));
        assert!(!end.admits(100_001) && !end.admits(i64::MAX));
        assert!(!end.has_passed(100_000) && end.has_passed(100_001));
    }

    #[test]
    fn time_before_1970_is_never_in_time() {
        assert!(!NotAfter::from_unix_seconds(100).unwrap().admits(-1));
    }

    #[test]
    fn milliseconds_are_not_taken_for_seconds() {
        assert_eq!(NotAfter::from_unix_seconds(1_795_000_000_000), Err(NotATime));
        assert!(NotAfter::from_unix_seconds(LAST_SECOND).is_ok());
    }
}
