//! Hop proofs through nginx, Apache and `HAProxy`: they hold where the proxy keeps the host and the path, and are refused by
//! name where it does not.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use http::{Method, Uri};
use kest_core::Limits;
use kest_servers::proxies::{Kind, Proxy, Target};
use kest_signature::hop::{self, HopSettings};
use kest_signature::{ContentDigest, DigestAlgorithm, RequestHead};

use crate::rig::{Rig, Sent};

/// A receiver that answers with the cause of its refusal, or with nothing: it believes who calls it one of `authorities`.
struct Receiver {
    address: SocketAddr,
    settings: Arc<std::sync::Mutex<Option<HopSettings>>>,
}

impl Receiver {
    async fn start(rig: Arc<Rig>) -> Self {
        let settings = Arc::new(std::sync::Mutex::new(None::<HopSettings>));
        let shown = Arc::clone(&settings);
        let judge = move |request: Request| {
            let (rig, settings) = (Arc::clone(&rig), shown.lock().unwrap().clone().unwrap());
            async move { judge(&rig, request, &settings).await }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(judge)).await });
        Self { address, settings }
    }
}

async fn judge(rig: &Rig, request: Request, settings: &HopSettings) -> String {
    let (parts, body) = request.into_parts();
    // Read whatever comes of it, so that no proxy is left alone with the rest.
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let sent = Sent { method: parts.method, uri: parts.uri, headers: parts.headers };
    match rig.judge_by(&sent, settings).await {
        Ok(proved) => {
            let mut check = proved.body().check();
            let checked = check.update(&body).and_then(|()| check.finish());
            checked.map_or_else(|fault| fault.to_string(), |()| "held".to_owned())
        }
        Err(error) => format!("{} {}", error.kind(), error.cause().unwrap_or_default()),
    }
}

/// What the receiver says of a signed request that goes through the proxy at `address`.
async fn through(rig: &Rig, client: &reqwest::Client, address: SocketAddr, path: &str, body: &str) -> String {
    let uri: Uri = format!("http://cart.example:{}{path}", address.port()).parse().unwrap();
    let mut request = client.post(uri.to_string()).body(body.to_owned()).build().unwrap();
    request.headers_mut().insert("authorization", "Bearer abc".parse().unwrap());
    // What travels is what the client made of the text.
    let asked: Uri = request.url().as_str().parse().unwrap();
    let head = RequestHead::of(&Method::POST, &asked);
    let digest = (!body.is_empty()).then(|| ContentDigest::of(DigestAlgorithm::Sha256, body.as_bytes()));
    let key = kest_core::Sign::current(&rig.kit.signer("gateway"));
    let (clock, random) = (rig.kit.clock(), rig.kit.random());
    let (tips, headers) = (rig.passport.tips(), request.headers_mut());
    hop::sign(&head, headers, &tips, digest.as_ref(), key.as_ref(), clock.as_ref(), random.as_ref())
        .await
        .unwrap();
    client.execute(request).await.unwrap().text().await.unwrap()
}

/// What comes of each request through a proxy that does `target` with them.
async fn verdicts(kind: Kind, target: Target) -> Vec<String> {
    let rig = Arc::new(Rig::new());
    let receiver = Receiver::start(Arc::clone(&rig)).await;
    let proxy = Proxy::start_with(kind, receiver.address, target).await;
    let mut found = Vec::new();
    for (address, http2) in [(proxy.http1(), false), (proxy.http2(), true)] {
        let ours = format!("cart.example:{}", address.port());
        let settings = HopSettings::builder().authority(ours).clock(rig.clock()).build().unwrap();
        *receiver.settings.lock().unwrap() = Some(settings);
        let client = reqwest::Client::builder().no_proxy().resolve("cart.example", address);
        let client = if http2 { client.http2_prior_knowledge() } else { client };
        let client = client.build().unwrap();
        for path in PATHS {
            for body in ["", &"body ".repeat(4000)] {
                found.push(through(&rig, &client, address, path, body).await);
            }
        }
    }
    assert_eq!(found.len(), 4 * PATHS.len());
    assert_eq!(Limits::default().signatures, 8, "one of ours goes through beside those of proxies");
    found
}

/// Spellings that a proxy might bring into another form.
const PATHS: [&str; 5] =
    ["/", "/orders/7?expand=lines&expand=", "/a%2Fb/%7Ec;d=e/~f", "/x?", "/caf%C3%A9/(1)?q=%20+%2b&q='a'"];

#[tokio::test]
async fn proofs_hold_behind_proxies_that_keep_host_and_path() {
    for kind in Kind::ALL {
        let found = verdicts(kind, Target::Kept).await;
        assert!(found.iter().all(|verdict| verdict == "held"), "{kind:?}: {found:?}");
    }
}

#[tokio::test]
async fn a_replaced_host_is_refused_by_name() {
    for kind in Kind::ALL {
        let found = verdicts(kind, Target::HostReplaced).await;
        let refused = found.iter().filter(|it| *it == "proof_invalid authority_not_ours").count();
        // Apache answers an escaped slash itself.
        let answered = if kind == Kind::Apache { 4 } else { 0 };
        assert_eq!(refused + answered, found.len(), "{kind:?}: {found:?}");
    }
}

#[tokio::test]
async fn a_moved_path_is_refused_by_name() {
    for kind in Kind::ALL {
        let found = verdicts(kind, Target::PathMoved).await;
        let refused = found.iter().filter(|it| *it == "proof_invalid request_differs").count();
        let answered = if kind == Kind::Apache { 4 } else { 0 };
        assert_eq!(refused + answered, found.len(), "{kind:?}: {found:?}");
    }
}
