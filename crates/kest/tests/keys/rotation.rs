//! One rotation from beginning to end, over HTTP.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use kest::baggage::{Tiers, packed_once};
use kest::{
    Bundle, Ed25519Signer, InboundLayer, Kest, KeyRing, Limits, Operation, Origin, OsRandom, WorkloadId,
    dangerous_allow_all,
};

use crate::printed;

/// A folder with the keys of a test, gone when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("kest-keys-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn bundle(&self) -> PathBuf {
        self.0.join("bundle.json")
    }

    /// A new key of the workload, in a file as `kest keygen` writes it.
    fn keygen(&self, workload: &str, name: &str) -> (PathBuf, Ed25519Signer) {
        use std::os::unix::fs::PermissionsExt as _;
        let signer = Ed25519Signer::generate(WorkloadId::new(workload).unwrap(), &OsRandom).unwrap();
        let path = self.0.join(name);
        std::fs::write(&path, signer.to_private_jwk().unwrap().as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        (path, signer)
    }

    fn publish(&self, keys: &[&Ed25519Signer]) {
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

/// The service that verifies.
async fn stock(inbound: InboundLayer) -> String {
    let router = Router::new().route("/", get(async || "stock").route_layer(kest::public())).layer(inbound);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// One call of the service that signs.
async fn call(kest: &Kest, url: &str) -> StatusCode {
    let operation = Operation::named("reserve").unwrap();
    let admission = kest.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap();
    let mut headers = HeaderMap::new();
    let packed = packed_once(&admission, &Tiers::auto()).await.unwrap();
    packed.inject(&mut headers, &Limits::default()).unwrap();
    reqwest::Client::new().get(url).headers(headers).send().await.unwrap().status()
}

#[tokio::test]
async fn key_is_rotated_as_the_guide_says_without_a_refused_call() {
    let folder = Folder::new();
    let cart = "spiffe://example.org/cart";
    let (stock_key, stock_signer) = folder.keygen("spiffe://example.org/stock", "stock.key.jwk");
    let (cart_key, first) = folder.keygen(cart, "cart.key.jwk");
    folder.publish(&[&stock_signer, &first]);
    let (inbound, ..) = printed::service(&folder.bundle(), &stock_key).await.unwrap();
    let (_, kest, signer) = printed::service(&folder.bundle(), &cart_key).await.unwrap();
    let url = stock(inbound).await;
    assert_eq!(call(&kest, &url).await, StatusCode::OK);

    let (next_key, next) = folder.keygen(cart, "cart.next.key.jwk");
    folder.publish(&[&stock_signer, &first, &next]);
    assert_eq!(call(&kest, &url).await, StatusCode::OK);
    printed::exchange(&signer, &next_key).unwrap();
    // The file was not looked at again yet: the call waits for that.
    assert_eq!(call(&kest, &url).await, StatusCode::OK);

    // A key of another workload does not get in, and neither does a key that is in no bundle hold.
    assert!(printed::exchange(&signer, &stock_key).is_err());
    let (unknown, _) = folder.keygen(cart, "unknown.key.jwk");
    printed::exchange(&signer, &unknown).unwrap();
    assert_eq!(call(&kest, &url).await, StatusCode::UNAUTHORIZED);
    printed::exchange(&signer, &next_key).unwrap();
    assert_eq!(call(&kest, &url).await, StatusCode::OK);
}

#[test]
fn guide_prints_the_code_that_is_run_here() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/keys.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    assert!(guide.contains(include_str!("printed.rs")), "docs/guides/keys.md differs from printed.rs");
}
