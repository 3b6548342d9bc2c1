//! First contact, and what a service has from then on.

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use kest_core::signature::Sign as _;
use kest_http::{Endpoint, HttpClient, HttpError};
use kest_workload::{AskError, EnrolError, PeerIdentity, StartError, Workload, with_peers};
use tokio::net::TcpListener;

use crate::stand_in::{Mood, StandIn};

pub(crate) struct Place {
    _parent: tempfile::TempDir,
    pub(crate) folder: PathBuf,
}

pub(crate) fn place() -> Place {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cart");
    Place { _parent: parent, folder }
}

#[tokio::test]
async fn service_is_enrolled_with_a_ticket_and_finds_the_keys_of_others() {
    let (authority, cart_at, stock_at) = (StandIn::start().await, place(), place());
    let stock = authority.of(&stock_at.folder).ticket(authority.ticket("stock")).start().await.unwrap();
    let cart = authority.of(&cart_at.folder).ticket(authority.ticket("cart")).start().await.unwrap();
    assert_eq!(cart.identity().as_str(), "spiffe://example.org/cart");
    assert_eq!(cart.signer().workload().as_str(), "spiffe://example.org/cart");
    let ring = cart.bundle().current().unwrap();
    for workload in [&cart, &stock] {
        assert!(ring.has_key(workload.signer().current().key_id()));
    }
    let health = cart.readiness();
    assert!(health.is_ready(), "{health:?}");
    assert_eq!((health.seconds_left, health.epoch.number(), health.last_error), (3600, 1, None));
}

/// Asks who it is by the certificate that was presented.
pub(crate) async fn who_is(client: &Workload, server: &Workload) -> Result<String, HttpError> {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", tcp.local_addr().unwrap());
    let app = Router::new().route(
        "/",
        get(|Extension(peer): Extension<PeerIdentity>| async move { peer.workload().to_string() }),
    );
    let listener = server.listener(tcp);
    let serving = tokio::spawn(async move { axum::serve(listener, with_peers(app)).await });
    let client = HttpClient::builder(Duration::from_secs(5)).tls(client.client()).build().unwrap();
    let answer = client.get(&Endpoint::parse(&url).unwrap()).send().await;
    serving.abort();
    Ok(String::from_utf8(answer?.into_body()).unwrap())
}

#[tokio::test]
async fn two_workloads_of_one_authority_know_each_other() {
    let (authority, cart_at, stock_at) = (StandIn::start().await, place(), place());
    let stock = authority.of(&stock_at.folder).ticket(authority.ticket("stock")).start().await.unwrap();
    let cart = authority.of(&cart_at.folder).ticket(authority.ticket("cart")).start().await.unwrap();
    assert_eq!(who_is(&cart, &stock).await.unwrap(), "spiffe://example.org/cart");
    let only = cart.client_to([cart.identity().clone()]).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Endpoint::parse(&format!("https://{}/", tcp.local_addr().unwrap())).unwrap();
    let listener = stock.listener(tcp);
    tokio::spawn(async move { axum::serve(listener, with_peers(Router::new())).await });
    let client = HttpClient::builder(Duration::from_secs(5)).tls(only).build().unwrap();
    let refused = client.get(&url).send().await;
    assert!(matches!(refused, Err(HttpError::Unreachable(_))), "stock is not who was to answer: {refused:?}");
}

#[tokio::test]
async fn workload_of_another_authority_is_not_known() {
    let (ours, theirs, cart_at, stock_at) =
        (StandIn::start().await, StandIn::start().await, place(), place());
    let stock = ours.of(&stock_at.folder).ticket(ours.ticket("stock")).start().await.unwrap();
    let cart = theirs.of(&cart_at.folder).ticket(theirs.ticket("cart")).start().await.unwrap();
    assert!(who_is(&cart, &stock).await.is_err());
}

#[tokio::test]
async fn token_is_asked_for_with_the_certificate() {
    let (authority, at) = (StandIn::start().await, place());
    let cart = authority.of(&at.folder).ticket(authority.ticket("cart")).start().await.unwrap();
    let token = cart.token("https://stock.internal", Some("read")).await.unwrap();
    assert_eq!(token.access_token, "spiffe://example.org/cart for https://stock.internal to read");
}

