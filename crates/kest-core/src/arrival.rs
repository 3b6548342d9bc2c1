//! What steps 1 to 4 proved about a request: its lineage and its caller.

use std::sync::{Arc, OnceLock};

use crate::caller::Caller;
use crate::passport::Passport;
use crate::share::Share;

/// The lineage that a request came with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Lineage {
    /// No passport came. A value that policies see, never the result of a failure.
    Absent,
    /// A passport came and holds.
    Carried(Passport),
}

impl Lineage {
    /// The verified passport, when one came.
    #[must_use]
    pub fn passport(&self) -> Option<&Passport> {
        match self {
            Self::Absent => None,
            Self::Carried(passport) => Some(passport),
        }
    }

    /// The passport to extend: the carried one, or an empty one.
    pub(crate) fn to_passport(&self) -> Passport {
        self.passport().cloned().unwrap_or_else(Passport::empty)
    }
}

/// A request that was read, restored, verified and authenticated; cheap to clone.
#[derive(Debug, Clone)]
pub struct Arrival(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    lineage: Lineage,
    caller: Caller,
    /// Asked by those only who keep something for the caller, so it is found out when it is asked first.
    share: OnceLock<Share>,
    peer: Option<Share>,
}

impl Arrival {
    /// Joins two proofs.
    #[must_use]
    pub fn new(lineage: Lineage, caller: Caller) -> Self {
        Self::from_peer(lineage, caller, None)
    }

    /// Joins two proofs of a request that came from `peer`, which counts where nothing better is known of the caller.
    #[must_use]
    pub fn from_peer(lineage: Lineage, caller: Caller, peer: Option<Share>) -> Self {
        Self(Arc::new(Parts { lineage, caller, share: OnceLock::new(), peer }))
    }

    /// What follows this arrival inside of the service: another lineage, the same caller; who is known from a lineage
    /// only is whom this one names.
    pub(crate) fn followed_by(&self, lineage: Lineage) -> Self {
        let caller = self.caller().clone().following(&lineage);
        Self(Arc::new(Parts { lineage, caller, share: self.share().into(), peer: self.0.peer }))
    }

    /// Through whom: the verified lineage.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.0.lineage
    }

    /// Who.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// On whose account it is served.
    #[must_use]
    pub fn share(&self) -> Share {
        let Parts { lineage, caller, share, peer } = self.0.as_ref();
        *share.get_or_init(|| Share::of_caller(caller, lineage, *peer))
    }
}
