//! The seam between what is refreshed and where it is published.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

/// Brings the present value from where it is published, and tells operators how that goes.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync + 'static {
    /// What is published.
    type Value: fmt::Debug + Send + Sync;
    /// Why there is no new value.
    type Failure: fmt::Debug + Send + Sync;

    /// Fetches the present value. One call at a time, cut off after the time that a fetch may take. What it answers is
    /// used from then on; `previous` is what was used until now.
    async fn fetch(&self, previous: Previous<'_, Self::Value>) -> Result<Self::Value, Self::Failure>;

    /// The failure of a fetch that ended without an answer.
    fn without_answer(&self, why: NoAnswer) -> Self::Failure;

    /// When the value was asked for, where that was before the fetch that brings it.
    fn asked_at(&self, _value: &Self::Value) -> Option<SystemTime> {
        None
    }

    /// A new value is in use.
    fn fetched(&self, value: &Self::Value);

    /// There was none.
    fn failed(&self, cause: &Self::Failure);

    /// So much time has passed since the value in use was asked for.
    fn aged(&self, age: Duration);

    /// Something was looked for and not found.
    fn unknown(&self, how: Refusal);
}

/// What was fetched before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Previous<'value, V> {
    /// Nothing yet.
    None,
    /// This is in use.
    InUse(&'value V),
    /// This was in use until it grew too old.
    TooOld(&'value V),
}

impl<'value, V> Previous<'value, V> {
    /// The value, whether it is still used or not.
    pub(crate) fn value(&self) -> Option<&'value V> {
        match self {
            Self::None => None,
            Self::InUse(value) | Self::TooOld(value) => Some(value),
        }
    }
}

/// Why a fetch ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It took longer than a fetch may.
    TimedOut,
    /// Its runtime was shut down, or it panicked.
    Abandoned,
}

/// How it was found out that something is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A fetch did not bring it.
    Fetched,
    /// A fetch had not brought it a moment ago.
    Remembered,
    /// Too many waited for a fetch already.
    Crowded,
}

impl Refusal {
    /// Its name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Remembered => "remembered",
            Self::Crowded => "crowded",
        }
    }
}
