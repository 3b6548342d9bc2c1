//! Makes and recognises nonces without remembering any of them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::compare::are_same;

/// Makes one nonce for each slot of time, which nobody without the secret can tell in advance.
pub(super) struct NonceMill(hmac::Key);

impl NonceMill {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The nonce to hand out at `unix_millis`.
    pub(super) fn current(&self, unix_millis: u64) -> Arc<str> {
        self.of_slot(unix_millis / SLOT_MILLIS).into()
    }

    /// Whether `nonce` was handed out in this slot or the one before: one that was fetched just before a slot ends must
    /// be good for a while.
    pub(super) fn is_live(&self, nonce: &str, unix_millis: u64) -> bool {
        let slot = unix_millis / SLOT_MILLIS;
        let slots = [Some(slot), slot.checked_sub(1)];
        slots.into_iter().flatten().any(|slot| are_same(&self.of_slot(slot), nonce))
    }

    fn of_slot(&self, slot: u64) -> String {
        let mut message = PURPOSE.to_vec();
        message.extend(slot.to_be_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &message))
    }
}

impl fmt::Debug for NonceMill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NonceMill").finish_non_exhaustive()
    }
}

/// Two minutes: long enough that a client rarely needs a second try, short enough that none is stocked up.
const SLOT_MILLIS: u64 = 120_000;

/// Keeps the secret's uses apart, should it have another one.
const PURPOSE: &[u8] = b"kest dpop nonce v1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_lives_for_two_slots() {
        let mill = NonceMill::new(&[7; 32]);
        let nonce = mill.current(600_000);
        for millis in [600_000, 719_999, 720_000, 839_999] {
            assert!(mill.is_live(&nonce, millis), "{millis}");
        }
        for millis in [0, 599_999, 840_000, u64::MAX] {
            assert!(!mill.is_live(&nonce, millis), "{millis}");
        }
    }

    #[test]
    fn a_nonce_is_made_by_whoever_has_the_secret() {
        let nonce = NonceMill::new(&[7; 32]).current(0);
        assert!(NonceMill::new(&[7; 32]).is_live(&nonce, 0));
        assert!(!NonceMill::new(&[8; 32]).is_live(&nonce, 0));
        assert!(!NonceMill::new(&[7; 32]).is_live("", 0));
    }
}
