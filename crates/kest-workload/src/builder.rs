//! How a workload gets its identity: from its folder, or with a ticket or a token from its authority.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use kest_core::signature::ReplaceableSigner;
use kest_core::{BoxError, Clock, Limits, SystemClock};
use kest_http::{Endpoint, EndpointError};
use kest_identity::{BundleStartError, FetchBundle, FollowedBundle, process_environment};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::certificate::OwnCertificate;
use crate::document::Document;
use crate::enrol::{Believed, EnrolError, enrol};
use crate::evidence::{EvidenceError, Source};
use crate::folder::{Folder, FolderError};
use crate::follow::{AtHand, AuthorityBundle, KeptBundle};
use crate::link;
use crate::renew::{Progress, Renewer, Shared, authority_of};
use crate::settings::Settings;
use crate::stored::Standing;
use crate::tls;
use crate::trust::PeerTrust;
use crate::workload::{Inner, Workload};

/// Says how a workload gets its identity; begun with [`Workload::enrol`].
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `start`"]
pub struct Enrol {
    folder: PathBuf,
    authority: Option<String>,
    source: Source,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl Enrol {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let (settings, clock) = (Settings::default(), Arc::new(SystemClock));
        Self { folder, authority: None, source: Source::Nothing, settings, clock }
    }

