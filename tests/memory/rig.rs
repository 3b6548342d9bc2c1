//! A real service on loopback whose handler waits, and clients that were ready before the count began.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use http::HeaderMap;
use kest::Admitted;
use kest_baggage::{
    Audience, ClaimCheck, PassportStore, PassportStoreError, PassportStores, Sealing, SealingKey, Tiers, pack,
};
use kest_core::entry::PolicyName;
use kest_core::passport::Tips;
use kest_core::policy::policy_fn;
use kest_core::signature::KeyId;
use kest_core::{
    Admitter, Authorize, Identity, Limits, Operation, OsRandom, Slots, UnverifiedPassport, Verifier,
};
use kest_identity::{IdentityChoice, JwtAuthenticator};
use kest_policy::{Engine, EngineError, EngineIdentity, Input, Policies, Verdict};
use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
use kest_testkit::{HttpAnswer as Answer, TestClock, TestServer};
use kest_tests::raw::{self, RawRequest};
use kest_tests::tokens::{AUDIENCE, ISSUER, NOW, TokenKey};
use kest_tests::{forge, keys};
use kest_tower::{InboundLayer, OperationLayer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::kinds::Kind;
use crate::{AT_ONCE, HEAP};

/// How a passport comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    /// In the header.
    Compressed,
    /// Out of a passport store, where it lies as it is; it is sealed when it is carried on.
    Plain,
    /// Out of a passport store, sealed.
    Sealed,
}

/// Bytes that one of the requests cost.
#[derive(Debug)]
pub(crate) struct Cost {
    entries: usize,
    text: usize,
    /// While a policy engine takes its time.
    pub(crate) asking: usize,
    /// In its handler.
    pub(crate) inside: usize,
    /// While it calls on and the passport store takes its time.
    pub(crate) calling: usize,
    /// All of them together, at most, until they were in the handler.
    pub(crate) peak: usize,
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, text, asking, inside, calling, peak } = self;
        let [text, asking, inside, calling, peak] = [text, asking, inside, calling, peak].map(|it| it / 1024);
        write!(
            formatter,
            "{entries} entries, {text} KiB of text: {asking} KiB asking, {inside} KiB inside, {calling} KiB calling on; \
             at most {peak} KiB in all on the way in"
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// All is made that will be sent.
    Prepare,
    /// Policies are not answered.
    Ask,
    /// Handlers do nothing.
    Wait,
    /// The passport store does not answer.
    CallOn,
    End,
}

/// Where all requests are.
#[derive(Debug)]
struct Stage {
    phase: watch::Sender<Phase>,
    asking: watch::Sender<usize>,
    inside: watch::Sender<usize>,
    calling: watch::Sender<usize>,
}

impl Stage {
    async fn until(&self, phase: Phase) {
        self.phase.subscribe().wait_for(|now| *now >= phase).await.unwrap();
    }

    fn new() -> Self {
        let [asking, inside, calling] = [0; 3].map(watch::Sender::new);
        Self { phase: watch::Sender::new(Phase::Prepare), asking, inside, calling }
    }

    /// Begins with `phase`, and waits until all requests are counted by `count`.
    async fn begin(&self, phase: Phase, count: &watch::Sender<usize>) {
        self.phase.send_replace(phase);
        count.subscribe().wait_for(|count| *count == AT_ONCE).await.unwrap();
    }
}

/// A remote store: what it gives is a copy, and what it is given is held until it has answered.
#[derive(Debug)]
struct StagedStore {
    stage: Arc<Stage>,
    kept: Mutex<HashMap<String, Bytes>>,
}

#[async_trait]
impl PassportStore for StagedStore {
    async fn put(&self, claim: &ClaimCheck, passport: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        if *self.stage.phase.borrow() == Phase::Prepare {
            self.kept.lock().unwrap().insert(claim.to_string(), passport);
            return Ok(());
        }
        self.stage.calling.send_modify(|count| *count += 1);
        self.stage.until(Phase::End).await;
        drop(passport);
        Ok(())
    }

    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        Ok(self.kept.lock().unwrap().get(&claim.to_string()).map(|it| Bytes::copy_from_slice(it)))
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        Ok(false)
    }
}

/// A sidecar engine that takes its time.
#[derive(Debug)]
struct Sidecar(Arc<Stage>);

