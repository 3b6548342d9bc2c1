//! A service that calls on, small enough that one caller could fill it, and callers who each have an address of their own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::post;
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use kest_baggage::{InMemoryPassports, PackError, PassportStore, Tiers};
use kest_core::policy::dangerous_allow_all;
use kest_core::replay::InMemoryReplays;
use kest_core::{Admitter, Limits, Operation, Slots};
use kest_identity::{DpopSettings, IdentityChoice, JwtAuthenticator, Requirement};
use kest_reqwest::{CarryError, CarryPassport, Destination, WithoutLineage};
use kest_testkit::{HttpAnswer as Keys, RuntimeClock, TestServer};
use kest_tests::keys;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use kest_tests::tokens::{AUDIENCE, ISSUER, NOW, TokenKey};
use kest_tower::{InboundLayer, OperationLayer};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::passports::passport_of;
use crate::possession::holder::Holder;

/// The status of an answer, and by which kind of refusal it was given, if it was one.
pub(super) type Answer = (u16, String);

pub(super) fn answer(status: u16, kind: &str) -> Answer {
    (status, kind.to_owned())
}

/// How often each answer is among these.
pub(super) fn tally<Each: Ord>(answers: impl IntoIterator<Item = Each>) -> BTreeMap<Each, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        *tally.entry(answer).or_default() += 1;
    }
    tally
}

/// A service, the one that it calls, and the issuer of its tokens, up until they are dropped.
pub(super) struct Gateway {
    address: SocketAddr,
    pub(super) claims: Arc<InMemoryPassports>,
    pub(super) replays: Arc<InMemoryReplays>,
    pub(super) slots: Slots,
    pub(super) authenticator: Arc<JwtAuthenticator>,
    issuer: TestServer,
    keys: [TokenKey; 2],
    bodies: watch::Receiver<usize>,
    /// A passport that is verified at once and has a claim of 20 entries, and several that need a slot.
    middling: String,
    long: Vec<String>,
    _next: Service,
}

/// Identifiers of used proofs for which there is room.
pub(super) const IDS: usize = 400;
/// Places to wait for a slot.
pub(super) const QUEUE: usize = 40;
/// Tokens that are remembered.
pub(super) const TOKENS: u64 = 64;

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.passport_store_bytes = 1_600_000;
    limits.replay_ids = IDS;
    limits.tokens_remembered = TOKENS;
    limits.key_waiters = 64;
    // Long enough for all to come while those who came first still wait.
    limits.key_fetch_cool_down = Duration::from_secs(2);
    // No one is late on a busy machine.
    limits.key_wait = Duration::from_secs(30);
    limits.arrival_wait = Duration::from_secs(60);
    limits.passport_store_wait = Duration::from_secs(30);
    limits
}

