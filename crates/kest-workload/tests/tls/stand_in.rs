//! A stand-in of an authority: it speaks the protocol, judges as little as it can, and can be told to misbehave.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kest_core::signature::{Ed25519Signer, SigningKey as _, WorkloadId};
use kest_core::{Clock as _, OsRandom};
use kest_testkit::TestClock;
use kest_workload::protocol::{
    AUTHORITY_PATH, EnrolRequest, EntryKey, Epoch, Issued, Proof, RenewRequest, TicketText, TokenAnswer,
    TokenRequest,
};
use kest_workload::{Enrol, PeerIdentity, Workload, WorkloadListener, with_peers};
use rcgen::CertificateSigningRequestParams;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::rig::{Service, epoch, leaf, lifetime, uri};

/// Where it is, and what it remembers.
#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: TestClock,
    pub(crate) enrolment: SocketAddr,
    pub(crate) workloads: SocketAddr,
    state: Arc<Mutex<Remembered>>,
}

pub(crate) struct Remembered {
    /// Seconds that a certificate lives.
    pub(crate) life: u64,
    pub(crate) sequence: u64,
    tickets: BTreeMap<String, String>,
    pub(crate) enrolled: BTreeMap<String, Vec<EntryKey>>,
    pub(crate) epochs: BTreeMap<String, u64>,
    pub(crate) void: BTreeMap<String, u64>,
    pub(crate) signer: Ed25519Signer,
    /// What is asked of it, in order.
    pub(crate) asked: Vec<&'static str>,
    /// Entry keys that renewals asked for, in order.
    pub(crate) sent: Vec<String>,
    pub(crate) mood: Mood,
}

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// It answers 503.
    Away,
    /// It does what it is asked, and answers 503.
    Lossy,
    /// It issues for another trust domain than its own.
    Straying,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        Self::named(AUTHORITY_PATH).await
    }

    /// With a certificate of the same root that has this path.
    pub(crate) async fn named(path: &str) -> Self {
        let service = Service::new();
        let clock = service.clock.clone();
        let id = format!("spiffe://example.org{path}");
        let mut own = service.root.issue(|params| {
            params.subject_alt_names = vec![uri(&id)];
            lifetime(params, -60, 10_000_000);
        });
        own.chain.push(service.root.certificate.clone());
        service.own.replace(&own.chain, &own.key.serialize_der()).unwrap();
        let (enrolment, workloads) = (bind().await, bind().await);
        let signer = WorkloadId::new("authority").unwrap();
        let state = Remembered {
            life: 3600,
            sequence: 1,
            tickets: BTreeMap::new(),
            enrolled: BTreeMap::new(),
            epochs: BTreeMap::new(),
            void: BTreeMap::new(),
            signer: Ed25519Signer::generate(signer, &OsRandom).unwrap(),
            asked: Vec::new(),
            sent: Vec::new(),
            mood: Mood::Well,
        };
        let this = Self {
            enrolment: enrolment.local_addr().unwrap(),
            workloads: workloads.local_addr().unwrap(),
            service: Arc::new(service),
            clock,
            state: Arc::new(Mutex::new(state)),
        };
        this.serve(enrolment, workloads);
        this
    }

    fn serve(&self, enrolment: TcpListener, workloads: TcpListener) {
        let (own, trust, clock) = (&self.service.own, &self.service.trust, self.service.clock());
        let enrolment = WorkloadListener::server_only(enrolment, own, &clock).unwrap();
        let workloads = WorkloadListener::mutual(workloads, own, trust, &clock).unwrap();
        let public = Router::new().route("/v1/enrol", post(enrol)).route("/v1/bundle", get(bundle));
        let public = public.with_state(self.clone());
        let inside = Router::new().route("/v1/renew", post(renew)).route("/v1/token", post(token));
        let inside = inside.with_state(self.clone());
        tokio::spawn(async move { axum::serve(enrolment, with_peers(public)).await });
        tokio::spawn(async move { axum::serve(workloads, with_peers(inside)).await });
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.enrolment)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, Remembered> {
        self.state.lock().unwrap()
    }

    pub(crate) fn root_pin(&self) -> [u8; 32] {
        let (_, root) = X509Certificate::from_der(&self.service.root.certificate).unwrap();
        Sha256::digest(root.public_key().raw).into()
    }

    pub(crate) fn ticket(&self, workload: &str) -> String {
        let ticket = TicketText::generate(self.root_pin(), &OsRandom).unwrap();
        self.state().tickets.insert(ticket.hash(), format!("spiffe://example.org/{workload}"));
        ticket.reveal().to_string()
    }

    /// A workload of this authority, whose clock is the test's.
    pub(crate) fn of(&self, folder: &Path) -> Enrol {
        let enrol = Workload::enrol(folder).authority(self.url()).clock(self.service.clock());
        enrol.look_at_clock_every(std::time::Duration::from_millis(5))
    }

    pub(crate) fn signed_bundle(&self) -> String {
        let state = self.state();
        let mut keys: Vec<Value> = Vec::new();
        for (identity, of_workload) in &state.enrolled {
            for key in of_workload {
                let mut key = serde_json::to_value(key).unwrap();
                key["principal"] = json!(identity);
                keys.push(key);
            }
        }
        keys.push(json!({
            "kty": "EC", "use": "x509-svid", "x5c": [STANDARD.encode(&self.service.root.certificate)],
        }));
        let token_key = EntryKey::of(state.signer.public_key());
        keys.push(json!({
            "kty": "OKP", "crv": "Ed25519", "use": "jwt-svid", "kid": token_key.kid, "x": token_key.x,
        }));
        let revocations: Vec<_> =
            state.void.iter().map(|(id, epoch)| json!({ "identity": id, "epoch": epoch })).collect();
        let payload = json!({ "keys": keys, "spiffe_sequence": state.sequence, "revocations": revocations });
        let header = json!({ "alg": "EdDSA", "typ": "kest-bundle+jws", "kid": token_key.kid });
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encoded(&header), encoded(&payload));
        let signature = sign(&state.signer, &input);
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn issue(&self, identity: &str, csr: &str, number: u64) -> Issued {
        let request = STANDARD.decode(csr).unwrap().into();
        let request = CertificateSigningRequestParams::from_der(&request).unwrap();
        let (life, mood) = {
            let state = self.state();
            (state.life, state.mood)
        };
        let since = i64::try_from(self.clock.unix_seconds() - TestClock::START).unwrap();
        let identity = if mood == Mood::Straying {
            identity.replace("example.org", "evil.example")
        } else {
            identity.into()
        };
        let params = leaf(|params| {
            params.subject_alt_names = vec![uri(&identity)];
            params.custom_extensions = vec![epoch(number)];
            lifetime(params, since - 60, since + i64::try_from(life).unwrap());
        });
        let certificate = params.signed_by(&request.public_key, &self.service.root.issuer).unwrap();
        Issued {
            identity,
            epoch: Epoch::new(number),
            certificate: vec![STANDARD.encode(certificate.der())],
            bundle: self.signed_bundle(),
            workload_url: format!("https://{}", self.workloads),
        }
    }

    fn answer(&self, answer: impl serde::Serialize) -> Response {
        match self.state().mood {
            Mood::Lossy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Mood::Well | Mood::Away | Mood::Straying => Json(answer).into_response(),
        }
    }
}

