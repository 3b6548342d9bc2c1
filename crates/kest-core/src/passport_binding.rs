//! Says what ties a passport to the request that it came with, so that a copy of it is worth nothing.

use std::fmt;

/// What ties an incoming passport to its request, found in the [`Arrival`](crate::Arrival) and seen by policies as
/// `environment.hop_proof`.
///
/// A verified passport says what happened. Only a bound one also says that who presents it signed its tip: then no entry was cut off
/// its end, and it was made for this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PassportBinding {
    /// Nothing does: no passport came, or who copied it could have sent it too.
    #[default]
    Unbound,
    /// The request is signed with the key that signed the tip. So is what follows a lineage that began in this process, which holds
    /// that key itself.
    Signature,
    /// The workload of the peer's certificate, on this very connection, signed the tip.
    Peer,
}

impl PassportBinding {
    /// Every binding.
    pub const ALL: &'static [Self] = &[Self::Unbound, Self::Signature, Self::Peer];

    /// The name that policies see: `none`, `signature` or `peer`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unbound => "none",
            Self::Signature => "signature",
            Self::Peer => "peer",
        }
    }

    /// Whether something does.
    #[must_use]
    pub fn is_bound(self) -> bool {
        self != Self::Unbound
    }

    /// What ties the union of two lineages: nothing, where one of them is not bound.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.is_bound() { self } else { Self::Unbound }
    }
}

impl fmt::Display for PassportBinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