impl Gateway {
    pub(super) async fn start() -> Self {
        let keys = [TokenKey::ed25519("key-1", 1), TokenKey::ed25519("key-2", 2)];
        let issuer = TestServer::answering(Keys::keys(&[keys[0].jwk()]));
        let (limits, clock) = (limits(), RuntimeClock::new(NOW, Instant::now().into()));
        let claims = Arc::new(InMemoryPassports::new(&limits));
        let replays = Arc::new(InMemoryReplays::with_clock(&limits, Arc::new(clock.clone())));
        let authenticator =
            authenticator(&issuer, &limits, clock, Arc::<InMemoryReplays>::clone(&replays)).await;
        // Half of the queue is one caller's, and the other half has room for all who are good.
        let slots = Slots::new(4, QUEUE);
        let inbound = InboundLayer::builder(keys::ring())
            .identity(IdentityChoice::mechanism(Arc::<JwtAuthenticator>::clone(&authenticator)))
            .passport_store(Arc::<InMemoryPassports>::clone(&claims))
            .limits(limits.clone())
            .slots(slots.clone())
            .peer_address(|found| found.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
            .respond(|rejection, parts| {
                parts.headers.insert(KIND, HeaderValue::from_static(rejection.kind().as_str()));
            })
            .build();
        let store = Arc::<InMemoryPassports>::clone(&claims);
        let next = Setup { store: Some(store), limits: limits.clone(), ..Setup::default() }.start().await;
        let (count, bodies) = watch::channel(0);
        let router = Router::new()
            .route("/call", post(call_on).route_layer(operation("call")))
            .route("/quiet", post(read_body).route_layer(operation("quiet")))
            .layer(Extension(Onward::to(&next, Arc::<InMemoryPassports>::clone(&claims))))
            .layer(Extension(Arc::new(count)))
            .layer(inbound);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let (middling, long) = (passport_of(20), (0..4).map(|more| passport_of(90 + more)).collect());
        Self {
            address,
            claims,
            replays,
            slots,
            authenticator,
            issuer,
            keys,
            bodies,
            middling,
            long,
            _next: next,
        }
    }

    /// From now on the issuer has a second key, which is fetched when it is missed.
    pub(super) fn publish_second_key(&self) {
        self.issuer.answer_with(Keys::keys(&self.keys.each_ref().map(|key| key.jwk())));
    }

    /// Sends `request` of `caller`.
    pub(super) async fn send(&self, caller: Caller, request: RawRequest) -> Answer {
        let response = request.send_from(caller.address, self.address).await;
        answer(response.status, response.header(KIND.as_str()).unwrap_or_default())
    }

    /// Requests that say that a body follows, which does not; given once the handler waits for all of them.
    pub(super) async fn stalled(&self, caller: Caller, count: usize) -> Vec<TcpStream> {
        let mut stalled = Vec::new();
        for _ in 0..count {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((caller.address, 0).into()).unwrap();
            let mut stream = socket.connect(self.address).await.unwrap();
            let head = String::from_utf8(self.plain("/quiet", caller, 0).bytes()).unwrap();
            let head = head.replace("content-length: 0", "content-length: 10");
            stream.write_all(head.as_bytes()).await.unwrap();
            stalled.push(stream);
        }
        self.bodies.clone().wait_for(|waiting| *waiting >= count).await.unwrap();
        stalled
    }

    fn token(&self, caller: Caller, number: usize, key: usize, more: &Value) -> String {
        let mut claims = json!({"sub": caller.name, "jti": format!("{number}")});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.keys[key].token_with(&json!({}), &claims)
    }

    /// A token and nothing else.
    pub(super) fn plain(&self, path: &str, caller: Caller, number: usize) -> RawRequest {
        raw::to(path).bearer(&self.token(caller, number, 0, &json!({})))
    }

    /// Calls on with a lineage of 20 entries.
    pub(super) fn with_a_lineage(&self, caller: Caller, number: usize) -> RawRequest {
        self.plain("/call", caller, number).baggage(&self.middling)
    }

    /// A token that is bound to a key, and a proof that no other is like.
    pub(super) fn with_a_proof(&self, caller: Caller, number: usize) -> RawRequest {
        let owner = Holder::new(caller.address.octets()[3]);
        let token = self.token(caller, 0, 0, &json!({"cnf": {"jkt": owner.thumbprint()}}));
        let proof = json!({"jti": format!("{number}"), "htu": "https://test/quiet", "iat": NOW});
        raw::to("/quiet")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", owner.proof_with(&token, &proof))
    }

    /// A passport that needs a slot to be verified.
    pub(super) fn with_a_long_passport(&self, caller: Caller, number: usize) -> RawRequest {
        self.plain("/quiet", caller, 0).baggage(&self.long[number % self.long.len()])
    }

    /// A token by a key that the issuer does not have.
    pub(super) fn with_an_unknown_key(&self, caller: Caller, number: usize) -> RawRequest {
        let header = json!({"kid": format!("junk-{number}")});
        raw::to("/quiet").bearer(&self.keys[0].token_with(&header, &json!({"sub": caller.name})))
    }

    /// A token by the key that the issuer has since a moment ago.
    pub(super) fn with_the_second_key(&self, caller: Caller, number: usize) -> RawRequest {
        raw::to("/quiet").bearer(&self.token(caller, number, 1, &json!({})))
    }

    /// A token that no other is like and that is heavy to remember.
    pub(super) fn with_a_heavy_token(&self, caller: Caller, number: usize) -> RawRequest {
        let scopes: Vec<String> = (0..200).map(|scope| format!("scope:{scope}")).collect();
        raw::to("/quiet").bearer(&self.token(caller, number, 0, &json!({"scope": scopes.join(" ")})))
    }
}

async fn authenticator(
    issuer: &TestServer,
    limits: &Limits,
    clock: RuntimeClock,
    replays: Arc<InMemoryReplays>,
) -> Arc<JwtAuthenticator> {
    let authenticator = JwtAuthenticator::builder()
        .jwks_uri(issuer.at("/jwks.json"))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .limits(limits.clone())
        .clock(Arc::new(clock))
        .dpop(Requirement::Optional)
        .dpop_settings(DpopSettings::new().origins(["https://test"]).replays(replays))
        .build()
        .unwrap();
    authenticator.start().await.unwrap();
    Arc::new(authenticator)
}

fn operation(name: &str) -> OperationLayer {
    let kest = Admitter::builder(keys::signer("gateway")).build();
    OperationLayer::new(kest, Operation::named(name).unwrap(), dangerous_allow_all())
}

/// The way to the next service, with every lineage in the store.
#[derive(Clone)]
struct Onward {
    client: ClientWithMiddleware,
    url: String,
}

impl Onward {
    fn to(next: &Service, claims: Arc<dyn PassportStore>) -> Self {
        let origin = format!("http://{}", next.address);
        let client = CarryPassport::to([Destination::origin(&origin).unwrap()])
            .without_lineage(WithoutLineage::Refuse)
            .tiers(Tiers::auto().threshold(0).store(claims))
            .client(reqwest::Client::builder())
            .unwrap();
        Self { client, url: format!("{origin}/call") }
    }
}

type Refused = (StatusCode, [(HeaderName, &'static str); 1]);

/// As the guide says: 429 where it is the caller's share that is used up.
async fn call_on(Extension(onward): Extension<Onward>) -> Result<StatusCode, Refused> {
    let refused = |kind| (StatusCode::BAD_GATEWAY, [(KIND, kind)]);
    match onward.client.post(onward.url).send().await {
        Ok(response) if response.status() == StatusCode::OK => Ok(StatusCode::OK),
        Ok(_refused) => Err(refused("next")),
        Err(error) => match CarryError::of(&error) {
            Some(CarryError::Pack(PackError::PassportStore(cause))) if cause.is_share_full() => {
                Err((StatusCode::TOO_MANY_REQUESTS, [(KIND, "claim_share")]))
            }
            Some(CarryError::Pack(_)) => Err(refused("not_packed")),
            _ => Err(refused("not_sent")),
        },
    }
}

/// Counts requests whose body it waits for.
async fn read_body(
    Extension(count): Extension<Arc<watch::Sender<usize>>>,
    request: Request<Body>,
) -> StatusCode {
    if request.headers().get("content-length").is_some_and(|length| length != "0") {
        count.send_modify(|waiting| *waiting += 1);
    }
    match axum::body::to_bytes(request.into_body(), 1024).await {
        Ok(_read) => StatusCode::OK,
        Err(_broken) => StatusCode::BAD_REQUEST,
    }
}

/// A user with an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    name: &'static str,
    address: Ipv4Addr,
}

impl Caller {
    pub(super) fn new(name: &'static str, last: u8) -> Self {
        Self { name, address: Ipv4Addr::new(127, 30, 0, last) }
    }

    /// One of many, by number.
    pub(super) fn good(number: usize) -> Self {
        const NAMES: [&str; 12] =
            ["ada", "ben", "cy", "di", "eve", "fay", "gus", "hal", "ida", "joe", "kim", "leo"];
        Self::new(NAMES[number], u8::try_from(number).unwrap() + 1)
    }
}

const KIND: HeaderName = HeaderName::from_static("x-kind");
