//! Deletions that were recorded: believed once they are sealed, and bounded until then.

use uuid::Uuid;

use super::*;
use crate::chain::Chain;

/// Attack: a log is full of deletions that no checkpoint seals, to fill the memory of those who verify it.
#[test]
fn deletions_that_nothing_seals_fill_no_memory() {
    let (verifier, ring, witnessed) =
        (Verifier::new(kest_core::Limits::default()), KeyRing::default(), Witnessed::default());
    let writer = Uuid::from_u128(7);
    let mut walk = Walk::new(Position::new(writer, None), &verifier, &ring, &witnessed);
    walk.part(1);
    let mut chain = Chain::new(writer);
    let file: Arc<std::path::Path> = std::path::Path::new("log").into();
    let hash = TreeHash::NOTHING.to_hex();
    for number in 1..=2 * MOST_UNSEALED {
        let record = Record::Removed { hash: hash.as_str().into(), through: number, writer };
        let mut line = Vec::new();
        chain.append(&mut line, number, record).unwrap();
        line.pop();
        walk.feed(&RawLine::new(Arc::clone(&file), number, line, number));
    }
    let kinds: Vec<FaultKind> = walk.faults.iter().map(|fault| fault.kind).collect();
    // It has no start, and all of it was read.
    assert_eq!(kinds, [FaultKind::Misplaced, FaultKind::Unsealed]);
    assert_eq!(walk.at.records, 2 * MOST_UNSEALED);
    assert!(u64::try_from(walk.at.pending.len()).unwrap() < MOST_UNSEALED, "{}", walk.at.pending.len());
}
