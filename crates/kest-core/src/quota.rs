//! A quota that many callers share, of which none takes more than a part.

use std::collections::HashMap;

use crate::share::Share;

/// A bounded amount, counted in all and by [`Share`].
///
/// Who holds something may hold up to a third of what is free, what it asks for included; who holds nothing may take
/// what there is. So one caller alone gets at most a quarter of all, and `n` callers who take whatever they get leave
/// 3 parts of `n + 3` free: the room is never full by the doing of one, and by that of many only the less, the more
/// they are. This is how switches share their buffers among ports (Choudhury and Hahne, dynamic queue length
/// thresholds, 1998): no list of callers has to be configured, and nothing has to be taken back from anyone.
#[derive(Debug)]
pub struct Quota {
    most: u64,
    taken: u64,
    by_share: HashMap<Share, u64>,
}

/// The quota has no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// Everything is taken.
    #[error("there is no room")]
    Full,
    /// The caller holds its whole part; others go on.
    #[error("caller has used up its share of the room")]
    ShareUsedUp,
}

impl Quota {
    /// A quota of `most`.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { most, taken: 0, by_share: HashMap::new() }
    }

    /// Whether `amount` more has room on the account of `share`, or on none, once `given_back` is given back.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] when it has none.
    pub fn check(
        &self,
        share: Option<Share>,
        amount: u64,
        given_back: Option<(Option<Share>, u64)>,
    ) -> Result<(), QuotaError> {
        let (returns_to, returned) = given_back.unwrap_or((None, 0));
        let free = self.most.saturating_sub(self.taken.saturating_sub(returned));
        if amount > free {
            return Err(QuotaError::Full);
        }
        let Some(share) = share else { return Ok(()) };
        let own_returned = if returns_to == Some(share) { returned } else { 0 };
        let own = self.own(share).saturating_sub(own_returned);
        if own == 0 || own.saturating_add(amount) <= free / PART {
            Ok(())
        } else {
            Err(QuotaError::ShareUsedUp)
        }
    }

    /// Takes `amount`, whether or not it has room.
    pub fn take(&mut self, share: Option<Share>, amount: u64) {
        self.taken = self.taken.saturating_add(amount);
        if let Some(share) = share {
            let own = self.by_share.entry(share).or_default();
            *own = own.saturating_add(amount);
        }
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, share: Option<Share>, amount: u64) {
        self.taken = self.taken.saturating_sub(amount);
        if let Some(share) = share
            && let Some(own) = self.by_share.get_mut(&share)
        {
            *own = own.saturating_sub(amount);
            if *own == 0 {
                self.by_share.remove(&share);
            }
        }
    }

    /// What `share` holds.
    #[must_use]
    pub fn own(&self, share: Share) -> u64 {
        self.by_share.get(&share).copied().unwrap_or_default()
    }
}

/// A caller may hold one part of so many of what is free.
const PART: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn share(number: usize) -> Share {
        Share::of_key(&number.to_string())
    }

    /// Takes units of `amount` until there is no room for another one.
    fn flood(room: &mut Quota, share: Share, amount: u64) -> QuotaError {
        loop {
            match room.check(Some(share), amount, None) {
                Ok(()) => room.take(Some(share), amount),
                Err(no_room) => return no_room,
            }
        }
    }

    /// Attack: one caller takes whatever it gets.
    #[test]
    fn one_caller_alone_gets_a_quarter() {
        let mut room = Quota::new(4000);
        assert_eq!(flood(&mut room, share(0), 1), QuotaError::ShareUsedUp);
        assert_eq!(room.own(share(0)), 1000);
        room.give_back(Some(share(0)), 1);
        assert_eq!(room.check(Some(share(0)), 1, None), Ok(()));
    }

    /// Attack: many callers act together.
    #[test]
    fn callers_who_flood_together_leave_room_for_one_who_does_not() {
        let mut room = Quota::new(1_000_000);
        for turn in 0..100_000 {
            let flooder = share(turn % 50);
            if room.check(Some(flooder), 100, None).is_ok() {
                room.take(Some(flooder), 100);
            }
        }
        for flooder in 0..50 {
            assert_eq!(flood(&mut room, share(flooder), 100), QuotaError::ShareUsedUp);
            assert!(room.own(share(flooder)) <= 1_000_000 / 53 + 100, "{}", room.own(share(flooder)));
        }
        for good in 1000..1010 {
            for _ in 0..3 {
                room.check(Some(share(good)), 1000, None).unwrap();
                room.take(Some(share(good)), 1000);
            }
        }
    }

    #[test]
    fn room_is_bounded_for_all_together_and_comes_back() {
        let mut room = Quota::new(10);
        room.take(None, 6);
        assert_eq!(room.check(None, 5, None), Err(QuotaError::Full));
        assert_eq!(room.check(Some(share(1)), 5, None), Err(QuotaError::Full));
        assert_eq!(room.check(None, 5, Some((None, 6))), Ok(()));
        room.give_back(None, 6);
        room.take(Some(share(1)), 10);
        assert_eq!(room.check(Some(share(1)), 10, Some((Some(share(1)), 10))), Ok(()));
        room.give_back(Some(share(1)), 10);
        assert!(room.by_share.is_empty(), "a share that holds nothing is not remembered");
    }
}
