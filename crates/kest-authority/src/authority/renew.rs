//! The next certificate of an identity, by the present one alone.

use kest_workload::PeerIdentity;
use kest_workload::protocol::{Epoch, Issued, RenewRequest};

use super::Authority;
use super::enrol::{Asks, MOST_CSR_BYTES, MOST_PROOF_BYTES, requested_key};
use super::issue::Certified;
use super::state::millis;
use crate::error::{PeerFault, RenewError, RequestFault, Trouble};
use crate::store::{EntryKeyRecord, Renewal, Renewed};
use crate::telemetry::{self, Asked};

impl Authority {
    /// Renews the certificate of the peer of a connection, for a new key, and takes its next entry key where there is one.
    ///
    /// # Errors
    ///
    /// [`RenewError`]; each is logged and counted.
    pub async fn renew(&self, peer: &PeerIdentity, request: &RenewRequest) -> Result<Issued, RenewError> {
        let renewed = self.try_renew(peer, request).await;
        match &renewed {
            Ok(_issued) => {}
            Err(RenewError::Trouble(trouble)) => telemetry::troubled(Asked::Renew, trouble),
            Err(error) => telemetry::refused(Asked::Renew, error.kind(), Some(peer.workload())),
        }
        renewed
    }

    async fn try_renew(&self, peer: &PeerIdentity, request: &RenewRequest) -> Result<Issued, RenewError> {
        let epoch = peer.epoch().ok_or(PeerFault::NoEpoch)?;
        let is_long = request.csr.len() > MOST_CSR_BYTES
            || request.proof.as_ref().is_some_and(|proof| proof.len() > MOST_PROOF_BYTES);
        if is_long {
            return Err(RequestFault::TooLong.into());
        }
        let (key, csr) = requested_key(&request.csr)?;
        let entry_key = match (&request.entry_key, &request.proof) {
            (None, None) => None,
            (Some(next), Some(proof)) => {
                let public = next.public_key().map_err(RequestFault::EntryKey)?;
                self.check_proof(proof, &public, &Asks { entry_key: next, evidence: "" }, &csr)?;
                Some(next.clone())
            }
            (Some(_), None) | (None, Some(_)) => return Err(RequestFault::ProofMissing.into()),
        };
        let at = self.now();
        let until = at.saturating_add(millis(self.0.certificate_life));
        let renewal = Renewal {
            identity: peer.workload().clone(),
            epoch,
            entry_key: entry_key.map(|key| EntryKeyRecord { key, since: at, until: None }),
            // As long as a certificate: who has not renewed by then has no key of either kind.
            earlier_keys_until: until,
            alive_until: until,
            at,
        };
        match self.0.store.renew(&renewal).await.map_err(Trouble::Store)? {
            Renewed::Renewed => {}
            Renewed::Unknown => return Err(PeerFault::Unknown.into()),
            Renewed::Void => return Err(PeerFault::Void.into()),
            Renewed::NotAlive => return Err(PeerFault::NotAlive.into()),
            Renewed::KeyTaken => return Err(RenewError::KeyTaken),
            Renewed::TooManyKeys => return Err(RenewError::TooManyKeys),
        }
        let issued = self.issued(&Certified { key, identity: peer.workload(), epoch, at, until }).await?;
        telemetry::issued(Asked::Renew, peer.workload(), epoch);
        Ok(issued)
    }

    /// The epoch of a peer that is alive, as the store has it now.
    pub(super) async fn living(&self, peer: &PeerIdentity) -> Result<Result<Epoch, PeerFault>, Trouble> {
        let Some(epoch) = peer.epoch() else { return Ok(Err(PeerFault::NoEpoch)) };
        let Some(known) = self.0.store.workload(peer.workload()).await? else {
            return Ok(Err(PeerFault::Unknown));
        };
        if known.epoch != epoch || known.void >= Some(epoch) {
            return Ok(Err(PeerFault::Void));
        }
        if self.now() >= known.alive_until { Ok(Err(PeerFault::NotAlive)) } else { Ok(Ok(epoch)) }
    }
}
