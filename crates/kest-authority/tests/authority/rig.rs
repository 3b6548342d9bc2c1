//! An authority with a clock that a test owns, applicants, and connections to its listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kest_authority::{
    Authority, AuthorityBuilder, AuthorityKeys, EnrolError, Enrolled, Enrolment, LiveKey, MemoryStore,
    NewTicket, Place, Renewal, Renewed, Revoked, State, Store, StoreError, Ticket, Workload,
};
use kest_core::signature::{Ed25519Signer, SigningKey as _, WorkloadId};
use kest_core::{Clock, OsRandom, SystemClock};
use kest_identity::{SpiffeId, TrustDomain};
use kest_testkit::TestClock;
use kest_workload::protocol::{EnrolRequest, EntryKey, Issued, Proof, RenewRequest};
use rcgen::KeyPair;
use tokio::net::TcpListener;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};

pub(crate) const DOMAIN: &str = "spiffe://example.org";

pub(crate) struct Rig {
    pub(crate) authority: Authority,
    pub(crate) clock: TestClock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn id(name: &str) -> SpiffeId {
    SpiffeId::parse(&format!("{DOMAIN}/{name}")).unwrap()
}

pub(crate) fn domain() -> TrustDomain {
    TrustDomain::parse("example.org").unwrap()
}

/// Keys in a new folder.
pub(crate) fn keys(folder: &std::path::Path, clock: &dyn Clock) -> AuthorityKeys {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    AuthorityKeys::init(folder, &domain(), names, clock, &OsRandom).unwrap()
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    /// The clock begins now, since TLS of clients goes by the time of the machine.
    pub(crate) async fn with(edit: impl FnOnce(AuthorityBuilder) -> AuthorityBuilder) -> Self {
        let clock = TestClock::of(&SystemClock);
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(MemoryStore::new());
        let keys = keys(folder.path(), &clock);
        let shared = Arc::<MemoryStore>::clone(&store);
        let builder = Authority::builder(keys, shared)
            .clock(Arc::new(clock.clone()))
            .workload_url("https://localhost:8444");
        Self { authority: edit(builder).start().await.unwrap(), clock, store, folder }
    }

    pub(crate) async fn ticket(&self, name: &str, place: Place) -> String {
        let ticket = self.authority.give_ticket(&id(name), Authority::TICKET_LIFE, place).await.unwrap();
        ticket.reveal().to_string()
    }

    /// An identity that is enrolled.
    pub(crate) async fn enrolled(&self, name: &str) -> (Applicant, Issued) {
        let applicant = Applicant::new();
        let ticket = self.ticket(name, Place::Free).await;
        let issued = self.authority.enrol(&applicant.request(self, &ticket).await).await.unwrap();
        (applicant, issued)
    }

    /// The kind of a refusal of an enrolment, after which the identity is as it was before.
    pub(crate) async fn refused(&self, request: &EnrolRequest) -> &'static str {
        let before = self.store.state().await.unwrap();
        let error = self.authority.enrol(request).await.unwrap_err();
        assert!(!matches!(error, EnrolError::Trouble(_)), "{error:?}");
        assert_eq!(self.store.state().await.unwrap(), before, "{error:?}");
        error.kind()
    }

    /// Both listeners, on loopback, until the runtime of the test ends.
    pub(crate) async fn serve(&self) -> (SocketAddr, SocketAddr) {
        let sockets = [
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        ];
        let [enrolments, workloads] = sockets;
        let addresses = (enrolments.local_addr().unwrap(), workloads.local_addr().unwrap());
        let (one, other) = (self.authority.clone(), self.authority.clone());
        tokio::spawn(async move { one.serve_enrolments(enrolments, std::future::pending()).await });
        tokio::spawn(async move { other.serve_workloads(workloads, std::future::pending()).await });
        addresses
    }

    /// The roots of the bundle.
    pub(crate) async fn roots(&self) -> Vec<CertificateDer<'static>> {
        let bundle = self.authority.bundle().await.unwrap();
        roots_of(bundle.json())
    }

    /// A client that believes the roots of the bundle by rustls' own verifier, and presents this certificate.
    pub(crate) async fn client(&self, own: Option<(&Applicant, &Issued)>) -> reqwest::Client {
        let mut roots = RootCertStore::empty();
        for root in self.roots().await {
            roots.add(root).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some((applicant, issued)) => {
                let key = PrivatePkcs8KeyDer::from(applicant.key.serialize_der());
                config.with_client_auth_cert(vec![leaf(issued)], PrivateKeyDer::from(key)).unwrap()
            }
        };
        reqwest::Client::builder().tls_backend_preconfigured(config).timeout(WAIT).build().unwrap()
    }
}

