//! What happens where no operation is running: refuse, or start a lineage under a named origin.

use std::fmt;
use std::sync::Arc;

use kest_core::trust::Origin;

use kest_core::{Admission, Admitter, Authorize, Operation, OperationError};

use crate::carry::error::CarryError;

/// What to do when a listed destination is called and no operation is running.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WithoutLineage {
    /// The request is not sent.
    Refuse,
    /// A lineage is started under a named origin, for work that no request asked for.
    ///
    /// While a request is being served it is not: a root of its own would leave behind who asked for the work and how
    /// far that is trusted.
    Originate(Arc<Origination>),
}

impl WithoutLineage {
    /// Starts a lineage of `origin` with `operation`, when `policy` allows it.
    ///
    /// An operation that could be admitted for no request is found when the client is built.
    #[must_use]
    pub fn originate(
        admitter: Admitter,
        origin: Origin,
        operation: Operation,
        policy: impl Authorize + 'static,
    ) -> Self {
        Self::Originate(Arc::new(Origination { admitter, origin, operation, policy: Arc::new(policy) }))
    }
}

/// How to start a lineage; made by [`WithoutLineage::originate`].
pub struct Origination {
    admitter: Admitter,
    origin: Origin,
    operation: Operation,
    policy: Arc<dyn Authorize>,
}

impl Origination {
    /// Finds what would fail every lineage that it starts.
    pub(crate) fn check(&self) -> Result<(), OperationError> {
        self.admitter.check(&self.operation, self.policy.as_ref())
    }

    pub(crate) async fn start(&self) -> Result<Admission, CarryError> {
        let (origin, policy) = (self.origin.clone(), self.policy.as_ref());
        let in_time = tokio::time::sleep(self.admitter.limits().admission_wait);
        let admission = self.admitter.originate_by(origin, &self.operation, policy, in_time).await;
        admission.map_err(CarryError::Originate)
    }
}

impl fmt::Debug for Origination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Origination")
            .field("origin", &self.origin)
            .field("operation", self.operation.name())
            .finish_non_exhaustive()
    }
}