fn sign(signer: &Ed25519Signer, input: &str) -> [u8; 64] {
    // A key in memory signs at once.
    let signing = signer.sign(input.as_bytes());
    let mut signing = std::pin::pin!(signing);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match signing.as_mut().poll(&mut context) {
        std::task::Poll::Ready(signature) => *signature.unwrap().as_bytes(),
        std::task::Poll::Pending => panic!("a key in memory waits for nothing"),
    }
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn enrol(State(authority): State<StandIn>, Json(request): Json<EnrolRequest>) -> Response {
    authority.state().asked.push("enrol");
    if authority.state().mood == Mood::Away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let key = request.entry_key.public_key().unwrap();
    let proof = Proof::verify(&request.proof, &key).unwrap();
    assert_eq!(proof.aud, "spiffe://example.org");
    let shown = request.ticket.as_ref().or(request.token.as_ref()).unwrap();
    assert_eq!(proof.evidence, Proof::digest(shown.as_bytes()));
    assert_eq!(proof.csr, Proof::digest(&STANDARD.decode(&request.csr).unwrap()));
    let identity = match (&request.ticket, &request.token) {
        (Some(ticket), None) => {
            let hash = TicketText::parse(ticket).unwrap().hash();
            authority.state().tickets.remove(&hash)
        }
        (None, Some(token)) if token == "token of ci" => Some("spiffe://example.org/cart".to_owned()),
        _ => None,
    };
    let Some(identity) = identity else { return StatusCode::FORBIDDEN.into_response() };
    let number = {
        let mut state = authority.state();
        let before = state.epochs.get(&identity).copied().unwrap_or(0);
        state.epochs.insert(identity.clone(), before + 1);
        state.void.insert(identity.clone(), before);
        state.enrolled.insert(identity.clone(), vec![request.entry_key]);
        state.sequence += 1;
        before + 1
    };
    let issued = authority.issue(&identity, &request.csr, number);
    authority.answer(issued)
}

async fn bundle(State(authority): State<StandIn>, headers: HeaderMap) -> Response {
    authority.state().asked.push("bundle");
    assert_eq!(headers["accept"], "application/jose");
    if authority.state().mood == Mood::Away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    authority.signed_bundle().into_response()
}

async fn renew(
    State(authority): State<StandIn>,
    Extension(peer): Extension<PeerIdentity>,
    Json(request): Json<RenewRequest>,
) -> Response {
    authority.state().asked.push("renew");
    if authority.state().mood == Mood::Away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let identity = peer.workload().to_string();
    if authority.state().epochs.get(&identity).copied() != peer.epoch().map(Epoch::number) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if let Some(key) = request.entry_key {
        Proof::verify(&request.proof.unwrap(), &key.public_key().unwrap()).unwrap();
        let mut state = authority.state();
        state.sent.push(key.kid.clone());
        state.sequence += 1;
        let keys = state.enrolled.get_mut(&identity).unwrap();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let issued = authority.issue(&identity, &request.csr, peer.epoch().unwrap().number());
    authority.answer(issued)
}

async fn token(
    State(authority): State<StandIn>,
    Extension(peer): Extension<PeerIdentity>,
    Json(request): Json<TokenRequest>,
) -> Response {
    authority.state().asked.push("token");
    let scope = request.scope.unwrap_or_default();
    let access_token = format!("{} for {} to {scope}", peer.workload(), request.audience);
    authority.answer(TokenAnswer { access_token, token_type: "Bearer".into(), expires_in: 300 })
}
