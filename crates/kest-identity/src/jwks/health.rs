//! How an issuer's keys are: for operators, and for the question whether requests can be answered at all.

use std::time::Duration;

use super::cache::IssuerKeys;
use super::{KeySet, KeySetUnavailable, SkippedKey};
use crate::refresh::{Shared, Snapshot};

/// How the keys of an issuer are at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyHealth {
    /// The ids of the keys in use, sorted. They are public, as the issuer publishes them.
    pub key_ids: Vec<String>,
    /// The keys that the last fetch left out, by reason.
    pub skipped: Vec<(SkippedKey, usize)>,
    /// The time since the keys were asked for; `None` when they were never had.
    pub age: Option<Duration>,
    /// The time until the next refresh may start; zero while one is due or under way.
    pub next_refresh: Duration,
    /// How long the keys have been used beyond the refresh period, because they could not be fetched again.
    pub stale_for: Duration,
    /// How much longer the keys are used if they cannot be fetched again.
    pub serves_for: Duration,
    /// How many fetches in a row have failed.
    pub consecutive_failures: u32,
    /// Why the last fetch failed, as [`FetchError::kind`](super::FetchError::kind) names it.
    pub last_error: Option<&'static str>,
}

impl KeyHealth {
    pub(super) fn of(shared: &Shared<IssuerKeys>) -> Self {
        let (now, schedule) = (shared.clock.now(), &shared.schedule);
        let current = shared.current.load();
        let snapshot = current.as_ref();
        let in_use = snapshot.filter(|snapshot| !snapshot.is_too_old(now, schedule));
        // A clock that was set back makes the keys due, and lets them age from then on.
        let age =
            snapshot.map(|snapshot: &std::sync::Arc<Snapshot<KeySet>>| snapshot.age(now).unwrap_or_default());
        let freshness = shared.freshness(now);
        let progress = shared.progress.borrow();
        let in_flight = progress.in_flight();
        Self {
            key_ids: in_use.map(|snapshot| snapshot.value.key_ids()).unwrap_or_default(),
            skipped: snapshot.map(|snapshot| snapshot.value.all_skipped()).unwrap_or_default(),
            age,
            next_refresh: if in_flight { Duration::ZERO } else { progress.refresh_in(freshness, now) },
            stale_for: age.unwrap_or_default().saturating_sub(schedule.refresh_every),
            serves_for: age.map(|age| schedule.serve_stale_for.saturating_sub(age)).unwrap_or_default(),
            consecutive_failures: progress.failures(),
            last_error: progress.failure().map(super::FetchError::kind),
        }
    }

    /// Whether tokens of this issuer can be judged. An outage does not make a service unready while its keys serve.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.age.is_none() {
            Readiness::NotReady(NotReady::NeverFetched)
        } else if self.serves_for.is_zero() {
            Readiness::NotReady(NotReady::TooOld)
        } else if self.key_ids.is_empty() {
            Readiness::NotReady(NotReady::NoUsableKey)
        } else {
            Readiness::Ready
        }
    }
}

/// Whether tokens of an issuer can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Readiness {
    /// There are keys, and they are young enough to be used.
    Ready,
    /// No token of that issuer can be accepted now.
    NotReady(NotReady),
}

/// Why tokens of an issuer cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// No fetch has succeeded yet.
    #[error("keys were never fetched")]
    NeverFetched,
    /// The keys could not be fetched again for as long as they may be used.
    #[error("keys are too old to be used")]
    TooOld,
    /// The issuer publishes no key that may be used: by its own word, no token of it holds.
    #[error("issuer has no usable key")]
    NoUsableKey,
}

/// What to do when an issuer's keys cannot be had at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "a service starts or it does not")]
pub enum KeysAtStart {
    /// Fail: a service that cannot judge a token does not start.
    #[default]
    Fail,
    /// Start, and answer 503 until the keys have come; they are asked for again in the background.
    Serve503,
}

impl KeysAtStart {
    pub(super) fn judge(self, started: Result<(), KeySetUnavailable>) -> Result<(), KeySetUnavailable> {
        match (self, started) {
            // Without a runtime nothing will ever be fetched.
            (Self::Serve503, Err(cause)) if !matches!(cause, KeySetUnavailable::NoRuntime) => {
                tracing::warn!("started without keys: tokens cannot be judged before they have come");
                Ok(())
            }
            (Self::Fail | Self::Serve503, started) => started,
        }
    }
}
