//! A store that is looked at and stays as it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimCheck, PassportStore, PassportStoreError};

/// Reads as the other store does; keeps nothing and ends nothing.
#[derive(Debug)]
pub(super) struct Looking(pub(super) Arc<dyn PassportStore>);

#[async_trait]
impl PassportStore for Looking {
    async fn put(&self, _: &ClaimCheck, _: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        Err(PassportStoreError::full())
    }

    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        self.0.get(claim).await
    }

    /// A claim for single use is opened as if this had been its use, and can be used all the same.
    async fn remove(&self, claim: &ClaimCheck) -> Result<bool, PassportStoreError> {
        self.0.get(claim).await.map(|kept| kept.is_some())
    }
}
