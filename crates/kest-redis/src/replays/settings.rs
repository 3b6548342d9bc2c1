//! How long identifiers live and how far clocks may be apart.

use std::time::Duration;

use kest_core::Limits;

use crate::settings::Most;

/// What all who share a memory of identifiers must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct ReplaySettings {
    pub(super) longest_life: Duration,
    pub(super) skew: Duration,
    pub(super) fence: Fence,
    pub(super) share_ids: Most,
}

/// Whether identifiers are refused that may have been used before the memory began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fence {
    Kept,
    None,
}

impl ReplaySettings {
    /// For identifiers that live 75 s at most, such as proofs of possession, by clocks that are 5 s apart at most.
    pub fn new() -> Self {
        Self {
            longest_life: Duration::from_secs(75),
            skew: Duration::from_secs(5),
            fence: Fence::Kept,
            share_ids: Most::OfRoom,
        }
    }

    /// For hop proofs and signed requests of services with these limits, which live a few seconds: longer is only waited for after a
    /// loss of memory.
    pub fn for_signatures(limits: &Limits) -> Self {
        Self::new().longest_life(limits.longest_signature_life())
    }

    /// How long an identifier may be good for when it is first brought; one that expires later is refused.
    ///
    /// After a loss of memory, only identifiers are accepted that expire later than this after the fence: a caller that makes
    /// them new for each use waits for the difference between this and their life, and the skew.
    pub fn longest_life(mut self, life: Duration) -> Self {
        self.longest_life = life;
        self
    }

    /// How far the clocks of the replicas may be apart. Identifiers are remembered for so much longer.
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// How many identifiers of one caller may be remembered, counted on the server for all replicas together: those
    /// that it brought within `longest_life` and `skew`. Over it the caller is refused, and others go on.
    ///
    /// By default as many as fit into a third of the server's memory that is free (of `maxmemory`, else of the machine's),
    /// of which one caller alone gets a quarter.
    ///
    /// Counted in each of 64 shards by itself, so that a caller whose identifiers fall unevenly is refused some per cent
    /// earlier.
    pub fn share_ids(mut self, most: u64) -> Self {
        self.share_ids = Most::Fixed(most);
        self
    }

    /// Accepts identifiers from the first moment of a memory, whatever was before it.
    ///
    /// Given up is what the fence is for: an identifier that was used before a restart or a failover can be used once
    /// more after it.
    pub fn dangerous_without_fence(mut self) -> Self {
        self.fence = Fence::None;
        self
    }
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self::new()
    }
}
