//! Names and addresses that lead where a question must not go, by DNS, by spelling and by rebinding.

use std::sync::Arc;

use kest_http::{Endpoint, HttpError, Reach};

use crate::rig::{Names, Server, Then, ok, patient};

async fn server() -> Server {
    Server::saying(ok("", b"secret"), Then::Closes).await
}

/// What becomes of a question of this reach about a name that leads to `addresses`.
async fn asked_of(reach: Reach, addresses: &[&str]) -> (Result<Vec<u8>, HttpError>, usize) {
    let server = server().await;
    let names = Names::leading_to(&[addresses]);
    let client = patient().reach(reach).lookup(Arc::new(names.clone())).build().unwrap();
    let there = format!("http://keys.example:{}/k", server.address.port());
    let answer = client.get(&Endpoint::dangerous_plain_http(&there).unwrap()).send().await;
    assert_eq!(names.asked(), ["keys.example"]);
    (answer.map(kest_http::HttpResponse::into_body), server.seen().len())
}

#[tokio::test]
async fn published_name_that_leads_to_this_machine_is_not_connected_to() {
    for addresses in [&["127.0.0.1"][..], &["::ffff:127.0.0.1"], &["127.8.8.8", "::1"], &["64:ff9b::7f00:1"]]
    {
        let (answer, connections) = asked_of(Reach::Public, addresses).await;
        assert!(matches!(answer, Err(HttpError::PrivateAddress)), "{addresses:?}: {answer:?}");
        assert_eq!(connections, 0, "{addresses:?}");
    }
}

#[tokio::test]
async fn name_of_the_configuration_may_lead_to_this_machine() {
    for reach in [Reach::Anywhere, Reach::PublicOrLoopback] {
        let (answer, connections) = asked_of(reach, &["127.0.0.1"]).await;
        assert_eq!((answer.unwrap(), connections), (b"secret".to_vec(), 1), "{reach:?}");
    }
}

#[tokio::test]
async fn one_good_address_among_bad_ones_is_the_only_one_that_is_tried() {
    let (answer, connections) =
        asked_of(Reach::PublicOrLoopback, &["169.254.169.254", "fe80::1", "127.0.0.1", "0.0.0.0"]).await;
    assert_eq!((answer.unwrap(), connections), (b"secret".to_vec(), 1));
}

/// The name is looked up once for each connection, and that very answer is judged and connected to.
#[tokio::test]
async fn name_that_is_rebound_between_two_look_ups_leads_nowhere() {
    let server = server().await;
    let names = Names::leading_to(&[&["127.0.0.1"], &["169.254.169.254"], &["0.0.0.0"], &["127.0.0.1"]]);
    let client = patient().reach(Reach::PublicOrLoopback).lookup(Arc::new(names.clone())).build().unwrap();
    let there = format!("http://keys.example:{}/k", server.address.port());
    let there = Endpoint::dangerous_plain_http(&there).unwrap();
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(client.get(&there).send().await.map_or_else(|error| error.kind(), |_| "answered"));
    }
    assert_eq!(kinds, ["answered", "private_address", "private_address", "answered"]);
    assert_eq!((names.asked().len(), server.seen().len()), (4, 2));
}

#[tokio::test]
async fn address_that_is_spelled_out_does_not_bypass_the_look_up() {
    let server = server().await;
    let port = server.address.port();
    let client = patient().reach(Reach::Public).lookup(Arc::new(Names::leading_to(&[]))).build().unwrap();
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f.1",
        "0177.1",
        "2130706433",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "0",
        "[::]",
        "169.254.169.254",
    ] {
        let endpoint = Endpoint::dangerous_plain_http(&format!("http://{host}:{port}/k")).unwrap();
        let answer = client.get(&endpoint).send().await;
        assert!(matches!(answer, Err(HttpError::PrivateAddress)), "{host}: {answer:?}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn localhost_is_this_machine_whatever_a_look_up_would_say() {
    let server = server().await;
    let names = Names::leading_to(&[&["192.0.2.1"]]);
    let client = patient().lookup(Arc::new(names.clone())).build().unwrap();
    for host in ["localhost", "localhost.", "LocalHost"] {
        let there = Endpoint::parse(&format!("http://{host}:{}/k", server.address.port())).unwrap();
        assert_eq!(client.get(&there).send().await.unwrap().body(), b"secret", "{host}");
    }
    assert_eq!((names.asked().len(), server.seen().len()), (0, 3));
}

#[tokio::test]
async fn name_without_an_address_is_out_of_reach() {
    let client = patient().reach(Reach::Public).lookup(Arc::new(Names::leading_to(&[]))).build().unwrap();
    let there = Endpoint::parse("https://keys.example/").unwrap();
    assert_eq!(client.get(&there).send().await.unwrap_err().kind(), "unreachable");
}
