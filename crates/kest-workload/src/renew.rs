//! The life of an identity while its process runs: renewed in time, its keys rotated, and had back after any outage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::signature::ReplaceableSigner;
use kest_core::{Clock, OsRandom, Random as _};
use kest_http::{Endpoint, HttpClient};
use kest_identity::SpiffeId;
use tokio::sync::watch;

use crate::certificate::OwnCertificate;
use crate::document::DocumentError;
use crate::enrol::{Believed, EnrolError, enrol};
use crate::evidence::{EvidenceError, Source};
use crate::folder::{Folder, FolderError};
use crate::follow::{AuthorityBundle, KeptBundle};
use crate::keys::{KeyError, Seed, TlsKey, prove, seed, signer};
use crate::link::{self, AskError};
use crate::protocol::{AUTHORITY_PATH, EntryKey, Issued, Proof, RenewRequest};
use crate::settings::Settings;
use crate::stored::{Standing, StoredKey};
use crate::telemetry;
use crate::trust::PeerTrust;

/// What the renewal and those who use the identity have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identity: SpiffeId,
    pub(crate) trust: PeerTrust,
    pub(crate) own: OwnCertificate,
    pub(crate) signer: ReplaceableSigner,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) client: HttpClient,
    pub(crate) progress: Mutex<Progress>,
    pub(crate) not_after: AtomicU64,
    /// Counts tries to renew that have ended, and entry keys that were exchanged.
    pub(crate) changes: watch::Sender<u64>,
}

/// How renewal goes.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) epoch: crate::protocol::Epoch,
    pub(crate) received: u64,
    pub(crate) workload_url: Endpoint,
    pub(crate) failures: u32,
    pub(crate) last_error: Option<&'static str>,
    /// When the next try is due at the earliest after one that failed, and when that was said.
    rest: Option<(u64, u64)>,
    /// When the certificate is renewed.
    due: u64,
}

impl Progress {
    pub(crate) fn of(standing: &Standing) -> Self {
        let (received, life) = (standing.stored.received, standing.life());
        // Two thirds of the life, and up to a tenth of that earlier: a fleet that was started at once does not ask at once.
        let whole = life / 3 * 2 + life % 3 * 2 / 3;
        let due = received.saturating_add(whole.saturating_sub(up_to(whole / 10)));
        Self {
            epoch: standing.stored.epoch,
            received,
            workload_url: standing.workload_url.clone(),
            failures: 0,
            last_error: None,
            rest: None,
            due,
        }
    }

    /// Whether to try now. A clock that was set back behind the last try, or the last certificate, makes it due.
    fn is_due(&self, now: u64) -> bool {
        match self.rest {
            Some((since, until)) => now >= until || now < since,
            None => now >= self.due || now < self.received,
        }
    }

    fn failed(&mut self, now: u64, life: u64, kind: &'static str) {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(kind);
        let doubled = 1_u64.checked_shl(self.failures.saturating_sub(1).min(16)).unwrap_or(u64::MAX);
        let pause = doubled.min(LONGEST_REST.min(life / 10)).max(1);
        let pause = pause.saturating_sub(up_to(pause / 4));
        self.rest = Some((now, now.saturating_add(pause)));
    }
}

/// Renews one identity, for as long as it lives.
pub(crate) struct Renewer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) standing: Standing,
    pub(crate) bundle: Arc<AuthorityBundle>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) authority: Endpoint,
    pub(crate) source: Source,
    pub(crate) settings: Settings,
    /// A key that was sent and of which no answer came: it is sent again, and no other one.
    pub(crate) sent: Option<Seed>,
}

impl Renewer {
    /// Looks at the clock now and then, which may have been moved or have gone on while the machine slept.
    pub(crate) async fn run(mut self) {
        loop {
            self.look().await;
            tokio::time::sleep(self.settings.glance).await;
        }
    }

