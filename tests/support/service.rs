//! A protected service on loopback that counts what it ran and what it signed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::post;
use axum::{Json, Router};
use http::HeaderMap;
use kest_baggage::{InMemoryPassports, PassportStore};
use kest_core::policy::policy_fn;
use kest_core::signature::{KeyRing, ReplaceableKeys, Sign};
use kest_core::{Admitter, Authorize, Clock, Dialect, Limits, Operation, SystemClock};
use kest_identity::IdentityChoice;
use kest_testkit::{SignedEntries, TestSigner};
use kest_tower::{InboundBuilder, InboundLayer, OperationLayer, PeerWorkload};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::keys;
use crate::raw::{RawRequest, RawResponse};

/// A service that is up until it is dropped.
#[derive(Debug)]
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    /// How often its handler ran.
    pub runs: Arc<AtomicUsize>,
    /// The entries that it signed.
    pub signed: SignedEntries,
    /// Its passport store, when it is the in-memory one.
    pub claims: Arc<InMemoryPassports>,
    serving: tokio::task::JoinHandle<()>,
}

/// What a test changes about the service.
pub struct Setup {
    /// Changes the inbound layer.
    pub inbound: Box<dyn FnOnce(InboundBuilder) -> InboundBuilder + Send>,
    /// Who is calling.
    pub identity: IdentityChoice,
    /// The policy of the route.
    pub policy: Arc<dyn Authorize>,
    /// The policies of the deployment.
    pub deployment: Option<Arc<dyn Authorize>>,
    /// What the route is called and does.
    pub operation: Operation,
    /// Bounds of the service.
    pub limits: Limits,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// The dialect that it reads.
    pub dialect: Dialect,
    /// A store other than the in-memory one.
    pub store: Option<Arc<dyn PassportStore>>,
    /// A signer other than the service's own.
    pub signer: Arc<dyn Sign>,
    /// The keys that it trusts.
    pub keys: ReplaceableKeys,
    /// The workload at the other end of all of its connections, as code that ends TLS would say.
    pub peer: Option<PeerWorkload>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Setup").finish_non_exhaustive()
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            inbound: Box::new(|builder| builder),
            identity: IdentityChoice::from_lineage(),
            policy: Arc::new(policy_fn("anyone", |_| true).unwrap()),
            deployment: None,
            operation: Operation::named("call").unwrap(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            dialect: Dialect::Strict,
            store: None,
            signer: keys::signer("service"),
            keys: ReplaceableKeys::new(KeyRing::clone(&keys::ring())),
            peer: None,
        }
    }
}

impl Setup {
    /// Starts the service.
    pub async fn start(self) -> Service {
        let claims = Arc::new(InMemoryPassports::new(&self.limits));
        let store = self.store.unwrap_or_else(|| Arc::<InMemoryPassports>::clone(&claims));
        let runs = Arc::new(AtomicUsize::new(0));
        let signed = SignedEntries::default();
        let noting = TestSigner::noting(self.signer, signed.clone());
        let clock = self.clock;
        let kest = Admitter::builder(Arc::new(noting)).limits(self.limits.clone()).clock(Arc::clone(&clock));
        let kest = match self.deployment {
            Some(deployment) => kest.deployment_policy(deployment).build(),
            None => kest.build(),
        };
        let inbound = InboundLayer::builder(self.keys)
            .identity(self.identity)
            .passport_store(store)
            .limits(self.limits)
            .clock(clock)
            .dialect(self.dialect)
            .dangerous_bearer_passports();
        let inbound = (self.inbound)(inbound).build();
        let count = Arc::clone(&runs);
        let handler = async move |headers: HeaderMap, kest::Admitted(admission): kest::Admitted| {
            count.fetch_add(1, Ordering::SeqCst);
            Json(describe(&admission, &headers))
        };
        let router = Router::new()
            .route(
                "/call",
                post(handler).route_layer(OperationLayer::shared(kest, self.operation, self.policy)),
            )
            .layer(inbound);
        let router = match self.peer {
            Some(peer) => router.layer(axum::Extension(peer)),
            None => router,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Service { address, runs, signed, claims, serving }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Service {
    /// A service with nothing changed.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// How often its handler ran.
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// How many entries it signed.
    pub fn signatures(&self) -> usize {
        self.signed.count()
    }

    /// Sends `request` and expects that it was handled; gives what the handler saw.
    #[track_caller]
    pub fn admitted(&self, request: &RawRequest) -> impl Future<Output = Value> + use<'_> {
        let caller = std::panic::Location::caller();
        let request = request.clone();
        async move {
            let before = self.runs();
            let response = request.send(self.address).await;
            assert_eq!(response.status, 200, "{caller}");
            assert_eq!(self.runs(), before + 1, "{caller}");
            serde_json::from_str(&response.body).unwrap()
        }
    }

    /// Sends `request` and expects one of `statuses`, an empty body, no handler, no signature.
    #[track_caller]
    pub fn refused<'it>(
        &'it self,
        request: &RawRequest,
        statuses: &'it [u16],
    ) -> impl Future<Output = RawResponse> + use<'it> {
        let caller = std::panic::Location::caller();
        let request = request.clone();
        async move {
            let (runs, signatures) = (self.runs(), self.signatures());
            let response = request.send(self.address).await;
            assert!(
                statuses.contains(&response.status),
                "{caller}: {} is not one of {statuses:?}",
                response.status
            );
            assert_eq!(response.body, "", "{caller}: a refusal has no body");
            assert_eq!(self.runs(), runs, "{caller}: the handler ran");
            assert_eq!(self.signatures(), signatures, "{caller}: an entry was signed");
            response
        }
    }
}

fn describe(admission: &kest_core::Admission, headers: &HeaderMap) -> Value {
    let caller = admission.caller();
    json!({
        "user": caller.user(), "agent": caller.agent(), "task": caller.task(),
        "issuer": caller.issuer(), "source": caller.source().as_str(),
        "ambient_user": kest_baggage::current_user(),
        "entries": admission.passport().len(),
        "trust_score": admission.entry().trust_score().value(),
        "taints": admission.entry().taints().iter().collect::<Vec<_>>(),
        "baggage": headers.get_all("baggage").iter()
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect::<Vec<_>>(),
        "passport": admission.passport().entries().iter().map(|it| it.compact()).collect::<Vec<_>>(),
    })
}