#[async_trait]
impl Engine for Sidecar {
    fn kind(&self) -> &'static str {
        "sidecar"
    }

    fn identity(&self) -> EngineIdentity {
        EngineIdentity::of("sidecar", [])
    }

    fn names(&self) -> Vec<PolicyName> {
        vec![PolicyName::new("sidecar").unwrap()]
    }

    async fn evaluate(&self, _: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        self.0.asking.send_modify(|count| *count += 1);
        self.0.until(Phase::Wait).await;
        assert!(!input.digest().is_empty());
        Ok(Verdict::Allow)
    }
}

/// The default bounds, but for waiting: a debug build on a busy machine takes its time.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.arrival_wait = Duration::from_secs(600);
    limits.admission_wait = limits.arrival_wait;
    limits.passport_store_wait = limits.arrival_wait;
    limits
}

pub(crate) struct Rig {
    address: SocketAddr,
    stage: Arc<Stage>,
    store: Arc<StagedStore>,
    claims: PassportStores,
    key: TokenKey,
    limits: Limits,
    _issuer: TestServer,
}

impl Rig {
    async fn start(policies_see_it: bool) -> Self {
        let limits = limits();
        let stage = Arc::new(Stage::new());
        let store = Arc::new(StagedStore { stage: Arc::clone(&stage), kept: Mutex::default() });
        let sealing = SealingKey::generate(KeyId::new("seal-1").unwrap(), &OsRandom).unwrap();
        let sealing = Sealing::new(sealing, Audience::new("shop").unwrap()).dangerous_accept_plain();
        let claims = PassportStores::sealed(Arc::<StagedStore>::clone(&store), sealing);
        let key = TokenKey::ed25519("key-1", 1);
        let issuer = TestServer::answering(Answer::keys(&[key.jwk()]));
        let authenticator =
            JwtAuthenticator::builder().jwks_uri(issuer.at("/jwks.json")).issuer(ISSUER).audience(AUDIENCE);
        let authenticator = authenticator.clock(Arc::new(TestClock::at(NOW))).build().unwrap();
        authenticator.start().await.unwrap();
        let inbound = InboundLayer::builder(keys::ring())
            .identity(IdentityChoice::jwks(authenticator))
            .passport_store(claims.clone())
            .limits(limits.clone())
            .slots(Slots::new(SLOTS, AT_ONCE))
            .build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/call", handler(address, &stage, &claims).route_layer(operation(&stage, policies_see_it)))
            .layer(inbound)
            .route("/next", get(async || "next"));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, stage, store, claims, key, limits, _issuer: issuer }
    }

    /// A request with these entries, the longest token, and a header filled up with members of others.
    async fn request(&self, entries: &[String], carried: Carried, number: usize) -> RawRequest {
        let baggage = match carried {
            Carried::Compressed => forge::compressed(entries, &forge::tip(entries)),
            Carried::Plain => self.plain(entries).await,
            Carried::Sealed => self.sealed(entries).await,
        };
        let room = self.limits.header_bytes.checked_sub(baggage.len()).unwrap();
        let baggage = format!("{baggage}{}", ",a=1".repeat(room / 4));
        raw::call().baggage(baggage).bearer(&self.token(number))
    }

    /// Lays `entries` into the passport store as another implementation does.
    async fn plain(&self, entries: &[String]) -> String {
        let claim = ClaimCheck::generate(&OsRandom).unwrap();
        self.store.put(&claim, forge::array(entries).into(), Duration::ZERO).await.unwrap();
        format!("kest.claim_check={claim},kest.chain_tip={}", forge::tip(entries))
    }

    /// Lays `entries` into the passport store as a service of ours does.
    async fn sealed(&self, entries: &[String]) -> String {
        let tips = Tips::parse(&forge::tip(entries), &self.limits).unwrap();
        let json = forge::array(entries);
        let carried = UnverifiedPassport::from_json(json.as_bytes(), tips, &self.limits).unwrap();
        let passport = Verifier::new(self.limits.clone()).verify(carried, &keys::ring()).unwrap();
        let packed =
            pack(&passport, &Identity::default(), &tiers(&self.claims), &OsRandom, &self.limits).await;
        let mut headers = HeaderMap::new();
        packed.unwrap().inject(&mut headers, &self.limits).unwrap();
        headers["baggage"].to_str().unwrap().to_owned()
    }

    /// The longest token, whose claims are many and tiny.
    fn token(&self, number: usize) -> String {
        let scopes: Vec<String> = (0..256).map(|it| format!("s{it}")).collect();
        let mut filler = 5000;
        loop {
            let claims = json!({
                "sub": format!("alice-{number}"), "scope": scopes.join(" "), "x": vec![0; filler],
            });
            let token = self.key.token_with(&json!({}), &claims);
            if token.len() <= self.limits.token_bytes {
                return token;
            }
            filler -= 50;
        }
    }

    /// What requests of `kind` cost.
    pub(crate) async fn cost(kind: &Kind, carried: Carried) -> Cost {
        let rig = Self::start(kind.policies_see_it).await;
        let stage = &rig.stage;
        let most = match carried {
            Carried::Compressed => rig.limits.inflated_bytes,
            Carried::Plain | Carried::Sealed => rig.limits.passport_bytes,
        };
        let first = kind.entries(most - OWN, &rig.limits);
        let mut requests = Vec::new();
        for number in 0..=AT_ONCE {
            let request = rig.request(&kind.again(&first, number), carried, number).await;
            requests.push(Bytes::from(request.bytes()));
        }
        // What is made once and then kept is made by one request before the count.
        stage.phase.send_replace(Phase::End);
        ask(rig.address, requests.pop().unwrap()).await;
        stage.phase.send_replace(Phase::Ask);
        for count in [&stage.asking, &stage.inside, &stage.calling] {
            count.send_replace(0);
        }

        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        let each = || HEAP.current_usage().saturating_sub(before) / AT_ONCE;
        let clients: Vec<_> = requests.iter().map(|it| tokio::spawn(ask(rig.address, it.clone()))).collect();
        let mut asking = 0;
        if kind.policies_see_it {
            stage.begin(Phase::Ask, &stage.asking).await;
            asking = each();
        }
        stage.begin(Phase::Wait, &stage.inside).await;
        let (inside, peak) = (each(), HEAP.peak_usage() - before);
        stage.begin(Phase::CallOn, &stage.calling).await;
        let calling = each();
        stage.phase.send_replace(Phase::End);
        for client in clients {
            client.await.unwrap();
        }
        Cost { entries: first.len(), text: forge::array(&first).len(), asking, inside, calling, peak }
    }
}