    pub(crate) async fn look(&mut self) {
        let now = self.shared.clock.unix_seconds();
        telemetry::seconds_left(self.shared.identity.as_str(), self.standing.not_after, now);
        if let Err(cause) = self.take_next_key(now) {
            tracing::warn!(%cause, "next entry key cannot be used");
        }
        let is_due = self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner).is_due(now);
        if !is_due {
            return;
        }
        // The proof of a certificate that has ended is asked for by no one.
        let (how, outcome) = if now < self.standing.not_after {
            ("renew", self.renew(now).await)
        } else {
            ("enrol", self.enrol_again().await)
        };
        telemetry::renewed(how, outcome.as_ref().map_or_else(RenewError::kind, |()| "done"));
        match outcome {
            Ok(()) => tracing::info!(how, epoch = %self.standing.stored.epoch, "certificate renewed"),
            Err(cause) => self.failed(how, &cause),
        }
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn failed(&self, how: &'static str, cause: &RenewError) {
        let now = self.shared.clock.unix_seconds();
        let seconds_left = self.standing.not_after.saturating_sub(now);
        let mut progress = self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.failed(now, self.standing.life(), cause.kind());
        let (kind, failures) = (cause.kind(), progress.failures);
        drop(progress);
        if seconds_left == 0 {
            tracing::error!(how, kind, failures, "certificate has ended and there is no other one");
        } else {
            tracing::warn!(how, kind, failures, seconds_left, "certificate was not renewed");
        }
    }

    /// Signs with the key that the bundle has had for long enough.
    fn take_next_key(&mut self, now: u64) -> Result<(), RenewError> {
        let Some(next) = self.standing.stored.next_entry_key.clone() else { return Ok(()) };
        if now < next.since {
            return Ok(());
        }
        let key = next.signer(&self.standing.identity)?;
        let mut stored = self.standing.stored.clone();
        (stored.entry_key, stored.next_entry_key) = (next, None);
        let standing = Standing::read(stored)?;
        standing.save(&self.folder)?;
        self.standing = standing;
        self.shared.signer.replace(key).map_err(|_cause| RenewError::OtherIdentity)?;
        tracing::info!("entries are signed with the next key");
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    async fn renew(&mut self, now: u64) -> Result<(), RenewError> {
        let tls = TlsKey::generate()?;
        let (entry_key, proof) = match self.next_seed(now)? {
            None => (None, None),
            Some(seed) => {
                let key = signer(self.standing.identity.workload(), &seed)?;
                let entry_key = EntryKey::of(key.public_key());
                let proof = Proof {
                    aud: format!("spiffe://{}", self.standing.identity.trust_domain()),
                    iat: now,
                    csr: Proof::digest(&tls.request),
                    evidence: String::new(),
                    entry_key: entry_key.kid.clone(),
                };
                (Some(entry_key), Some(prove(&key, &proof).await?))
            }
        };
        let request = RenewRequest { csr: STANDARD.encode(&tls.request), entry_key, proof };
        let endpoint = self.standing.workload_url.at_path("/v1/renew");
        let issued: Issued = link::ask(&self.shared.client, &endpoint, &request).await?;
        if issued.identity != self.standing.stored.identity || issued.epoch != self.standing.stored.epoch {
            return Err(RenewError::OtherIdentity);
        }
        let now = self.shared.clock.unix_seconds();
        let mut stored = self.standing.stored.clone();
        stored.certificate = issued.certificate;
        stored.workload_url = issued.workload_url;
        stored.key = STANDARD.encode(&*tls.key);
        stored.received = now;
        let mut standing = Standing::read(stored).map_err(|_cause| AskError::Answer)?;
        let overlap = self.settings.overlap.map_or(standing.life() / 6, |overlap| overlap.as_secs());
        if let Some(seed) = &self.sent {
            standing.stored.next_entry_key = Some(StoredKey::new(seed, now.saturating_add(overlap)));
        }
        self.take(standing)?;
        self.sent = None;
        Ok(())
    }

    /// The next entry key, where the present one is old enough and no other one waits.
    fn next_seed(&mut self, now: u64) -> Result<Option<Seed>, RenewError> {
        let stored = &self.standing.stored;
        let age = now.saturating_sub(stored.entry_key.since);
        let is_old = age >= self.settings.entry_key_life.as_secs() && stored.next_entry_key.is_none();
        if is_old && self.sent.is_none() {
            self.sent = Some(seed(&OsRandom)?);
        }
        Ok(self.sent.clone())
    }

    /// A certificate that has ended proves nothing, so whatever was shown first is shown again.
    async fn enrol_again(&mut self) -> Result<(), RenewError> {
        let used = self.standing.stored.used.as_deref();
        let evidence = self.source.read(used)?.ok_or(RenewError::NoEvidence)?;
        let domain = self.standing.identity.trust_domain().clone();
        let believed = match evidence.pin {
            Some(pin) => Believed::Pinned(pin, Some(domain)),
            None => Believed::Known(Box::new(authority_tls(&self.shared)?), domain),
        };
        let current = self.standing.stored.entry_key.signer(&self.standing.identity)?;
        let clock = Arc::clone(&self.shared.clock);
        let enrolled = enrol(&self.authority, &evidence, believed, Some(&current), &clock).await?;
        let mut standing = enrolled.standing;
        if standing.identity != self.standing.identity {
            return Err(RenewError::OtherIdentity);
        }
        if enrolled.document.sequence < self.bundle.sequence() {
            return Err(EnrolError::Bundle(DocumentError::Older).into());
        }
        if standing.stored.used.is_none() {
            standing.stored.used = self.standing.stored.used.clone();
        }
        KeptBundle { jws: enrolled.jws, asked: clock.unix_seconds() }.save(&self.folder)?;
        self.bundle.go_by(&enrolled.document).map_err(|_cause| AskError::Answer)?;
        self.sent = None;
        let key = standing.stored.entry_key.signer(&standing.identity)?;
        self.take(standing)?;
        self.shared.signer.replace(key).map_err(|_cause| RenewError::OtherIdentity)
    }

    /// Keeps it, and only then presents it.
    fn take(&mut self, standing: Standing) -> Result<(), RenewError> {
        self.shared
            .trust
            .check_own(&standing.chain, &self.shared.clock)
            .map_err(|_cause| AskError::Answer)?;
        OwnCertificate::new(&standing.chain, &standing.key).map_err(|_cause| AskError::Answer)?;
        standing.save(&self.folder)?;
        self.shared.own.replace(&standing.chain, &standing.key).map_err(|_cause| AskError::Answer)?;
        self.shared.not_after.store(standing.not_after, Ordering::Release);
        *self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner) = Progress::of(&standing);
        self.standing = standing;
        Ok(())
    }
}

