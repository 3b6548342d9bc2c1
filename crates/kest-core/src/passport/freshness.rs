//! Says how old a passport is, and refuses one that may have been kept for another day.

use std::time::Duration;

use super::Passport;
use crate::clock::Clock;
use crate::entry::Entry;
use crate::limits::Limits;

/// How old a passport may be that a request comes with.
///
/// A passport is not bound to the request that carries it, so the time for which a copied one can be sent again has to
/// end. Dialect one from an audit log is another matter: nothing here is asked by [`Verifier`](super::Verifier).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Freshness {
    /// Every tip was signed at most this long ago.
    Within(Duration),
    /// Any age, and any date.
    ///
    /// What is given up: a copied passport can be sent again for as long as its keys are trusted.
    AnyAge,
}

impl Freshness {
    /// Judges `passport` at the time of `clock`, whose difference to other clocks is at most `limits.clock_skew`.
    ///
    /// Of several tips the oldest counts. No entry, tip or not, may be dated in the future. An empty passport has no
    /// age.
    ///
    /// # Errors
    ///
    /// [`NotFresh`] when it is too old or from the future.
    pub fn check(self, passport: &Passport, clock: &dyn Clock, limits: &Limits) -> Result<(), NotFresh> {
        let Self::Within(oldest) = self else {
            return Ok(());
        };
        let now = clock.unix_millis();
        let latest = now.saturating_add(millis(limits.clock_skew));
        if passport.entries().iter().any(|entry| signed_at(entry) > latest) {
            return Err(NotFresh::FromTheFuture);
        }
        let bound = oldest.saturating_add(limits.clock_skew);
        match passport.tip_age(now) {
            Some(age) if age > bound => Err(NotFresh::TooOld),
            Some(_) | None => Ok(()),
        }
    }
}

impl Passport {
    /// How long before `unix_millis` its oldest tip was signed, by its signer's clock; zero for one that is dated
    /// later. `None` for an empty lineage.
    #[must_use]
    pub fn tip_age(&self, unix_millis: u64) -> Option<Duration> {
        let oldest = self.tip_entries().map(|tip| signed_at(tip)).min()?;
        Some(Duration::from_millis(unix_millis.saturating_sub(oldest)))
    }
}

fn signed_at(entry: &Entry) -> u64 {
    u64::try_from(entry.timestamp_millis()).unwrap_or(0)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A passport is not of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFresh {
    /// A tip was signed too long ago.
    #[error("passport is too old")]
    TooOld,
    /// An entry is dated later than now.
    #[error("passport is from the future")]
    FromTheFuture,
}

impl NotFresh {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::FromTheFuture => "from_the_future",
        }
    }
}