/// Waits, and then calls on with what it was admitted under.
fn handler(address: SocketAddr, stage: &Arc<Stage>, claims: &PassportStores) -> MethodRouter {
    let stage = Arc::clone(stage);
    let origin = format!("http://{address}");
    let client = CarryPassport::to([Destination::origin(&origin).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .tiers(tiers(claims))
        .client(reqwest::Client::builder())
        .unwrap();
    post(async move |Admitted(admission): Admitted| {
        stage.inside.send_modify(|count| *count += 1);
        stage.until(Phase::CallOn).await;
        assert!(admission.passport().len() > 1);
        client.get(format!("{origin}/next")).send().await.unwrap().status()
    })
}

fn operation(stage: &Arc<Stage>, policies_see_it: bool) -> OperationLayer {
    let kest = Admitter::builder(keys::signer("service")).limits(limits()).build();
    let policy: Arc<dyn Authorize> = if policies_see_it {
        let policies = Policies::builder().engine(Sidecar(Arc::clone(stage))).cache_ttl(Duration::ZERO);
        Arc::new(policies.build().unwrap().function(["sidecar"]).unwrap())
    } else {
        Arc::new(policy_fn("anyone", |_| true).unwrap())
    };
    OperationLayer::shared(kest, Operation::named("call").unwrap(), policy)
}

/// Claim checks and nothing else.
fn tiers(claims: &PassportStores) -> Tiers {
    Tiers::auto().threshold(0).store(claims.clone())
}

/// Sends the request, and expects that it was handled.
async fn ask(address: SocketAddr, request: Bytes) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 200");
}

/// How many verifications run at once.
pub(crate) const SLOTS: usize = 4;

/// Room for the entry that the service adds, so that the passport can be carried on.
const OWN: usize = 4096;
