//! What a handshake that holds says of the peer, and what the ones that do not hold cost the others.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest_testkit::TestClock;
use kest_workload::WorkloadListener;
use kest_workload::protocol::Epoch;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::rustls::version;

use crate::rig::{CART, Service, certified, connect, connect_from, epoch, greet, greeting, greeting_of};

#[tokio::test]
async fn peer_is_what_its_certificate_says() {
    let service = Service::new();
    let mut listener = service.listener().await;
    let address = listener.local_address().unwrap();
    let identity = service.root.below(|_| ()).issue(|params| {
        params.custom_extensions = vec![epoch(7)];
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[1, 2, 3]));
    });
    let certified = certified(&identity);
    let (accepted, connected) =
        tokio::join!(listener.next(), connect(address, Some(certified), &version::TLS13));
    connected.unwrap();
    let peer = accepted.0.peer().unwrap();
    assert_eq!((peer.workload().as_str(), peer.epoch()), (CART, Some(Epoch::new(7))));
    assert_eq!(peer.serial(), [1, 2, 3]);
    let thumbprint: [u8; 32] = Sha256::digest(&identity.chain[0]).into();
    assert_eq!(*peer.thumbprint(), thumbprint);
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(TestClock::START + 3600);
    assert_eq!(peer.not_after(), end);
    assert_eq!(peer.peer_workload().workload().as_str(), CART);
}

#[tokio::test]
async fn listener_without_client_certificates_knows_no_peer() {
    let service = Service::new();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = WorkloadListener::server_only(tcp, &service.own, &service.clock()).unwrap();
    let address = greet(listener);
    let good = certified(&service.root.issue(|_| ()));
    let greeted = greeting_of(connect(address, Some(good), &version::TLS13).await).await;
    assert_eq!(greeted.unwrap(), "", "a certificate that was not asked for says nothing");
}

/// Attack: connections that begin a handshake and never end it.
#[tokio::test]
async fn half_open_handshakes_do_not_block_others() {
    let service = Service::new();
    let address = greet(service.listener().await.handshakes(4));
    let mut held = Vec::new();
    for _ in 0..8 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        held.push(socket.connect(address).await.unwrap());
    }
    let good = certified(&service.root.issue(|_| ()));
    let stream = connect_from("127.0.0.2:0", address, Some(good), &version::TLS13).await;
    assert_eq!(greeting_of(stream).await.unwrap(), CART);
    // What was past the part of one address was closed at once.
    let mut rest = Vec::new();
    for stream in &mut held[2..] {
        assert!(matches!(stream.read_to_end(&mut rest).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn handshake_that_takes_too_long_is_given_up() {
    let service = Service::new();
    let address = greet(service.listener().await.handshake_wait(Duration::from_millis(20)));
    let mut held = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(held.read(&mut [0; 16]).await.unwrap(), 0);
    let service = Arc::new(service);
    let address = greet(service.listener().await);
    assert_eq!(greeting(address, &service.root.issue(|_| ())).await.unwrap(), CART);
}

/// A session that is resumed would bring a certificate along that was judged another day.
#[tokio::test]
async fn no_session_is_resumed() {
    let service = Service::new();
    let address = greet(service.listener().await);
    let good = service.root.issue(|_| ());
    let mut stream = connect(address, Some(certified(&good)), &version::TLS13).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, CART);
    assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
}
