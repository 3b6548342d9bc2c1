//! How long to wait before the next attempt to connect.

use std::time::Duration;

use kest_core::{OsRandom, Random};

/// Doubles from 50 ms to 2 s, and cuts off up to a quarter by chance, so that many replicas do not come at once.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    pub(crate) fn reset(&mut self) {
        self.0 = FIRST;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = wait.saturating_mul(2).min(LAST);
        let mut chance = [0_u8];
        match OsRandom.fill(&mut chance) {
            Ok(()) => wait.saturating_sub(wait / 1024 * u32::from(u8::from_be_bytes(chance))),
            Err(_no_chance) => wait,
        }
    }
}

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_to_two_seconds_and_begins_anew() {
        let mut backoff = Backoff::new();
        for most in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let wait = backoff.next();
            assert!(
                wait <= Duration::from_millis(most) && wait >= Duration::from_millis(most * 3 / 4),
                "{wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
