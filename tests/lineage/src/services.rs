//! The workloads, and the service in the middle.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admission, Admitter, Operation, OsRandom};
use kest_identity::IdentityChoice;
use kest_tower::{InboundLayer, OperationLayer};
use tokio::net::TcpListener;

use crate::setup::traced;

fn signer(name: &str) -> Arc<Ed25519Signer> {
    static SIGNERS: OnceLock<[Arc<Ed25519Signer>; 3]> = OnceLock::new();
    let signers = SIGNERS.get_or_init(|| {
        ["edge", "front", "batch"].map(|name| {
            let workload = WorkloadId::new(format!("spiffe://test.example/{name}")).unwrap();
            Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom).unwrap())
        })
    });
    let found = signers.iter().find(|signer| signer.workload().to_string().ends_with(name));
    Arc::clone(found.unwrap())
}

/// `name`'s part in all lineages.
#[must_use]
pub fn kest(name: &str) -> Admitter {
    Admitter::builder(signer(name)).build()
}

/// A ring of all workloads.
#[must_use]
pub fn ring() -> Arc<KeyRing> {
    let mut ring = KeyRing::new();
    for name in ["edge", "front", "batch"] {
        ring.trust_signer(signer(name).as_ref()).unwrap();
    }
    Arc::new(ring)
}

/// A lineage that `edge` started for a caller who is trusted little.
pub async fn edge() -> Admission {
    let operation = Operation::named("enter").unwrap();
    kest("edge").originate(Origin::internet(), &operation, &dangerous_allow_all()).await.unwrap()
}

/// The service in the middle.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
}

impl Front {
    /// Starts it with `handler` behind both layers at `/`, and behind the inbound layer alone at `/bare`.
    pub async fn start<Handler, Running>(handler: Handler) -> Self
    where
        Handler: Fn() -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Response> + Send + 'static,
    {
        let operation =
            OperationLayer::new(kest("front"), Operation::named("handle").unwrap(), dangerous_allow_all());
        let inbound = InboundLayer::builder(ring())
            .identity(IdentityChoice::from_lineage())
            .dangerous_bearer_passports()
            .dangerous_allow_unguarded_routes()
            .build();
        let bare = handler.clone();
        let router = Router::new()
            .route("/", get(handler).route_layer(operation))
            .route("/bare", get(bare))
            .layer(inbound)
            .layer(axum::middleware::from_fn(traced));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address }
    }

    /// Calls it as `edge` does, with a foreign member in the baggage, and gives the answer's text.
    pub async fn call(&self, path: &str) -> String {
        let admission = edge().await;
        let tiers = kest_baggage::Tiers::auto();
        let mut headers = http::HeaderMap::new();
        headers.insert("baggage", http::HeaderValue::from_static("region=eu"));
        let packed = kest_baggage::packed_once(&admission, &tiers).await.unwrap();
        packed.inject(&mut headers, admission.admitter().limits()).unwrap();
        let request = reqwest::Client::new().get(format!("http://{}{path}", self.address)).headers(headers);
        request.send().await.unwrap().text().await.unwrap()
    }
}