/// What a service has before it is one: keys.
pub(crate) struct Applicant {
    pub(crate) key: KeyPair,
    pub(crate) entry: Ed25519Signer,
    /// DER.
    pub(crate) csr: Vec<u8>,
}

impl Applicant {
    pub(crate) fn new() -> Self {
        Self::with_key(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    pub(crate) fn with_key(key: KeyPair) -> Self {
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
        let entry = Ed25519Signer::generate(WorkloadId::new("new").unwrap(), &OsRandom).unwrap();
        Self { key, entry, csr }
    }

    pub(crate) fn entry_key(&self) -> EntryKey {
        EntryKey::of(self.entry.public_key())
    }

    /// What it proves with this evidence, now.
    pub(crate) fn proof(&self, rig: &Rig, evidence: &str) -> Proof {
        let evidence = if evidence.is_empty() { String::new() } else { Proof::digest(evidence.as_bytes()) };
        Proof {
            aud: DOMAIN.to_owned(),
            iat: rig.clock.unix_seconds(),
            csr: Proof::digest(&self.csr),
            evidence,
            entry_key: self.entry_key().kid,
        }
    }

    pub(crate) async fn request(&self, rig: &Rig, ticket: &str) -> EnrolRequest {
        self.request_with(&self.proof(rig, ticket), ticket).await
    }

    pub(crate) async fn request_with(&self, proof: &Proof, ticket: &str) -> EnrolRequest {
        EnrolRequest {
            ticket: Some(ticket.to_owned()),
            token: None,
            csr: base64(&self.csr),
            entry_key: self.entry_key(),
            proof: signed(&self.entry, proof).await,
            current_key: None,
            current_proof: None,
        }
    }

    /// A renewal with this one's keys.
    pub(crate) async fn renewal(&self, rig: &Rig) -> RenewRequest {
        RenewRequest {
            csr: base64(&self.csr),
            entry_key: Some(self.entry_key()),
            proof: Some(signed(&self.entry, &self.proof(rig, "")).await),
        }
    }
}

pub(crate) async fn signed(signer: &Ed25519Signer, proof: &Proof) -> String {
    let input = proof.signing_input().unwrap();
    Proof::compact(&input, &signer.sign(input.as_bytes()).await.unwrap())
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn from_base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

pub(crate) fn leaf(issued: &Issued) -> CertificateDer<'static> {
    CertificateDer::from(from_base64(issued.certificate.first().unwrap()))
}

pub(crate) fn roots_of(bundle: &str) -> Vec<CertificateDer<'static>> {
    let bundle: serde_json::Value = serde_json::from_str(bundle).unwrap();
    let keys = bundle.get("keys").unwrap().as_array().unwrap();
    let chains = keys.iter().filter_map(|key| key.get("x5c")?.as_array()?.first()?.as_str());
    chains.map(|der| CertificateDer::from(from_base64(der))).collect()
}

pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// A store that can be away.
#[derive(Debug, Default)]
pub(crate) struct AwayStore {
    inner: MemoryStore,
    away: AtomicBool,
}

impl AwayStore {
    pub(crate) fn go(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    fn there(&self) -> Result<&MemoryStore, StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(StoreError::new("away")) } else { Ok(&self.inner) }
    }
}

#[async_trait::async_trait]
impl Store for AwayStore {
    async fn add_ticket(&self, ticket: &NewTicket) -> Result<(), StoreError> {
        self.there()?.add_ticket(ticket).await
    }
    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        self.there()?.enrol(enrolment).await
    }
    async fn renew(&self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        self.there()?.renew(renewal).await
    }
    async fn revoke(&self, identity: &SpiffeId, at: u64) -> Result<Revoked, StoreError> {
        self.there()?.revoke(identity, at).await
    }
    async fn retire(&self, at: u64, ended_before: u64) -> Result<u64, StoreError> {
        self.there()?.retire(at, ended_before).await
    }
    async fn publish(&self, authority: &str, keys: &[LiveKey], at: u64) -> Result<(), StoreError> {
        self.there()?.publish(authority, keys, at).await
    }
    async fn sequence(&self) -> Result<u64, StoreError> {
        self.there()?.sequence().await
    }
    async fn state(&self) -> Result<State, StoreError> {
        self.there()?.state().await
    }
    async fn workload(&self, identity: &SpiffeId) -> Result<Option<Workload>, StoreError> {
        self.there()?.workload(identity).await
    }
    async fn tickets(&self, at: u64, limit: u32) -> Result<Vec<Ticket>, StoreError> {
        self.there()?.tickets(at, limit).await
    }
    async fn forget_tickets(&self, before: u64) -> Result<u64, StoreError> {
        self.there()?.forget_tickets(before).await
    }
}
