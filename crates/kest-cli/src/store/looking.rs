//! A store that is looked at and stays as it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimId, ClaimStore, ClaimStoreError};

/// Reads as the other store does; keeps nothing and ends nothing.
#[derive(Debug)]
pub(super) struct Looking(pub(super) Arc<dyn ClaimStore>);

#[async_trait]
impl ClaimStore for Looking {
    async fn put(&self, _: &ClaimId, _: Bytes, _: Duration) -> Result<(), ClaimStoreError> {
        Err(ClaimStoreError::full())
    }

    async fn get(&self, claim: &ClaimId) -> Result<Option<Bytes>, ClaimStoreError> {
        self.0.get(claim).await
    }

    /// A claim for single use is opened as if this had been its use, and can be used all the same.
    async fn remove(&self, claim: &ClaimId) -> Result<bool, ClaimStoreError> {
        self.0.get(claim).await.map(|kept| kept.is_some())
    }
}
