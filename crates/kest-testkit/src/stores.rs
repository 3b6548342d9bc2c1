//! Stores that fail in every way a real one can, and that a test can mend while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimCheck, PassportStore, PassportStoreError};
use kest_core::replay::{Novelty, ReplayId, ReplayStore, ReplayStoreError};

/// What is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// It answers with an error.
    Away,
    /// It never answers: the code that asks must have a bound of its own.
    Slow,
    /// It takes everything and keeps nothing.
    Losing,
    /// It takes nothing, and has nothing.
    Full,
    /// What lies there cannot be told from something of another service.
    Unusable,
    /// It answers with these bytes, whatever is asked.
    Malformed(Bytes),
}

/// A passport store with a fault. Clones are the same store.
#[derive(Debug, Clone)]
pub struct FailingPassports(Arc<Mutex<StoreFault>>);

impl FailingPassports {
    /// A store with this fault.
    #[must_use]
    pub fn new(fault: StoreFault) -> Self {
        Self(Arc::new(Mutex::new(fault)))
    }

    /// One that answers with an error.
    #[must_use]
    pub fn away() -> Self {
        Self::new(StoreFault::Away)
    }

    /// One that never answers.
    #[must_use]
    pub fn slow() -> Self {
        Self::new(StoreFault::Slow)
    }

    /// One that takes everything and keeps nothing.
    #[must_use]
    pub fn losing() -> Self {
        Self::new(StoreFault::Losing)
    }

    /// One that takes nothing, and has nothing.
    #[must_use]
    pub fn full() -> Self {
        Self::new(StoreFault::Full)
    }

    /// One that answers with these bytes, whatever is asked.
    #[must_use]
    pub fn malformed(bytes: impl Into<Bytes>) -> Self {
        Self::new(StoreFault::Malformed(bytes.into()))
    }

    /// Has this fault from now on.
    pub fn fail_with(&self, fault: StoreFault) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn fault(&self) -> StoreFault {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl PassportStore for FailingPassports {
    async fn put(&self, _: &ClaimCheck, _: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        match self.fault() {
            StoreFault::Away => Err(PassportStoreError::unavailable("the store of this test is away")),
            StoreFault::Slow => std::future::pending().await,
            StoreFault::Full => Err(PassportStoreError::full()),
            StoreFault::Losing | StoreFault::Unusable | StoreFault::Malformed(_) => Ok(()),
        }
    }

    async fn get(&self, _: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        match self.fault() {
            StoreFault::Away => Err(PassportStoreError::unavailable("the store of this test is away")),
            StoreFault::Slow => std::future::pending().await,
            StoreFault::Losing | StoreFault::Full => Ok(None),
            StoreFault::Unusable => Err(PassportStoreError::unusable("the store of this test is spoilt")),
            StoreFault::Malformed(bytes) => Ok(Some(bytes)),
        }
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        match self.fault() {
            StoreFault::Away => Err(PassportStoreError::unavailable("the store of this test is away")),
            StoreFault::Slow => std::future::pending().await,
            StoreFault::Losing | StoreFault::Full => Ok(false),
            StoreFault::Unusable | StoreFault::Malformed(_) => Ok(true),
        }
    }
}

/// What is wrong with a memory of used identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayFault {
    /// Nothing, but that it takes everything for new: it loses what it is given.
    Losing,
    /// It answers with an error.
    Away,
    /// It never answers.
    Slow,
    /// It has no room.
    Full,
    /// It is told to remember for longer than it can.
    TooLong,
    /// It lost its memory a while ago, and says so.
    Forgotten,
}

/// A replay store with a fault, which notes until when it was told to remember. Clones are the same store.
#[derive(Debug, Clone)]
pub struct FailingReplays(Arc<Mutex<Replays>>);

#[derive(Debug)]
struct Replays {
    fault: ReplayFault,
    noted: Vec<SystemTime>,
}

impl FailingReplays {
    /// A store with this fault.
    #[must_use]
    pub fn new(fault: ReplayFault) -> Self {
        Self(Arc::new(Mutex::new(Replays { fault, noted: Vec::new() })))
    }

    /// Has this fault from now on.
    pub fn fail_with(&self, fault: ReplayFault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fault = fault;
    }

    /// Until when it was told to remember, in the order of the questions.
    #[must_use]
    pub fn noted(&self) -> Vec<SystemTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).noted.clone()
    }

    fn note(&self, expires_at: SystemTime) -> ReplayFault {
        let mut replays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        replays.noted.push(expires_at);
        replays.fault
    }
}

#[async_trait]
impl ReplayStore for FailingReplays {
    async fn insert(&self, _id: ReplayId, expires_at: SystemTime) -> Result<Novelty, ReplayStoreError> {
        match self.note(expires_at) {
            ReplayFault::Losing => Ok(Novelty::New),
            ReplayFault::Away => Err(ReplayStoreError::Unavailable("the store of this test is away".into())),
            ReplayFault::Slow => std::future::pending().await,
            ReplayFault::Full => Err(ReplayStoreError::Full),
            ReplayFault::TooLong => Err(ReplayStoreError::TooLong),
            ReplayFault::Forgotten => Err(ReplayStoreError::Forgotten),
        }
    }
}
