//! The service's own side against this authority, over its listeners.

use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use kest_authority::{Authority, AuthorityKeys, Place};
use kest_core::signature::Sign as _;
use kest_http::{Endpoint, HttpClient};
use kest_workload::{PeerIdentity, Workload, with_peers};
use tokio::net::TcpListener;

use crate::rig::{Rig, WAIT};

/// An authority that is served, and where.
async fn served() -> (Rig, String) {
    let (enrolments, workloads) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = |tcp: &TcpListener| format!("https://{}", tcp.local_addr().unwrap());
    let (authority_url, workload_url) = (url(&enrolments), url(&workloads));
    let rig = Rig::with(|builder| builder.workload_url(workload_url)).await;
    let (one, other): (Authority, Authority) = (rig.authority.clone(), rig.authority.clone());
    tokio::spawn(async move { one.serve_enrolments(enrolments, std::future::pending()).await });
    tokio::spawn(async move { other.serve_workloads(workloads, std::future::pending()).await });
    (rig, authority_url)
}

async fn enrolled(rig: &Rig, url: &str, ticket: String) -> (tempfile::TempDir, Result<Workload, String>) {
    let folder = tempfile::tempdir().unwrap();
    let enrol = Workload::enrol(folder.path().join("identity")).authority(url).ticket(ticket);
    let started = enrol.clock(Arc::new(rig.clock.clone())).start().await;
    (folder, started.map_err(|error| error.to_string()))
}

#[tokio::test]
async fn services_enrol_by_tickets_know_each_other_and_have_tokens() {
    let (rig, url) = served().await;
    let (_cart_at, cart) = enrolled(&rig, &url, rig.ticket("cart", Place::Free).await).await;
    let (_stock_at, stock) = enrolled(&rig, &url, rig.ticket("stock", Place::Free).await).await;
    let (cart, stock) = (cart.unwrap(), stock.unwrap());
    assert_eq!(cart.identity().as_str(), "spiffe://example.org/cart");
    let ring = stock.bundle().current().unwrap();
    assert!(ring.has_key(cart.signer().current().key_id()), "stock verifies what cart signs");
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}/", tcp.local_addr().unwrap());
    let who = get(|Extension(peer): Extension<PeerIdentity>| async move { peer.workload().to_string() });
    let listener = stock.listener(tcp);
    tokio::spawn(async move { axum::serve(listener, with_peers(Router::new().route("/", who))).await });
    let client = HttpClient::builder(WAIT).tls(cart.client()).build().unwrap();
    let answer = client.get(&Endpoint::parse(&address).unwrap()).send().await.unwrap();
    assert_eq!(answer.into_body(), b"spiffe://example.org/cart");
    let token = cart.token("https://stock.internal", None).await.unwrap();
    assert_eq!((token.token_type.as_str(), token.expires_in), ("Bearer", 300));
    assert!(cart.token("https://stock.internal", Some("admin")).await.is_err());
}

/// Attack: the ticket of a service that has started already, and one of another authority, to which it is pinned.
#[tokio::test]
async fn stolen_and_foreign_tickets_start_no_service() {
    let (rig, url) = served().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let (_cart_at, cart) = enrolled(&rig, &url, ticket.clone()).await;
    let cart = cart.unwrap();
    let (_thief_at, thief) = enrolled(&rig, &url, ticket).await;
    assert!(thief.is_err());
    assert!(cart.token("https://stock.internal", None).await.is_ok(), "the incumbent goes on");
    let other = Rig::start().await;
    let (_at, misled) = enrolled(&rig, &url, other.ticket("cart", Place::Taken).await).await;
    assert!(misled.is_err());
}

/// The ticket names the root that issues, and the listener shows a chain that ends in it, from the moment of a rotation on.
#[tokio::test]
async fn services_enrol_after_a_rotation_of_the_root() {
    let (rig, url) = served().await;
    let hour = AuthorityKeys::OVERLAP;
    rig.authority.keys().rotate_root(hour, &rig.clock, &kest_core::OsRandom).unwrap();
    rig.clock.advance(hour);
    rig.authority.keep_up_now().await.unwrap();
    let (_at, cart) = enrolled(&rig, &url, rig.ticket("cart", Place::Free).await).await;
    assert_eq!(cart.unwrap().identity().path(), "/cart");
}
