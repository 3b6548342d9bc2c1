//! Tickets: the right to enrol one identity, once and soon.

use std::time::Duration;

use kest_identity::SpiffeId;
use kest_workload::protocol::TicketText;

use super::Authority;
use super::state::millis;
use crate::error::{TicketError, Trouble};
use crate::store::{NewTicket, Place};
use crate::telemetry;

impl Authority {
    /// How long a ticket is good for where nothing else is said.
    pub const TICKET_LIFE: Duration = Duration::from_secs(600);

    /// Gives out a ticket for one identity, good once within `life`, a day at most. It names the root that issues now: a
    /// ticket that is used after the next root has taken over does not know the authority.
    ///
    /// # Errors
    ///
    /// [`TicketError`] for an identity that this authority does not give, and when the store does not keep it.
    pub async fn give_ticket(
        &self,
        identity: &SpiffeId,
        life: Duration,
        place: Place,
    ) -> Result<TicketText, TicketError> {
        let (now, set) = (self.now(), self.0.keys.current());
        if identity.trust_domain() != set.domain() {
            return Err(TicketError::OtherTrustDomain);
        }
        if identity == set.identity() {
            return Err(TicketError::Reserved);
        }
        if life.is_zero() || life > MOST_TICKET_LIFE {
            return Err(TicketError::Life);
        }
        let root = set.issuing(now).ok_or_else(|| Trouble::Issue("no root".into()))?;
        let text = TicketText::generate(*root.pin(), &*self.0.random).map_err(Trouble::Random)?;
        let expires = now.saturating_add(millis(life));
        let ticket =
            NewTicket { hash: text.hash(), identity: identity.clone(), created: now, expires, place };
        self.0.store.add_ticket(&ticket).await.map_err(Trouble::Store)?;
        telemetry::ticket_given(identity, expires);
        Ok(text)
    }
}

/// A ticket is used at the start that it was made for.
const MOST_TICKET_LIFE: Duration = Duration::from_secs(24 * 3600);
