//! Attacks on the passport: rows 1 to 6, 23 and 27.

use super::attack::Attack;
use super::honest::Honest;
use crate::tamper::Tamper;

/// Every way to tamper with the honest passport.
#[track_caller]
pub(crate) fn attacks(honest: &Honest<'_>) -> Vec<Attack> {
    let attack = |how: &Tamper| {
        let (name, row) = (how.name(), how.row());
        Attack::refused(name, row, &[401], honest.sent().with_baggage([honest.lineage.tampered(*how)]))
    };
    Tamper::ALL.iter().map(attack).collect()
}
