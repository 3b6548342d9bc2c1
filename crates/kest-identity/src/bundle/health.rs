//! How a trust bundle is: for operators, and for the question whether passports can be judged at all.

use std::time::Duration;

use super::source::BundleSource;
use crate::refresh::Shared;

/// How a trust bundle is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleHealth {
    /// Keys of the bundle, those that have ended included.
    pub keys: usize,
    /// Its sequence, where its writer counts.
    pub sequence: Option<u64>,
    /// The time since it was asked for.
    pub age: Duration,
    /// How much longer it is used if it cannot be refreshed.
    pub serves_for: Duration,
    /// How many looks in a row have failed or brought a bundle that was not taken.
    pub consecutive_failures: u32,
    /// Why the last look brought none, as [`BundleFault::kind`](crate::BundleFault::kind) names it.
    pub last_error: Option<&'static str>,
}

impl BundleHealth {
    pub(super) fn of(shared: &Shared<BundleSource>) -> Self {
        let (now, schedule) = (shared.clock.now(), &shared.schedule);
        let current = shared.current.load();
        let snapshot = current.as_ref();
        // A clock that was set back makes the bundle due, and lets it age from then on.
        let age = snapshot.and_then(|snapshot| snapshot.age(now)).unwrap_or_default();
        let progress = shared.progress.borrow();
        Self {
            keys: snapshot.map_or(0, |snapshot| snapshot.value.ring.keys().count()),
            sequence: snapshot.and_then(|snapshot| snapshot.value.bundle.sequence()),
            age,
            serves_for: snapshot.map_or(Duration::ZERO, |_| schedule.serve_stale_for.saturating_sub(age)),
            consecutive_failures: progress.failures(),
            last_error: progress.failure().map(super::BundleFault::kind),
        }
    }

    /// Whether passports can be judged. An outage does not make a service unready while its bundle serves.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.serves_for.is_zero()
    }

    /// Whether there was a bundle that is not used any more.
    pub(super) fn is_too_old(&self) -> bool {
        self.keys > 0 && self.serves_for.is_zero()
    }
}
