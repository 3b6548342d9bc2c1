//! Sealing with keys that are the same in each run.

use kest_baggage::{Audience, Sealing, SealingKey};
use kest_core::signature::KeyId;

use crate::keys;

/// Seals with the key called `key` for, and reads as, `audience`.
pub fn sealing(key: &str, audience: &str) -> Sealing {
    let key = SealingKey::new(KeyId::new(key).unwrap(), &keys::seed(key));
    Sealing::new(key, Audience::new(audience).unwrap())
}
