//! Enrolment: the first certificate of an identity, from an authority that is known by its root alone.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::signature::{Ed25519Signer, WorkloadId};
use kest_core::{Clock, OsRandom};
use kest_http::{ClientTls, Endpoint, HttpClientError};
use kest_identity::TrustDomain;

use crate::document::{Document, DocumentError};
use crate::evidence::Evidence;
use crate::first_contact::FirstContact;
use crate::folder::FolderError;
use crate::keys::{KeyError, Seed, TlsKey, prove, seed, signer};
use crate::link::{self, AskError};
use crate::protocol::{EnrolRequest, EntryKey, Issued, Proof};
use crate::stored::{Standing, Stored, StoredKey};
use crate::tls::{self, TlsError};

/// What an enrolment gave: the identity, and the trust bundle that the authority vouches for.
pub(crate) struct Enrolled {
    pub(crate) standing: Standing,
    pub(crate) document: Document,
    pub(crate) jws: String,
    pub(crate) payload: Vec<u8>,
}

/// How the authority is believed.
pub(crate) enum Believed {
    /// By the root that the evidence names; in this trust domain, where one is known.
    Pinned([u8; 32], Option<TrustDomain>),
    /// By the roots of an earlier enrolment.
    Known(Box<ClientTls>, TrustDomain),
}

/// Asks to be enrolled. `current` is the key that the identity has now, where it has one.
pub(crate) async fn enrol(
    authority: &Endpoint,
    evidence: &Evidence,
    believed: Believed,
    current: Option<&Ed25519Signer>,
    clock: &Arc<dyn Clock>,
) -> Result<Enrolled, EnrolError> {
    let (client, domain) = contact(authority, believed, clock).await?;
    let (tls, entry) = (TlsKey::generate()?, seed(&OsRandom)?);
    // The name of the workload is in the ticket, and comes with the answer.
    let unnamed = WorkloadId::new(format!("spiffe://{domain}/unnamed")).map_err(|_cause| AskError::Answer)?;
    let key = signer(&unnamed, &entry)?;
    let entry_key = EntryKey::of(key.public_key());
    let proof = Proof {
        aud: format!("spiffe://{domain}"),
        iat: clock.unix_seconds(),
        csr: Proof::digest(&tls.request),
        evidence: evidence.digest(),
        entry_key: entry_key.kid.clone(),
    };
    let current_proof = match current {
        Some(current) => Some(prove(current, &proof).await?),
        None => None,
    };
    let request = EnrolRequest {
        ticket: evidence.ticket.as_deref().cloned(),
        token: evidence.token.as_deref().cloned(),
        csr: STANDARD.encode(&tls.request),
        entry_key,
        proof: prove(&key, &proof).await?,
        current_key: current.map(|current| EntryKey::of(current.public_key())),
        current_proof,
    };
    let issued: Issued = link::ask(&client, &authority.at_path("/v1/enrol"), &request).await?;
    read(issued, authority, evidence, &tls, &entry, &domain, clock)
}

/// The answer, if it is of the trust domain whose authority was believed, and of the keys that were made here.
fn read(
    issued: Issued,
    authority: &Endpoint,
    evidence: &Evidence,
    tls: &TlsKey,
    entry: &Seed,
    domain: &TrustDomain,
    clock: &Arc<dyn Clock>,
) -> Result<Enrolled, EnrolError> {
    let now = clock.unix_seconds();
    let (document, payload) = Document::first(&issued.bundle)?;
    let used = evidence.ticket.is_some().then(|| evidence.digest());
    let stored = Stored {
        identity: issued.identity,
        epoch: issued.epoch,
        authority: authority.as_str().to_owned(),
        workload_url: issued.workload_url,
        certificate: issued.certificate,
        key: STANDARD.encode(&*tls.key),
        received: now,
        entry_key: StoredKey::new(entry, now),
        next_entry_key: None,
        used,
    };
    let standing = Standing::read(stored).map_err(|_cause| AskError::Answer)?;
    if standing.identity.trust_domain() != domain {
        return Err(AskError::Answer.into());
    }
    Ok(Enrolled { standing, document, jws: issued.bundle, payload })
}

/// A client that believes the authority, and the trust domain that it is of: what is signed names it.
async fn contact(
    authority: &Endpoint,
    believed: Believed,
    clock: &Arc<dyn Clock>,
) -> Result<(kest_http::HttpClient, TrustDomain), EnrolError> {
    let (pin, domain) = match believed {
        Believed::Known(tls, domain) => return Ok((link::client(*tls)?, domain)),
        Believed::Pinned(pin, domain) => (pin, domain),
    };
    let first = FirstContact::new(pin, domain);
    let verifier: Arc<FirstContact> = Arc::clone(&first);
    let tls = tls::client(None, verifier, clock)?;
    let client = link::client(tls)?;
    // Whatever is answered, the handshake has shown the name of the authority.
    let answer = link::bundle(&client, authority, None, FIRST_BYTES).await;
    match (first.domain(), answer) {
        (Some(domain), _) => Ok((client, domain)),
        (None, Err(cause)) => Err(AskError::Unavailable(cause).into()),
        (None, Ok(_)) => Err(AskError::Answer.into()),
    }
}

/// An identity was not enrolled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The authority did not give it.
    #[error(transparent)]
    Asked(#[from] AskError),
    /// Its trust bundle cannot be gone by.
    #[error("trust bundle of the authority cannot be gone by")]
    Bundle(#[from] DocumentError),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client cannot be set up.
    #[error("authority cannot be asked")]
    Client(#[from] HttpClientError),
    /// What was issued cannot be kept.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl EnrolError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Asked(cause) => cause.kind(),
            Self::Bundle(_) => "bundle",
            Self::Key(_) => "key",
            Self::Tls(_) | Self::Client(_) => "tls",
            Self::Folder(_) => "folder",
        }
    }
}

/// A bundle that is asked for so that there is a handshake, and is not read.
const FIRST_BYTES: usize = 1024 * 1024;
