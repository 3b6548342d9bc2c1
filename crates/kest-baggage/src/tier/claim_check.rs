//! Tier 3: a ticket in the header, the JSON array in a claim store.

use std::sync::{Arc, Once};

use bytes::Bytes;
use kest_core::passport::Tips;
use kest_core::{Limits, Random, UnverifiedPassport};

use crate::member::{CLAIM_CHECK, push_member};
use crate::pack::PackError;
use crate::restore::RestoreError;
use crate::store::{ClaimId, ClaimStore};

/// Puts `json` into `store` and gives the member that names it.
pub(crate) async fn write(
    json: String,
    store: &dyn ClaimStore,
    random: &dyn Random,
    limits: &Limits,
) -> Result<String, PackError> {
    let claim = ClaimId::generate(random).map_err(|cause| PackError::Random(Arc::new(cause)))?;
    let kept = store.put(&claim, Bytes::from(json), limits.claim_ttl);
    match tokio::time::timeout(limits.claim_wait, kept).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => return Err(PackError::ClaimStore(Arc::new(cause))),
        Err(_elapsed) => return Err(PackError::ClaimStoreSlow),
    }
    let mut member = String::new();
    push_member(&mut member, CLAIM_CHECK, &claim.to_string());
    Ok(member)
}

/// Redeems `claim`; nothing that the store gives is believed to be a passport before it was read as one.
pub(crate) async fn read(
    claim: &ClaimId,
    tips: Option<Tips>,
    store: Option<&dyn ClaimStore>,
    limits: &Limits,
) -> Result<UnverifiedPassport, RestoreError> {
    let Some(store) = store else {
        static WARNED: Once = Once::new();
        WARNED.call_once(|| {
            tracing::error!("a claim check came and no claim store is configured: such requests are refused");
        });
        return Err(RestoreError::NoStore);
    };
    match tokio::time::timeout(limits.claim_wait, store.get(claim)).await {
        Ok(Ok(Some(json))) => {
            UnverifiedPassport::from_json(&json, tips, limits).map_err(RestoreError::ClaimRubbish)
        }
        Ok(Ok(None)) => Err(RestoreError::ClaimGone),
        Ok(Err(cause)) => Err(RestoreError::StoreUnavailable(cause)),
        Err(_elapsed) => Err(RestoreError::StoreSlow),
    }
}
