//! Makes and recognises nonces without remembering any of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::mtls::are_same;

/// Makes one nonce for each slot of time, which only holders of the secret can tell in advance.
pub(super) struct NonceIssuer {
    key: hmac::Key,
    slot_millis: u64,
}

impl NonceIssuer {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), slot_millis: 1 }
    }

    /// The same, with nonces that are good for `life` and no longer.
    pub(super) fn lasting(self, life: Duration) -> Self {
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        Self { slot_millis: (millis / SLOTS).max(1), ..self }
    }

    /// The nonce to hand out at `unix_millis`.
    pub(super) fn current(&self, unix_millis: u64) -> Arc<str> {
        self.of_slot(unix_millis / self.slot_millis).into()
    }

    /// Until when `nonce` is good, if it was handed out in this slot or one of those before it that still count: one
    /// that was fetched just before a slot ends must be good for a while.
    pub(super) fn live_until(&self, nonce: &str, unix_millis: u64) -> Option<Duration> {
        let slot = unix_millis / self.slot_millis;
        let live = (0..SLOTS).filter_map(|age| slot.checked_sub(age));
        let made_in = live.into_iter().find(|slot| are_same(&self.of_slot(*slot), nonce))?;
        Some(Duration::from_millis(made_in.saturating_add(SLOTS).saturating_mul(self.slot_millis)))
    }

    fn of_slot(&self, slot: u64) -> String {
        let mut message = PURPOSE.to_vec();
        message.extend(self.slot_millis.to_be_bytes());
        message.extend(slot.to_be_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, &message))
    }
}

impl fmt::Debug for NonceIssuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NonceIssuer").finish_non_exhaustive()
    }
}

/// Into how many slots the life of a nonce is cut: it is good for all of it but one slot at least.
const SLOTS: u64 = 6;

/// Keeps the secret's uses apart, should it have another one.
const PURPOSE: &[u8] = b"kest dpop nonce v2";

#[cfg(test)]
mod tests {
    use super::*;

    fn mill(secret: u8) -> NonceIssuer {
        NonceIssuer::new(&[secret; 32]).lasting(Duration::from_secs(60))
    }

    #[test]
    fn a_nonce_lives_for_its_slot_and_the_five_after_it() {
        let mill = mill(7);
        let nonce = mill.current(600_000);
        for millis in [600_000, 609_999, 610_000, 659_999] {
            assert_eq!(mill.live_until(&nonce, millis), Some(Duration::from_secs(660)), "{millis}");
        }
        assert_eq!(*mill.current(609_999), *nonce);
        for millis in [0, 599_999, 660_000, u64::MAX] {
            assert_eq!(mill.live_until(&nonce, millis), None, "{millis}");
        }
    }

    #[test]
    fn a_nonce_is_made_by_whoever_has_the_secret() {
        let nonce = mill(7).current(0);
        assert!(mill(7).live_until(&nonce, 0).is_some());
        assert!(mill(8).live_until(&nonce, 0).is_none());
        assert!(mill(7).live_until("", 0).is_none());
        let longer = NonceIssuer::new(&[7; 32]).lasting(Duration::from_secs(120));
        assert!(longer.live_until(&nonce, 0).is_none());
    }

    #[test]
    fn a_life_of_nothing_is_one_of_milliseconds() {
        let mill = NonceIssuer::new(&[7; 32]).lasting(Duration::ZERO);
        let nonce = mill.current(1000);
        assert_eq!(mill.live_until(&nonce, 1005), Some(Duration::from_millis(1006)));
        assert_eq!(mill.live_until(&nonce, 1006), None);
    }
}