    /// Where the authority enrols: `https://authority.internal:8443`. Without it, an identity in the folder says so.
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.authority = Some(url.into());
        self
    }

    /// Shows this ticket, once. An outage longer than a certificate's life then needs a start with another one.
    pub fn ticket(mut self, ticket: impl Into<String>) -> Self {
        self.source = Source::Ticket(Zeroizing::new(ticket.into()));
        self
    }

    /// The same with the ticket in the variable `KEST_TICKET`; without it, none is shown.
    pub fn ticket_from_env(self) -> Self {
        match process_environment(TICKET) {
            Some(ticket) => self.ticket(ticket),
            None => self,
        }
    }

    /// Shows the ticket in this file, which is read when one is needed: another one can be put there at any time.
    pub fn ticket_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::TicketFile(path.into());
        self
    }

    /// Shows the token in this file, of an issuer that the authority trusts. `root_pin` is the SHA-256 of the
    /// `SubjectPublicKeyInfo` of the authority's root, by which it is believed at first.
    pub fn oidc_token_file(mut self, path: impl Into<PathBuf>, root_pin: [u8; 32]) -> Self {
        self.source = Source::TokenFile(path.into(), Some(root_pin));
        self
    }

    /// Asks for the trust bundle this often; every 5 minutes by default.
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.settings.refresh_every = period;
        self
    }

    /// Goes on with the last trust bundle for this long; an hour by default.
    pub fn serve_stale_for(mut self, time: Duration) -> Self {
        self.settings.serve_stale_for = time;
        self
    }

    /// Signs entries with another key after this time, at the next renewal; a day by default.
    pub fn rotate_entry_key_every(mut self, life: Duration) -> Self {
        self.settings.entry_key_life = life;
        self
    }

    /// Lets a new entry key be in the trust bundle for this long before it signs; a sixth of the certificate's life by default.
    pub fn entry_key_overlap(mut self, overlap: Duration) -> Self {
        self.settings.overlap = Some(overlap);
        self
    }

    /// Looks at the clock this often; every second by default.
    pub fn look_at_clock_every(mut self, period: Duration) -> Self {
        self.settings.glance = period;
        self
    }

    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Goes on with the identity in the folder while its certificate lives, and is enrolled otherwise.
    ///
    /// # Errors
    ///
    /// [`StartError`] when there is no identity to begin with.
    pub async fn start(self) -> Result<Workload, StartError> {
        let folder = Arc::new(Folder::open(&self.folder)?);
        let kept = Standing::load(&folder)?;
        let now = self.clock.unix_seconds();
        let bundle = KeptBundle::load(&folder)?;
        match (kept, bundle) {
            (Some(standing), Some(bundle)) if now < standing.not_after => {
                let (document, payload) =
                    Document::first(&bundle.jws).map_err(|_cause| FolderError::Malformed("bundle.json"))?;
                tracing::info!(identity = %standing.identity, "identity of the folder is gone on with");
                self.begin(folder, standing, bundle, &document, payload).await
            }
            (kept, _) => {
                let authority = self.authority_url(kept.as_ref())?;
                let used = kept.as_ref().and_then(|kept| kept.stored.used.clone());
                let evidence = self.source.read(used.as_deref())?.ok_or(StartError::NoEvidence)?;
                let pin = evidence.pin.ok_or(StartError::NoPin)?;
                let domain = kept.as_ref().map(|kept| kept.identity.trust_domain().clone());
                let current = match &kept {
                    Some(kept) => Some(kept.stored.entry_key.signer(&kept.identity)?),
                    None => None,
                };
                let believed = Believed::Pinned(pin, domain);
                let enrolled = enrol(&authority, &evidence, believed, current.as_ref(), &self.clock).await?;
                if kept.is_some_and(|kept| kept.identity != enrolled.standing.identity) {
                    return Err(StartError::OtherIdentity);
                }
                let bundle = KeptBundle { jws: enrolled.jws, asked: self.clock.unix_seconds() };
                bundle.save(&folder)?;
                enrolled.standing.save(&folder)?;
                tracing::info!(identity = %enrolled.standing.identity, "identity enrolled");
                self.begin(folder, enrolled.standing, bundle, &enrolled.document, enrolled.payload).await
            }
        }
    }

    fn authority_url(&self, kept: Option<&Standing>) -> Result<Endpoint, StartError> {
        let url = self.authority.as_deref().or(kept.map(|kept| kept.stored.authority.as_str()));
        let url = Endpoint::parse(url.ok_or(StartError::NoAuthority)?)?;
        // A ticket is a secret, also on this machine.
        if url.is_https() { Ok(url) } else { Err(StartError::PlainHttp) }
    }

    async fn begin(
        self,
        folder: Arc<Folder>,
        standing: Standing,
        kept: KeptBundle,
        document: &Document,
        payload: Vec<u8>,
    ) -> Result<Workload, StartError> {
        let unusable = |_cause| StartError::Folder(FolderError::Malformed("identity.json"));
        let authority = self.authority_url(Some(&standing))?;
        let trust = PeerTrust::new(standing.identity.trust_domain().clone(), &document.roots)
            .map_err(|cause| StartError::Unusable(cause.into()))?;
        trust.epochs().revoked(&document.revocations);
        let own = OwnCertificate::new(&standing.chain, &standing.key)
            .map_err(|cause| StartError::Unusable(cause.into()))?;
        let name = authority_of(&standing.identity).ok_or(FolderError::Malformed("identity"))?;
        let client = link::client(trust.client(&own, [name], &self.clock).map_err(EnrolError::from)?)
            .map_err(EnrolError::from)?;
        let signer = standing.stored.entry_key.signer(&standing.identity).map_err(unusable)?;
        let fetcher = Arc::new(AuthorityBundle {
            client: client.clone(),
            authority: authority.clone(),
            trust: trust.clone(),
            folder: Arc::clone(&folder),
            clock: Arc::clone(&self.clock),
            limit: self.settings.limits.bundle_bytes,
            keys: ArcSwap::from_pointee(document.token_keys.clone()),
            sequence: AtomicU64::new(document.sequence),
            at_hand: Mutex::new(Some(AtHand {
                kept,
                payload,
                fresh_for: self.settings.refresh_every,
                serves_for: self.settings.serve_stale_for,
            })),
            brought: Mutex::default(),
            writing: Arc::default(),
        });
        let fetching: Arc<AuthorityBundle> = Arc::clone(&fetcher);
        let followed: Arc<dyn FetchBundle> = fetching;
        let bundle = FollowedBundle::builder(authority.as_str(), followed)
            .refresh_every(self.settings.refresh_every)
            .serve_stale_for(self.settings.serve_stale_for)
            .limits(self.settings.limits.clone())
            .clock(Arc::clone(&self.clock))
            .build()
            .await?;
        let shared = Arc::new(Shared {
            identity: standing.identity.clone(),
            signer: ReplaceableSigner::new(signer),
            clock: Arc::clone(&self.clock),
            client,
            progress: Mutex::new(Progress::of(&standing)),
            not_after: AtomicU64::new(standing.not_after),
            changes: watch::Sender::default(),
            trust,
            own,
        });
        self.run(shared, standing, fetcher, folder, authority, bundle)
    }

    fn run(
        self,
        shared: Arc<Shared>,
        standing: Standing,
        fetcher: Arc<AuthorityBundle>,
        folder: Arc<Folder>,
        authority: Endpoint,
        bundle: FollowedBundle,
    ) -> Result<Workload, StartError> {
        let (trust, own, clock) = (&shared.trust, &shared.own, &shared.clock);
        let server = tls::server(own, Some(trust), clock).map_err(EnrolError::from)?;
        let client = trust.client(own, [], clock).map_err(EnrolError::from)?;
        let renewer = Renewer {
            shared: Arc::clone(&shared),
            standing,
            bundle: fetcher,
            folder: Arc::clone(&folder),
            authority,
            source: self.source,
            settings: self.settings,
            sent: None,
        };
        let task = Mutex::new(Some(tokio::spawn(renewer.run())));
        let acceptor = TlsAcceptor::from(Arc::new(server));
        Ok(Workload::new(Inner { shared, bundle, acceptor, client, folder, task }))
    }
}

/// A workload has no identity to begin with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Nothing says where the authority is.
    #[error("no authority was named, and the folder knows none")]
    NoAuthority,
    /// The URL of the authority cannot be asked.
    #[error("url of the authority cannot be asked")]
    Url(#[from] EndpointError),
    /// The URL of the authority is not https.
    #[error("authority must be asked over https")]
    PlainHttp,
    /// The folder has no identity that lives, and there is nothing to show: no token, no ticket, or one that was used.
    #[error("folder has no identity that lives, and there is no ticket that was not used and no token")]
    NoEvidence,
    /// Nothing says by which root the authority is believed.
    #[error("no root of the authority is named")]
    NoPin,
    /// What there is to show cannot be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The ticket or token is for another identity than the folder's.
    #[error("ticket or token is for another identity than the folder has")]
    OtherIdentity,
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The authority did not enrol it.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// What was issued cannot be used.
    #[error("certificate or root cannot be used")]
    Unusable(#[source] BoxError),
    /// There is no trust bundle.
    #[error(transparent)]
    Bundle(#[from] BundleStartError),
}

/// The variable of a ticket.
const TICKET: &str = "KEST_TICKET";
