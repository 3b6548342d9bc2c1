//! Claim stores that fail in every way a real one can.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{Audience, ClaimCheck, PassportStore, PassportStoreError, Sealing, SealingKey};
use kest_core::signature::KeyId;

use crate::keys;

/// A store with one fault.
#[derive(Debug, Clone)]
pub enum BadStore {
    /// It answers with an error.
    Down,
    /// It never answers.
    Slow,
    /// It takes nothing, and has nothing.
    Full,
    /// It answers with these bytes, whatever is asked.
    Rubbish(Bytes),
}

#[async_trait]
impl PassportStore for BadStore {
    async fn put(&self, _: &ClaimCheck, _: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        self.answer().await.map(|_bytes| ())
    }

    async fn get(&self, _: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        match self {
            Self::Full => Ok(None),
            Self::Down | Self::Slow | Self::Rubbish(_) => self.answer().await.map(Some),
        }
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        self.answer().await.map(|_bytes| true)
    }
}

impl BadStore {
    async fn answer(&self) -> Result<Bytes, PassportStoreError> {
        match self {
            Self::Down => Err(PassportStoreError::unavailable("store is down")),
            Self::Slow => std::future::pending().await,
            Self::Full => Err(PassportStoreError::full()),
            Self::Rubbish(bytes) => Ok(bytes.clone()),
        }
    }
}

/// Seals with the key called `key` for, and reads as, `audience`.
pub fn sealing(key: &str, audience: &str) -> Sealing {
    let key = SealingKey::new(KeyId::new(key).unwrap(), &keys::seed(key));
    Sealing::new(key, Audience::new(audience).unwrap())
}
