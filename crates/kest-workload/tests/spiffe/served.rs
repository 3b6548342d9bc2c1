//! What an agent gives is presented, and gone by, from the next handshake on.

use std::sync::Arc;
use std::time::Duration;

use kest_http::{Endpoint, HttpClient};
use kest_identity::SpiffeId;
use kest_testkit::TestClock;
use kest_workload::PeerIdentity;
use kest_workload::spiffe::{EntryKeys, SpiffeBuilder, SpiffeWorkload};
use tokio::net::TcpListener;

use crate::agent::{Answer, FakeAgent};
use crate::issuer::{CART, Root, STOCK, answer};

/// One that signs nothing, by the clock that certificates are issued by.
pub(crate) fn builder(agent: &FakeAgent) -> SpiffeBuilder {
    SpiffeWorkload::builder(EntryKeys::signs_nothing())
        .endpoint(agent.address())
        .clock(Arc::new(TestClock::at(TestClock::START)))
        .pauses(Duration::from_millis(5), Duration::from_millis(20))
        .wait(Duration::from_millis(300))
}

/// Connects from one to the other, and gives who the server says that the client is: none where the handshake does not hold.
pub(crate) async fn meet(client: &SpiffeWorkload, server: &SpiffeWorkload) -> Option<PeerIdentity> {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut listener = server.listener(tcp).unwrap();
    let url = format!("https://{}/", listener.local_address().unwrap());
    let tls = client.client_to([server.identity().clone()]).unwrap();
    let client = HttpClient::builder(Duration::from_secs(5)).tls(tls).build().unwrap();
    tokio::select! {
        biased;
        (stream, _) = listener.next() => stream.peer().cloned(),
        // No answer is written: the request ends before a connection is there only where the handshake does not hold.
        _ = client.get(&Endpoint::parse(&url).unwrap()).send() => None,
    }
}

#[tokio::test]
async fn two_workloads_meet_over_mutual_tls_with_what_their_agents_gave() {
    let root = Root::new("example.org");
    let cart_agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let stock_agent = FakeAgent::on_loopback(answer([root.svid(STOCK)])).await;
    let cart = builder(&cart_agent).start().await.unwrap();
    let stock = builder(&stock_agent).start().await.unwrap();
    assert_eq!((cart.identity().as_str(), stock.identity().as_str()), (CART, STOCK));
    assert_eq!(meet(&cart, &stock).await.unwrap().workload().as_str(), CART);
    assert_eq!(meet(&stock, &cart).await.unwrap().workload().as_str(), STOCK);
    assert_eq!(cart.readiness().seconds_left, 3600);
    assert!(cart.readiness().is_ready());
}

#[tokio::test]
async fn rotation_that_the_agent_pushes_is_presented_from_the_next_handshake_on() {
    let root = Root::new("example.org");
    let agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let stock_agent = FakeAgent::on_unix_socket(answer([root.svid(STOCK)])).await;
    let (cart, stock) =
        (builder(&agent).start().await.unwrap(), builder(&stock_agent).start().await.unwrap());
    let mut seen = vec![*meet(&cart, &stock).await.unwrap().thumbprint()];
    for _ in 0..3 {
        let change = cart.next_change();
        agent.say(answer([root.svid_for(CART, -60, 7200)]));
        change.await;
        seen.push(*meet(&cart, &stock).await.unwrap().thumbprint());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4);
    assert_eq!(cart.readiness().seconds_left, 7200);
}

#[tokio::test]
async fn peers_of_a_next_root_are_believed_once_the_agent_says_it() {
    let (old, new) = (Root::new("example.org"), Root::new("example.org"));
    let agent = FakeAgent::on_unix_socket(answer([old.svid(CART)])).await;
    let stock_agent = FakeAgent::on_unix_socket(answer([new.svid(STOCK)])).await;
    let (cart, stock) =
        (builder(&agent).start().await.unwrap(), builder(&stock_agent).start().await.unwrap());
    assert!(meet(&stock, &cart).await.is_none());
    for (agent, root, id, workload) in [(&agent, &old, CART, &cart), (&stock_agent, &new, STOCK, &stock)] {
        let mut svid = root.svid(id);
        svid.bundle = [old.certificate.clone(), new.certificate.clone()].concat();
        let change = workload.next_change();
        agent.say(answer([svid]));
        change.await;
    }
    assert_eq!(meet(&stock, &cart).await.unwrap().workload().as_str(), STOCK);
}

#[tokio::test]
async fn agent_that_goes_away_and_comes_back_is_followed_again() {
    let root = Root::new("example.org");
    let agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let cart = builder(&agent).start().await.unwrap();
    let change = cart.next_change();
    agent.go_away().await;
    change.await;
    while cart.readiness().consecutive_failures < 3 {
        cart.next_change().await;
    }
    assert_eq!(cart.readiness().last_error, Some("unavailable"));
    assert!(cart.readiness().is_ready(), "the certificate that is there goes on");
    agent.say(answer([root.svid_for(CART, -60, 7200)]));
    agent.come_back().await;
    while cart.readiness().seconds_left != 7200 {
        cart.next_change().await;
    }
    assert_eq!(cart.readiness().consecutive_failures, 0);
    assert_eq!(meet(&cart, &cart).await.unwrap().workload().as_str(), CART);
}

#[tokio::test]
async fn first_of_several_identities_is_the_default_and_another_can_be_asked_for() {
    let root = Root::new("example.org");
    let both = || answer([root.svid(STOCK), root.svid(CART)]);
    let agent = FakeAgent::on_unix_socket(both()).await;
    let first = builder(&agent).start().await.unwrap();
    let asked = builder(&agent).identity(SpiffeId::parse(CART).unwrap()).start().await.unwrap();
    assert_eq!((first.identity().as_str(), asked.identity().as_str()), (STOCK, CART));
    // The order says which is the default at the start; afterwards the identity stays.
    let (one, other) = (first.next_change(), asked.next_change());
    agent.say(answer([root.svid_for(CART, -60, 7200), root.svid_for(STOCK, -60, 7201)]));
    tokio::join!(one, other);
    assert_eq!((first.readiness().seconds_left, asked.readiness().seconds_left), (7201, 7200));
    assert_eq!(meet(&first, &asked).await.unwrap().workload().as_str(), STOCK);
}

#[tokio::test]
async fn agent_is_not_followed_once_the_workload_is_gone() {
    let root = Root::new("example.org");
    let agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let cart = builder(&agent).start().await.unwrap();
    let change = cart.next_change();
    drop(cart);
    change.await;
    agent.say(Answer::Refusal(tonic::Code::Unavailable, "who asks now?"));
    assert_eq!(agent.asked(), 1);
}
