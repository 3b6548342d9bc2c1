//! Which epochs of workloads are void: those that the authority revoked, and those that a later one was seen of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kest_identity::SpiffeId;

use crate::protocol::{Epoch, Revocation};

/// The newest epochs that are known. Clones share what they know.
///
/// The trust bundle says which epochs are void. Between two bundles a certificate of a later epoch says it too: the authority
/// signed it, so all earlier ones are void from the moment that it is seen.
#[derive(Debug, Clone, Default)]
pub struct Epochs(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The last void epoch by workload, as the trust bundle has it.
    void: RwLock<HashMap<String, Epoch>>,
    /// The newest epoch by workload that was seen, where it says more than the bundle.
    seen: Mutex<HashMap<String, Epoch>>,
}

impl Epochs {
    /// Takes over what a trust bundle says, in the place of what the last one said.
    pub fn revoked(&self, revocations: &[Revocation]) {
        let void: HashMap<String, Epoch> =
            revocations.iter().map(|it| (it.identity.clone(), it.epoch)).collect();
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|identity, epoch| void.get(identity).is_none_or(|void| void.next() < *epoch));
        *self.0.void.write().unwrap_or_else(PoisonError::into_inner) = void;
    }

    /// Notes that a certificate of this epoch was issued, and says whether it is one of the newest.
    ///
    /// A certificate without an epoch is older than all that have one.
    #[must_use]
    pub fn admits(&self, workload: &SpiffeId, epoch: Option<Epoch>) -> bool {
        let number = epoch.unwrap_or(Epoch::new(0));
        let void = self.0.void.read().unwrap_or_else(PoisonError::into_inner).get(workload.as_str()).copied();
        if void.is_some_and(|void| number <= void) {
            return false;
        }
        let said = void.map_or(Epoch::FIRST, Epoch::next);
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(workload.as_str()) {
            Some(newest) if number < *newest => false,
            Some(newest) => {
                *newest = number;
                true
            }
            None => {
                // What the bundle says already takes no room here.
                if number > said && seen.len() < MOST_SEEN {
                    seen.insert(workload.as_str().to_owned(), number);
                }
                true
            }
        }
    }
}

/// Workloads that enrolled again since the last trust bundle: some hundred bytes each. Past that the next bundle tells.
const MOST_SEEN: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn cart() -> SpiffeId {
        SpiffeId::parse("spiffe://example.org/cart").unwrap()
    }

    fn epoch(number: u64) -> Option<Epoch> {
        Some(Epoch::new(number))
    }

    fn void(number: u64) -> [Revocation; 1] {
        [Revocation { identity: cart().as_str().to_owned(), epoch: Epoch::new(number) }]
    }

    #[test]
    fn older_epoch_is_void_once_a_later_one_was_seen() {
        let epochs = Epochs::default();
        assert!(epochs.admits(&cart(), epoch(1)) && epochs.admits(&cart(), epoch(3)));
        assert!(!epochs.admits(&cart(), epoch(1)) && !epochs.admits(&cart(), epoch(2)));
        assert!(!epochs.admits(&cart(), None));
        assert!(epochs.admits(&cart(), epoch(3)));
    }

    #[test]
    fn epochs_that_the_bundle_revokes_are_void_and_so_is_a_certificate_without_one() {
        let epochs = Epochs::default();
        epochs.revoked(&void(2));
        assert!(!epochs.admits(&cart(), epoch(2)) && !epochs.admits(&cart(), None));
        assert!(epochs.admits(&cart(), epoch(3)));
        assert!(!Epochs::default().0.seen.lock().unwrap().contains_key("x"));
    }

    /// Attack: many identities, so that what was seen grows without end.
    #[test]
    fn what_was_seen_is_bounded_and_forgotten_once_the_bundle_says_it() {
        let epochs = Epochs::default();
        for number in 0..MOST_SEEN + 10 {
            let id = SpiffeId::parse(&format!("spiffe://example.org/w{number}")).unwrap();
            assert!(epochs.admits(&id, epoch(1)));
            assert!(epochs.admits(&id, epoch(2)));
        }
        assert_eq!(epochs.0.seen.lock().unwrap().len(), MOST_SEEN);
        let epochs = Epochs::default();
        assert!(epochs.admits(&cart(), epoch(2)));
        epochs.revoked(&void(1));
        assert_eq!(epochs.0.seen.lock().unwrap().len(), 0);
        assert!(!epochs.admits(&cart(), epoch(1)));
    }
}
