//! The first certificate of an identity: everything is bounded and proved before the store is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::signature::PublicKey;
use kest_workload::protocol::{EnrolRequest, EntryKey, Issued, Proof};

use super::Authority;
use super::issue::Certified;
use super::state::millis;
use crate::certificate::RequestedKey;
use crate::error::{EnrolError, RequestFault, Trouble};
use crate::store::{Enrolled, Enrolment, EntryKeyRecord, Evidence};
use crate::telemetry::{self, Asked};

impl Authority {
    /// Enrols an identity: what the request proves is judged first, then the store uses the ticket up and begins the epoch in
    /// one step.
    ///
    /// # Errors
    ///
    /// [`EnrolError`]; each is logged and counted. After [`EnrolError::Trouble`] a ticket may be used up.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<Issued, EnrolError> {
        match self.try_enrol(request).await {
            Ok(issued) => Ok(issued),
            Err(error) => {
                match &error {
                    EnrolError::Trouble(trouble) => telemetry::troubled(Asked::Enrol, trouble),
                    EnrolError::TicketUsed(alarm) => {
                        telemetry::alarm(alarm);
                        telemetry::refused(Asked::Enrol, error.kind(), Some(&alarm.identity));
                    }
                    EnrolError::TicketExpired(identity) | EnrolError::Alive(identity) => {
                        telemetry::refused(Asked::Enrol, error.kind(), Some(identity));
                    }
                    EnrolError::Request(_)
                    | EnrolError::Evidence
                    | EnrolError::NoTicket
                    | EnrolError::Token(_)
                    | EnrolError::TokenUnmapped
                    | EnrolError::KeyTaken => telemetry::refused(Asked::Enrol, error.kind(), None),
                }
                Err(error)
            }
        }
    }

    async fn try_enrol(&self, request: &EnrolRequest) -> Result<Issued, EnrolError> {
        check_lengths(request)?;
        let evidence = match (&request.ticket, &request.token) {
            (Some(ticket), None) => ticket,
            (None, Some(token)) => token,
            (None, None) | (Some(_), Some(_)) => return Err(EnrolError::Evidence),
        };
        let asked = Asks { entry_key: &request.entry_key, evidence };
        let entry_key = request.entry_key.public_key().map_err(RequestFault::EntryKey)?;
        let (key, csr) = requested_key(&request.csr)?;
        self.check_proof(&request.proof, &entry_key, &asked, &csr)?;
        let current_key = match (&request.current_key, &request.current_proof) {
            (None, None) => None,
            (Some(current), Some(proof)) => {
                let public = current.public_key().map_err(RequestFault::EntryKey)?;
                self.check_proof(proof, &public, &asked, &csr)?;
                Some(current.clone())
            }
            (Some(_), None) | (None, Some(_)) => return Err(RequestFault::ProofMissing.into()),
        };
        let evidence = match &request.token {
            Some(token) => Evidence::Token(self.identity_of(token).await?),
            // A text that is no ticket has no hash among the tickets.
            None => Evidence::Ticket(hex_of(evidence)),
        };
        let at = self.now();
        let alive_until = at.saturating_add(millis(self.0.certificate_life));
        let entry_key = EntryKeyRecord { key: request.entry_key.clone(), since: at, until: None };
        let enrolment = Enrolment { evidence, entry_key, current_key, alive_until, at };
        let (identity, epoch) = match self.0.store.enrol(&enrolment).await.map_err(Trouble::Store)? {
            Enrolled::Begun { identity, epoch } => (identity, epoch),
            Enrolled::NoTicket => return Err(EnrolError::NoTicket),
            Enrolled::TicketExpired { identity } => return Err(EnrolError::TicketExpired(identity)),
            Enrolled::TicketUsed(alarm) => return Err(EnrolError::TicketUsed(alarm)),
            Enrolled::Alive { identity } => return Err(EnrolError::Alive(identity)),
            Enrolled::KeyTaken => return Err(EnrolError::KeyTaken),
        };
        let certified = Certified { key, identity: &identity, epoch, at, until: alive_until };
        let issued = self.issued(&certified).await?;
        telemetry::issued(Asked::Enrol, &identity, epoch);
        Ok(issued)
    }

    /// Checks that `key` signed for this request, here and now.
    pub(super) fn check_proof(
        &self,
        jws: &str,
        key: &PublicKey,
        asked: &Asks<'_>,
        csr: &[u8],
    ) -> Result<(), RequestFault> {
        let proof = Proof::verify(jws, key).map_err(RequestFault::Proof)?;
        let evidence =
            if asked.evidence.is_empty() { String::new() } else { Proof::digest(asked.evidence.as_bytes()) };
        let audience = format!("spiffe://{}", self.0.keys.current().domain());
        let is_for_this = proof.aud == audience
            && proof.csr == Proof::digest(csr)
            && proof.evidence == evidence
            && proof.entry_key == asked.entry_key.kid;
        if !is_for_this {
            return Err(RequestFault::ProofPurpose);
        }
        let now = self.0.clock.unix_seconds();
        if proof.iat.abs_diff(now) > PROOF_WINDOW { Err(RequestFault::ProofTime) } else { Ok(()) }
    }
}

/// What a proof must be for.
pub(super) struct Asks<'it> {
    pub(super) entry_key: &'it EntryKey,
    pub(super) evidence: &'it str,
}

/// The key of a certificate request, and the request as DER.
pub(super) fn requested_key(csr: &str) -> Result<(RequestedKey, Vec<u8>), RequestFault> {
    let der = STANDARD.decode(csr).map_err(|_cause| RequestFault::CertificateRequest)?;
    Ok((RequestedKey::from_request(&der)?, der))
}

fn check_lengths(request: &EnrolRequest) -> Result<(), RequestFault> {
    let bounds = [
        (request.ticket.as_deref(), MOST_TICKET_BYTES),
        (request.token.as_deref(), MOST_TOKEN_BYTES),
        (Some(&request.csr), MOST_CSR_BYTES),
        (Some(&request.proof), MOST_PROOF_BYTES),
        (request.current_proof.as_deref(), MOST_PROOF_BYTES),
    ];
    let is_long = |(text, most): (Option<&str>, usize)| text.is_some_and(|text| text.len() > most);
    if bounds.into_iter().any(is_long) { Err(RequestFault::TooLong) } else { Ok(()) }
}

fn hex_of(ticket: &str) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(ticket.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A ticket has 102.
const MOST_TICKET_BYTES: usize = 128;

/// Of a Kubernetes service account and of CI systems they have two thousand.
const MOST_TOKEN_BYTES: usize = 16 * 1024;

/// One of P-256 or Ed25519 has some hundred, in base64.
pub(super) const MOST_CSR_BYTES: usize = 4 * 1024;

/// One has about five hundred.
pub(super) const MOST_PROOF_BYTES: usize = 2 * 1024;

/// Seconds that a proof may be older or newer than now.
const PROOF_WINDOW: u64 = 60;
