//! What happens when the passport store does not take or give a claim.

use std::sync::Arc;

use crate::store::PassportStore;

/// What is done when a passport store is away, slow or full.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_enums, reason = "a service has one store or two, and must say which")]
pub enum Fallback {
    /// The request is not sent, or answers 503.
    #[default]
    Refuse,
    /// This store takes the claims that the first one does not, and is asked for those that the first one does not
    /// give.
    ///
    /// All who write and all who read must share both stores. A question that both must answer can take twice
    /// `Limits::passport_store_wait`.
    Second(Arc<dyn PassportStore>),
}

impl Fallback {
    pub(super) fn store(&self) -> Option<&Arc<dyn PassportStore>> {
        match self {
            Self::Refuse => None,
            Self::Second(store) => Some(store),
        }
    }
}

#[cfg(test)]
#[path = "../tests/fallback.rs"]
mod tests;
