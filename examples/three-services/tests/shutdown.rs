//! Clients that hold a service up: it ends in time all the same, and what can be finished is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod rig;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use rig::{Folder, Hop, flags, keys};
use three_services::serve::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Far later than anything here may take; time is not real in these tests, but for the last one.
const LATE: Duration = Duration::from_secs(600);
const GRACE: Duration = Duration::from_secs(10);
const HEAD_WAIT: Duration = Duration::from_secs(30);

/// A service that is up until it is told to stop.
struct Service {
    address: SocketAddr,
    /// Told when a handler runs.
    running: Arc<Notify>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let running = Arc::new(Notify::new());
        let (told, wait) = (Arc::clone(&running), Arc::clone(&running));
        let router = Router::new()
            .route("/ok", get(async || "ok"))
            .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
            .route("/body", post(async |body: axum::body::Bytes| body))
            .route(
                "/five-seconds",
                get(async move || {
                    told.notify_one();
                    tokio::time::sleep(GRACE / 2).await;
                    "done"
                }),
            )
            .route(
                "/an-hour",
                get(async move || {
                    wait.notify_one();
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    "done"
                }),
            );
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(listener, router, async move { stopped.await.unwrap_or_default() }));
        Self { address, running, stop, served }
    }

    async fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// A whole request: connections that were made before it have been accepted when it is answered.
    async fn ask(&self) {
        let answer = read(self.connect(&request("GET /ok")).await).await;
        assert!(answer.ends_with("ok"), "{answer}");
    }

    /// Asks it to stop, and says how long it took.
    async fn stop(self) -> Duration {
        let asked = Instant::now();
        self.stop.send(()).unwrap();
        timeout(LATE, self.served).await.expect("it ends").unwrap();
        asked.elapsed()
    }
}

fn request(line: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").into_bytes()
}

/// What comes until the other side closes.
async fn read(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = timeout(LATE, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    drop(end);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(start_paused = true)]
async fn client_that_holds_half_a_head_holds_up_the_end_for_ten_seconds_at_most() {
    let service = Service::start().await;
    let _silent = service.connect(b"").await;
    let _preface = service.connect(b"PRI * HT").await;
    let _head = service.connect(b"GET /ok HTTP/1.1\r\nhost: he").await;
    service.ask().await;
    assert_eq!(service.stop().await.as_secs(), GRACE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn client_that_vanished_in_its_body_holds_up_the_end_for_ten_seconds_at_most() {
    let service = Service::start().await;
    let _body =
        service.connect(b"POST /body HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\nhalf").await;
    service.ask().await;
    assert_eq!(service.stop().await.as_secs(), GRACE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn reader_that_does_not_read_holds_up_the_end_for_ten_seconds_at_most() {
    let service = Service::start().await;
    let slow = service.connect(&request("GET /large")).await;
    slow.readable().await.unwrap();
    assert_eq!(service.stop().await.as_secs(), GRACE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn handler_that_does_not_end_holds_up_the_end_for_ten_seconds_at_most() {
    let service = Service::start().await;
    let cut = service.connect(&request("GET /an-hour")).await;
    service.running.notified().await;
    assert_eq!(service.stop().await.as_secs(), GRACE.as_secs());
    assert_eq!(read(cut).await, "");
}

#[tokio::test(start_paused = true)]
async fn running_request_is_finished_and_idle_connections_are_not_waited_for() {
    let service = Service::start().await;
    let mut idle = service.connect(b"GET /ok HTTP/1.1\r\nhost: here\r\n\r\n").await;
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    let running = service.connect(&request("GET /five-seconds")).await;
    service.running.notified().await;
    let address = service.address;
    assert_eq!(service.stop().await.as_secs(), GRACE.as_secs() / 2);
    assert!(read(running).await.ends_with("done"));
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}

#[tokio::test(start_paused = true)]
async fn head_that_does_not_come_is_waited_for_as_long_as_any_other() {
    let service = Service::start().await;
    for bytes in [&b""[..], b"PRI * HT", b"GET /ok HTTP/1.1\r\nhost: he"] {
        let began = Instant::now();
        let stream = service.connect(bytes).await;
        read(stream).await;
        assert_eq!(began.elapsed().as_secs(), HEAD_WAIT.as_secs(), "{}", String::from_utf8_lossy(bytes));
    }
    service.ask().await;
}

#[test]
fn hop_ends_with_zero_while_clients_hold_halves_of_requests() {
    let folder = Folder::new("shutdown");
    let bundle = keys(&folder);
    let hop = Hop::start(&flags(&folder, "ledger", &bundle, &["--identity-from-lineage"]));
    let address = hop.origin.strip_prefix("http://").unwrap();
    let holding =
        ["", "GET /healthz HTTP/1.1\r\nhost", "POST /call HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx"]
            .map(|bytes| {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.write_all(bytes.as_bytes()).unwrap();
                stream
            });
    let asked = std::time::Instant::now();
    assert_eq!(hop.terminate(), Some(0));
    // Ten seconds, and some for a machine that is busy with other tests.
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    drop(holding);
}
