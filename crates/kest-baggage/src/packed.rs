//! A passport as it stands in the header: which tier it came by, still packed.

use std::fmt;

use kest_core::passport::Tips;

use crate::store::ClaimCheck;
use crate::tier::Tier;

/// What step 1 read from a request: well-formed members, not opened yet.
///
/// Absent is a value of its own, never the result of a failure.
pub struct PackedPassport {
    candidates: Vec<Candidate>,
    tips: Option<Tips>,
}

impl PackedPassport {
    /// No passport came.
    #[must_use]
    pub fn absent() -> Self {
        Self { candidates: Vec::new(), tips: None }
    }

    /// The tier that it came by; `None` when no passport came.
    ///
    /// Of the several candidates that a legacy writer leaves on a header, this is the one that is opened first;
    /// [`Restored::tier`](crate::Restored::tier) names the one that counts.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.candidates.first().map(Candidate::tier)
    }

    pub(crate) fn new(candidates: Vec<Candidate>, tips: Option<Tips>) -> Self {
        Self { candidates, tips }
    }

    pub(crate) fn into_parts(self) -> (Vec<Candidate>, Option<Tips>) {
        (self.candidates, self.tips)
    }
}

impl fmt::Debug for PackedPassport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a stranger sent must not reach a log.
        let tiers: Vec<Tier> = self.candidates.iter().map(Candidate::tier).collect();
        formatter.debug_struct("PackedPassport").field("tiers", &tiers).finish_non_exhaustive()
    }
}

/// One member that a passport can be restored from, its escapes undone.
pub(crate) enum Candidate {
    Inline(String),
    Compressed(String),
    ClaimCheck(ClaimCheck),
}

impl Candidate {
    pub(crate) fn tier(&self) -> Tier {
        match self {
            Self::Inline(_) => Tier::Inline,
            Self::Compressed(_) => Tier::Compressed,
            Self::ClaimCheck(_) => Tier::ClaimCheck,
        }
    }
}
