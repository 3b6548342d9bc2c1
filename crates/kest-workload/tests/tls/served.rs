//! Requests of an axum service on the listener: the peer of each comes from the handshake, and is judged again.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use kest_core::PeerCertificate;
use kest_identity::PeerWorkload;
use kest_workload::protocol::{Epoch, Revocation};
use kest_workload::{OwnPath, PeerIdentity, WorkloadListener, with_peers};
use tokio_rustls::rustls::version;

use crate::rig::{CART, Identity, Service, certified, connect};

/// Says who the peer is, three times.
async fn who(request: axum::extract::Request) -> String {
    let identity = request.extensions().get::<PeerIdentity>();
    let workload = request.extensions().get::<PeerWorkload>();
    let certificate = request.extensions().get::<PeerCertificate>();
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    match (identity, workload, certificate) {
        (Some(identity), Some(workload), Some(certificate)) => {
            assert_eq!(certificate.thumbprint(), identity.thumbprint());
            assert_eq!(workload.workload(), identity.workload().workload());
            assert!(address.is_some_and(|address| address.ip().is_loopback()));
            identity.workload().to_string()
        }
        (identity, workload, certificate) => {
            assert!(identity.is_none() && workload.is_none() && certificate.is_none());
            "no peer".to_owned()
        }
    }
}

fn app() -> Router {
    Router::new()
        .route("/", get(who))
        .route("/executors/{workload}/task", get(task))
        .route("/task", get(task))
}

async fn task(OwnPath(executor): OwnPath) -> String {
    executor.to_string()
}

async fn client(address: SocketAddr, identity: &Identity) -> SendRequest<Empty<Bytes>> {
    let stream = connect(address, Some(certified(identity)), &version::TLS13).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(client: &mut SendRequest<Empty<Bytes>>) -> (StatusCode, String) {
    ask_for(client, "/").await
}

async fn ask_for(client: &mut SendRequest<Empty<Bytes>>, path: &str) -> (StatusCode, String) {
    let request = Request::get(path)
        .header("host", "stock.internal")
        .header("x-forwarded-client-cert", "URI=spiffe://example.org/payments")
        .header("x-spiffe-id", "spiffe://example.org/payments")
        .header("x-peer", "spiffe://example.org/payments")
        .body(Empty::new())
        .unwrap();
    let answer = client.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn serve(listener: WorkloadListener) -> SocketAddr {
    let address = listener.local_address().unwrap();
    tokio::spawn(async move { axum::serve(listener, with_peers(app())).await });
    address
}

#[tokio::test]
async fn header_that_names_a_peer_is_ignored() {
    let service = Service::new();
    let address = serve(service.listener().await);
    let mut client = client(address, &service.root.issue(|_| ())).await;
    assert_eq!(ask(&mut client).await, (StatusCode::OK, CART.to_owned()));
}

#[tokio::test]
async fn without_the_peers_no_request_has_one() {
    let service = Service::new();
    let listener = service.listener().await;
    let address = listener.local_address().unwrap();
    tokio::spawn(async move { axum::serve(listener, app()).await });
    let mut client = client(address, &service.root.issue(|_| ())).await;
    assert_eq!(ask(&mut client).await, (StatusCode::OK, "no peer".to_owned()));
}

/// Attack: a connection that stands is used on after the epoch of its peer was revoked.
#[tokio::test]
async fn epoch_that_became_void_is_refused_on_connections_that_stand() {
    let service = Service::new();
    let address = serve(service.listener().await);
    let mut client = client(address, &service.root.issue(|_| ())).await;
    assert_eq!(ask(&mut client).await.0, StatusCode::OK);
    service.trust.epochs().revoked(&[Revocation { identity: CART.to_owned(), epoch: Epoch::FIRST }]);
    assert_eq!(ask(&mut client).await, (StatusCode::UNAUTHORIZED, String::new()));
    // A workload with a newer epoch would present the former one on it for good.
    assert!(client.send_request(Request::new(Empty::new())).await.is_err());
}

/// Attack: a connection that stands is used on by the one that was replaced by a successor.
#[tokio::test]
async fn older_epoch_is_refused_on_connections_that_stand_once_a_later_one_was_seen() {
    let service = Service::new();
    let address = serve(service.listener().await);
    let mut old = client(address, &service.root.issue(|_| ())).await;
    assert_eq!(ask(&mut old).await.0, StatusCode::OK);
    let next = service.root.issue(|params| params.custom_extensions = vec![crate::rig::epoch(2)]);
    let mut next = client(address, &next).await;
    assert_eq!(ask(&mut next).await.0, StatusCode::OK);
    assert_eq!(ask(&mut old).await, (StatusCode::UNAUTHORIZED, String::new()));
}

/// Attack: a worker asks for another's task, in all the ways in which a path can name it.
#[tokio::test]
async fn path_of_another_workload_is_refused() {
    let service = Service::new();
    let address = serve(service.listener().await);
    let mut client = client(address, &service.root.issue(|_| ())).await;
    for own in [
        "/executors/cart/task",
        "/executors/spiffe%3A%2F%2Fexample.org%2Fcart/task",
        "/executors/c%61rt/task",
    ] {
        assert_eq!(ask_for(&mut client, own).await, (StatusCode::OK, CART.to_owned()), "{own}");
    }
    for other in [
        "/executors/payments/task",
        "/executors/spiffe%3A%2F%2Fexample.org%2Fpayments/task",
        "/executors/spiffe%3A%2F%2Fevil.example%2Fcart/task",
        "/executors/%2Fcart/task",
        "/executors/Cart/task",
        "/executors/cart%2F/task",
        "/executors/cart%00/task",
        "/executors/%ff/task",
        "/executors/cart%252e/task",
        "/task",
    ] {
        assert_eq!(ask_for(&mut client, other).await, (StatusCode::FORBIDDEN, String::new()), "{other}");
    }
}

#[tokio::test]
async fn path_of_no_peer_is_refused() {
    let service = Service::new();
    let listener = service.listener().await;
    let address = listener.local_address().unwrap();
    tokio::spawn(async move { axum::serve(listener, app()).await });
    let mut client = client(address, &service.root.issue(|_| ())).await;
    let answer = ask_for(&mut client, "/executors/cart/task").await;
    assert_eq!(answer, (StatusCode::FORBIDDEN, String::new()));
}
