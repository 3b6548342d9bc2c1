//! What steps 1 to 4 proved about a request: its lineage and its caller.

use std::sync::Arc;

use crate::passport::Passport;
use crate::principal::Principal;

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
    principal: Principal,
}

impl Arrival {
    /// Joins two proofs.
    #[must_use]
    pub fn new(lineage: Lineage, principal: Principal) -> Self {
        Self(Arc::new(Parts { lineage, principal }))
    }

    /// Through whom: the verified lineage.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.0.lineage
    }

    /// Who.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }
}