/// Attack: an authority of another root, in the place of the one that gave the ticket out.
#[tokio::test]
async fn authority_of_another_root_is_not_shown_the_ticket() {
    let (ours, theirs, at) = (StandIn::start().await, StandIn::start().await, place());
    let refused = theirs.of(&at.folder).ticket(ours.ticket("cart")).start().await;
    let refused = refused.map(drop).unwrap_err();
    let unreachable = matches!(
        refused,
        StartError::Enrol(EnrolError::Asked(AskError::Unavailable(HttpError::Unreachable(_))))
    );
    assert!(unreachable, "{refused:?}");
    assert_eq!(theirs.state().asked, Vec::<&str>::new());
}

/// Attack: a workload of the same trust domain, whose certificate ends in the same root.
#[tokio::test]
async fn workload_in_the_place_of_the_authority_is_not_shown_the_ticket() {
    let (thief, at) = (StandIn::named("/cart").await, place());
    let refused = thief.of(&at.folder).ticket(thief.ticket("cart")).start().await;
    assert!(refused.is_err());
    assert_eq!(thief.state().asked, Vec::<&str>::new());
}

#[tokio::test]
async fn authority_is_not_asked_without_tls() {
    let (authority, at) = (StandIn::start().await, place());
    let url = format!("http://{}", authority.enrolment);
    let start = authority.of(&at.folder).authority(url).ticket(authority.ticket("cart")).start().await;
    assert!(matches!(start, Err(StartError::PlainHttp)), "{start:?}");
}

/// Attack: an answer for another trust domain than that of the authority that was believed.
#[tokio::test]
async fn identity_of_another_trust_domain_is_not_taken() {
    let (authority, at) = (StandIn::start().await, place());
    authority.state().mood = Mood::Straying;
    let refused = authority.of(&at.folder).ticket(authority.ticket("cart")).start().await;
    let is_answer = matches!(refused, Err(StartError::Enrol(EnrolError::Asked(AskError::Answer))));
    assert!(is_answer, "{refused:?}");
}

#[tokio::test]
async fn ticket_that_the_authority_refuses_leaves_no_identity() {
    let (authority, at) = (StandIn::start().await, place());
    let ticket = authority.ticket("cart");
    let cart = authority.of(&at.folder).ticket(ticket.clone()).start().await.unwrap();
    let again = place();
    let refused = authority.of(&again.folder).ticket(ticket).start().await;
    let is_refused = matches!(refused, Err(StartError::Enrol(EnrolError::Asked(AskError::Refused))));
    assert!(is_refused, "{refused:?}");
    assert!(!again.folder.join("identity.json").exists());
    assert!(cart.readiness().is_ready());
}

#[tokio::test]
async fn identity_that_lives_is_gone_on_with_while_the_authority_is_away() {
    let (authority, at) = (StandIn::start().await, place());
    let cart = authority.of(&at.folder).ticket(authority.ticket("cart")).start().await.unwrap();
    let key = cart.signer().current().key_id().clone();
    cart.stop().await;
    authority.state().mood = Mood::Away;
    authority.clock.advance(Duration::from_secs(600));
    let cart = authority.of(&at.folder).start().await.unwrap();
    assert_eq!(*cart.signer().current().key_id(), key);
    assert!(cart.readiness().is_ready());
    assert!(cart.bundle().current().unwrap().has_key(&key));
}

#[tokio::test]
async fn folder_is_of_one_process() {
    let (authority, at) = (StandIn::start().await, place());
    let _cart = authority.of(&at.folder).ticket(authority.ticket("cart")).start().await.unwrap();
    let second = authority.of(&at.folder).start().await;
    assert!(matches!(second, Err(StartError::Folder(_))), "{second:?}");
}

#[tokio::test]
async fn identity_that_has_ended_needs_a_ticket_that_was_not_used() {
    let (authority, at) = (StandIn::start().await, place());
    let ticket = authority.ticket("cart");
    let cart = authority.of(&at.folder).ticket(ticket.clone()).start().await.unwrap();
    cart.stop().await;
    authority.clock.advance(Duration::from_secs(3600));
    let asked = authority.state().asked.len();
    for start in
        [authority.of(&at.folder).start().await, authority.of(&at.folder).ticket(ticket).start().await]
    {
        assert!(matches!(start, Err(StartError::NoEvidence)), "{start:?}");
    }
    assert_eq!(authority.state().asked.len(), asked, "nothing is asked with what is used up");
    let cart = authority.of(&at.folder).ticket(authority.ticket("cart")).start().await.unwrap();
    assert_eq!(cart.readiness().epoch.number(), 2);
    cart.stop().await;
    authority.clock.advance(Duration::from_secs(3600));
    let start = authority.of(&at.folder).ticket(authority.ticket("stock")).start().await;
    assert!(matches!(start, Err(StartError::OtherIdentity)), "{start:?}");
}
