//! One connection that transactions take turns on, and what is known of one that did not end.

use std::sync::Arc;

use async_trait::async_trait;
use kest_authority::StoreError;
use tokio::sync::Mutex;

use super::fault::{Reached, StoreFault};
use super::session::{Open, Session, Turn};
use crate::session::{Failed, within};

/// Something that is asked of the memory of an authority, in one transaction.
#[async_trait]
pub(super) trait Transaction: Sync {
    type Outcome: Send;

    /// Nothing of it stays where it fails.
    async fn run(&self, session: &mut dyn Session) -> Result<Self::Outcome, Failed>;
}

/// One connection, made when it is needed: which is also the bound of what one authority asks of its database at once.
pub(super) struct Slot {
    open: Arc<dyn Open>,
    turn: Turn,
    session: Mutex<Option<Box<dyn Session>>>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Slot")
            .field("open", &self.open)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

impl Slot {
    pub(super) fn new(open: Arc<dyn Open>, turn: Turn) -> Self {
        Self { open, turn, session: Mutex::new(None) }
    }

    /// Runs it, within the time that a transaction may take.
    pub(super) async fn run<T: Transaction>(&self, asked: &T) -> Result<T::Outcome, StoreError> {
        let mut reached = Reached::Work;
        let outcome = within(self.open.timeout(), self.attempt(asked, &mut reached)).await;
        outcome.map_err(|failed| StoreFault::error(failed, reached))
    }

    async fn attempt<T: Transaction>(&self, asked: &T, reached: &mut Reached) -> Result<T::Outcome, Failed> {
        let mut place = self.session.lock().await;
        // Taken out: one that is left in the middle, by an error or by a caller who waits no longer, is closed, and its
        // database undoes what it was told.
        let mut session = self.begin(place.take()).await?;
        let outcome = asked.run(session.as_mut()).await?;
        *reached = Reached::Commit;
        session.commit().await?;
        *place = Some(session);
        Ok(outcome)
    }

    async fn begin(&self, kept: Option<Box<dyn Session>>) -> Result<Box<dyn Session>, Failed> {
        if let Some(mut session) = kept {
            match session.begin(self.turn).await {
                Ok(()) => return Ok(session),
                // A connection that broke while nothing was to be done is no fault.
                Err(Failed::Lost(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        let mut session = self.open.open(self.turn).await?;
        session.begin(self.turn).await?;
        Ok(session)
    }
}
