//! The passports that one JSONL line brings under their store keys, as a store that can only be read.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_baggage::{ClaimCheck, PassportStore, PassportStoreError};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Claim checks that a line may bring; a header can redeem only one of them.
const CLAIMS: usize = 1024;

/// Passport store key to value.
#[derive(Clone, Default)]
pub(crate) struct LineStore(HashMap<String, String>);

impl LineStore {
    /// Where the claim checks of the line are redeemed.
    pub(crate) fn as_store(&self) -> &dyn PassportStore {
        self
    }
}

impl fmt::Debug for LineStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LineStore").field("claims", &self.0.len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl PassportStore for LineStore {
    async fn put(&self, _: &ClaimCheck, _: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        Err(PassportStoreError::full())
    }

    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        Ok(self.0.get(&claim.store_key()).map(|value| Bytes::copy_from_slice(value.as_bytes())))
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        Ok(false)
    }
}

impl<'de> Deserialize<'de> for LineStore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StoreVisitor)
    }
}

struct StoreVisitor;

impl<'de> Visitor<'de> for StoreVisitor {
    type Value = LineStore;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<LineStore, A::Error> {
        let mut claims = HashMap::new();
        while let Some((key, value)) = members.next_entry()? {
            if claims.len() >= CLAIMS || claims.insert(key, value).is_some() {
                return Err(Error::custom("too many claims, or one of them twice"));
            }
        }
        Ok(LineStore(claims))
    }
}
