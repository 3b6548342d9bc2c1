//! A folder of keys, a service that signs and one that verifies, over HTTP.

use std::path::PathBuf;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use kest::baggage::{Tiers, packed_once};
use kest::{
    Bundle, Ed25519Signer, InboundLayer, Kest, KeyRing, Limits, Operation, Origin, OsRandom, WorkloadId,
    dangerous_allow_all,
};

/// A folder with the keys of a test, gone when it is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kest-keys-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.0.join("bundle.json")
    }

    /// A new key of the workload, in a file as `kest keygen` writes it.
    pub(crate) fn keygen(&self, workload: &str, name: &str) -> (PathBuf, Ed25519Signer) {
        use std::os::unix::fs::PermissionsExt as _;
        let signer = Ed25519Signer::generate(WorkloadId::new(workload).unwrap(), &OsRandom).unwrap();
        let path = self.0.join(name);
        std::fs::write(&path, signer.to_private_jwk().unwrap().as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        (path, signer)
    }

    pub(crate) fn publish(&self, keys: &[&Ed25519Signer]) {
        let mut ring = KeyRing::new();
        for key in keys {
            ring.trust_signer(*key).unwrap();
        }
        std::fs::write(self.0.join("new"), Bundle::to_json(&ring).unwrap()).unwrap();
        std::fs::rename(self.0.join("new"), self.bundle()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The layer of the service that verifies, which asks for keys alone.
pub(crate) fn inbound(kest: &Kest) -> InboundLayer {
    kest.inbound_builder().identity(kest::FromLineage).dangerous_bearer_passports().build()
}

/// The service that verifies.
pub(crate) async fn stock(inbound: InboundLayer) -> String {
    let router = Router::new().route("/", get(async || "stock").route_layer(kest::public())).layer(inbound);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// One call of the service that signs.
pub(crate) async fn call(client: &reqwest::Client, kest: &Kest, url: &str) -> StatusCode {
    let operation = Operation::named("reserve").unwrap();
    let admission = kest.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap();
    let mut headers = HeaderMap::new();
    let packed = packed_once(&admission, &Tiers::auto()).await.unwrap();
    packed.inject(&mut headers, &Limits::default()).unwrap();
    client.get(url).headers(headers).send().await.unwrap().status()
}
