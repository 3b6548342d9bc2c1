//! Ends a test, at the line that asked, where the kit cannot do what it was asked.

use std::fmt::Debug;

/// What a test helper may do and a service never: give up aloud.
pub(crate) trait OrFail<T> {
    /// The value, or the end of the test with what the kit was about to do.
    #[track_caller]
    fn or_fail(self, what: &str) -> T;
}

impl<T, E: Debug> OrFail<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => fail(&format!("{what}: {error:?}")),
        }
    }
}

impl<T> OrFail<T> for Option<T> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => fail(what),
        }
    }
}

/// Ends the test.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a test that cannot be set up, or that found a hole, must fail at its own line"
)]
pub(crate) fn fail(why: &str) -> ! {
    panic!("kest-testkit: {why}")
}