/// TLS to the authority and to no other workload.
pub(crate) fn authority_tls(shared: &Shared) -> Result<kest_http::ClientTls, EnrolError> {
    let name = authority_of(&shared.identity).ok_or(AskError::Answer)?;
    Ok(shared.trust.client(&shared.own, [name], &shared.clock)?)
}

/// The SPIFFE id of the authority of a workload.
pub(crate) fn authority_of(identity: &SpiffeId) -> Option<SpiffeId> {
    SpiffeId::parse(&format!("spiffe://{}{AUTHORITY_PATH}", identity.trust_domain())).ok()
}

/// A number up to `most`, evenly enough; 0 without randomness, since it is a courtesy to the authority and no protection.
fn up_to(most: u64) -> u64 {
    let mut bytes = [0; 8];
    match OsRandom.fill(&mut bytes) {
        Ok(()) => u64::from_be_bytes(bytes) % most.saturating_add(1),
        Err(_cause) => 0,
    }
}

/// A certificate was not renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RenewError {
    #[error(transparent)]
    Asked(#[from] AskError),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error("certificate has ended, and there is no ticket that was not used and no token")]
    NoEvidence,
    #[error("answer is for another identity")]
    OtherIdentity,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl RenewError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Asked(cause) => cause.kind(),
            Self::Enrol(cause) => cause.kind(),
            Self::Evidence(_) => "evidence",
            Self::NoEvidence => "no_evidence",
            Self::OtherIdentity => "other_identity",
            Self::Key(_) => "key",
            Self::Folder(_) => "folder",
        }
    }
}

/// Seconds between two tries at most, or a tenth of the certificate's life where that is less: an outage is neither hammered at
/// nor slept through.
const LONGEST_REST: u64 = 60;

/// How often the clock is looked at.
pub(crate) const GLANCE: Duration = Duration::from_secs(1);
