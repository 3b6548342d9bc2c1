//! Uses a nonce up: the one step of a verification that remembers.

use std::time::SystemTime;

use kest_core::replay::{Novelty, ReplayId, ReplayStoreError};
use kest_core::{ReplayStore, Share};

use crate::hop::HopError;

/// Remembers `id` on the account of `share`, or says why it does not count.
pub(crate) async fn use_up(
    replays: &dyn ReplayStore,
    share: Share,
    id: ReplayId,
    kept_until: SystemTime,
) -> Result<(), HopError> {
    match replays.insert_for(share, id, kept_until).await {
        Ok(Novelty::New) => Ok(()),
        Ok(Novelty::Seen) => Err(HopError::Replayed),
        Err(ReplayStoreError::Forgotten) => Err(HopError::Forgotten),
        Err(ReplayStoreError::ShareFull) => Err(HopError::ShareUsedUp),
        // Full, away, or told to expect shorter lives: all of it is for the people who run the store.
        Err(out_of_order) => Err(HopError::Unavailable(out_of_order.into())),
    }
}
