//! Uses a nonce up: the one step of a verification that remembers.

use std::time::SystemTime;

use kest_core::replay::{Novelty, ReplayId, ReplayStoreError};
use kest_core::signature::KeyId;
use kest_core::{BoxError, ReplayStore, Share};

/// A nonce does not count.
#[derive(Debug)]
pub(crate) enum NotOnce {
    Replayed,
    Forgotten,
    ShareUsedUp,
    Unavailable(BoxError),
}

/// Remembers `nonce` under its key and on the account of it, so that no key can use up what belongs to all, and no two
/// keys meet.
pub(crate) async fn use_up(
    replays: &dyn ReplayStore,
    tag: &str,
    key_id: &KeyId,
    nonce: &str,
    kept_until: SystemTime,
) -> Result<(), NotOnce> {
    let id = ReplayId::of([tag, key_id.as_str(), nonce].map(str::as_bytes));
    match replays.insert_for(Share::of_key(key_id.as_str()), id, kept_until).await {
        Ok(Novelty::New) => Ok(()),
        Ok(Novelty::Seen) => Err(NotOnce::Replayed),
        Err(ReplayStoreError::Forgotten) => Err(NotOnce::Forgotten),
        Err(ReplayStoreError::ShareFull) => Err(NotOnce::ShareUsedUp),
        // Full, away, or told to expect shorter lives: all of it is for the people who run the store.
        Err(out_of_order) => Err(NotOnce::Unavailable(out_of_order.into())),
    }
}
