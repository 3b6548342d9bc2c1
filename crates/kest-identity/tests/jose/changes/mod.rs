//! Everything that is done to tokens between a good issuer's hand and the judges.

mod claims;
mod encoding;
mod header;
mod keys;
mod signature;
mod text;
mod token;

use crate::making::{Change, Stage};
use crate::random::Random;

/// All changes.
pub(crate) fn all() -> impl Iterator<Item = &'static Change> {
    let lists = [
        header::CHANGES,
        keys::CHANGES,
        claims::CHANGES,
        text::CHANGES,
        encoding::CHANGES,
        signature::CHANGES,
        token::CHANGES,
    ];
    lists.into_iter().flatten()
}

/// No change for a third of all tokens, one for most others, two for some.
pub(crate) fn some(random: &mut Random) -> Vec<&'static Change> {
    let count = match random.below(100) {
        0..34 => 0,
        34..90 => 1,
        _ => 2,
    };
    let mut changes: Vec<_> = (0..count).map(|_| one(random)).collect();
    // Changes to texts know what stands there: only members can be changed twice.
    changes.dedup_by(|second, first| second.stage == first.stage && first.stage != Stage::Members);
    changes
}

/// The later stages have fewer changes and get their share all the same.
fn one(random: &mut Random) -> &'static Change {
    let stage = match random.below(100) {
        0..50 => Stage::Members,
        50..60 => Stage::Json,
        60..66 => Stage::Parts,
        66..82 => Stage::Signature,
        _ => Stage::Token,
    };
    let changes: Vec<_> = all().filter(|change| change.stage == stage).collect();
    random.pick(&changes)
}
