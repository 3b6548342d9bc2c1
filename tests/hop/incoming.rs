//! Bodies of real connections, as hyper gives them, compared with what was signed: over HTTP/1.1, HTTP/2 and byte by byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use kest::OperationLayer;
use kest::prelude::*;
use kest::tower::{Checked, HopProof};
use kest_tests::clock::today;
use kest_tests::keys;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _};

const SIGNED: &str = "one lamp for alice";

/// A service of hyper alone, whose handler answers with the body that it was given, or with what was wrong.
struct Service {
    address: SocketAddr,
    ran: Arc<AtomicUsize>,
}

/// Under a clock that stands still, so that no proof grows old while its request waits.
fn kest(name: &str, authority: &str) -> Kest {
    let kest = Kest::builder(keys::signer(name)).trust(keys::ring()).clock(Arc::new(today()));
    kest.hop_proof(HopProof::for_authority(authority)).without_deployment_policies().build().unwrap()
}

impl Service {
    async fn start(shape: impl FnOnce(OperationLayer) -> OperationLayer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (kest, ran) = (kest("ledger", &address.to_string()), Arc::<AtomicUsize>::default());
        let operation = shape(kest.operation("order").policy_fn("all", |_asked| true).unwrap());
        let runs = Arc::clone(&ran);
        let service = ServiceBuilder::new().layer(kest.inbound(FromLineage)).layer(operation).service_fn(
            move |request: Request<Checked<Incoming>>| {
                runs.fetch_add(1, Ordering::SeqCst);
                async move {
                    let read = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                    let read = read.unwrap_or_else(|error| error.to_string().into());
                    Ok::<_, Infallible>(Response::new(Full::new(read)))
                }
            },
        );
        tokio::spawn(async move {
            loop {
                let (stream, _peer) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // What attackers leave behind is an error of the connection.
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, ran }
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }

    /// The headers of a request of a trusted service with this body, to be sent once.
    async fn signed(&self, body: &'static str) -> HeaderMap {
        let seen = Arc::new(Mutex::new(HeaderMap::new()));
        let keeps = Arc::clone(&seen);
        let wire = tower::service_fn(move |request: Request<Full<Bytes>>| {
            *keeps.lock().unwrap() = request.headers().clone();
            std::future::ready(Ok::<_, Infallible>(Response::new(())))
        });
        let mut request =
            Request::post(self.url()).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        request.extensions_mut().insert(keys::chain(1).await);
        let layer = kest("gateway", "gateway.internal").carry_layer();
        let layer = layer.destination(&format!("http://{}", self.address)).unwrap().build().unwrap();
        layer.layer(wire).oneshot(request).await.unwrap();
        std::mem::take(&mut *seen.lock().unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}/orders", self.address)
    }

    /// Sends these headers with these frames: chunks, or frames of data.
    async fn send(
        &self,
        version: Version,
        headers: &HeaderMap,
        frames: Vec<Frame<Bytes>>,
    ) -> (StatusCode, String) {
        let mut client = Client::builder(TokioExecutor::new());
        client.http2_only(version == Version::HTTP_2);
        let client: Client<_, BoxBody<Bytes, Infallible>> = client.build_http();
        let body = StreamBody::new(tokio_stream::iter(frames.into_iter().map(Ok::<_, Infallible>)));
        let mut request = Request::post(self.url()).body(body.boxed()).unwrap();
        *request.headers_mut() = headers.clone();
        let response = client.request(request).await.unwrap();
        let status = response.status();
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(answer.to_vec()).unwrap())
    }

    /// Writes a request with these headers and whatever `rest` says, and reads until the connection ends.
    async fn write(&self, headers: &HeaderMap, rest: &str) -> String {
        let mut head = format!("POST /orders HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A connection that was reset gave no answer either.
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    }
}

fn data(pieces: &[&'static str]) -> Vec<Frame<Bytes>> {
    pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes()))).collect()
}

/// Attack: one on the way exchanges, lengthens, shortens or takes away the body of a signed request.
#[tokio::test]
async fn body_that_was_changed_on_the_way_is_refused_before_the_handler_runs() {
    let service = Service::start(|it| it).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let before = service.ran();
        for pieces in [
            &["one lamp for mallo"][..],
            &["one lamp ", "for mallo"],
            &[SIGNED, " and one for mallory"],
            &["one lamp for alic"],
            &["one lamp"],
            &["ONE lamp ", "for alice"],
            &[],
        ] {
            let headers = service.signed(SIGNED).await;
            let (status, answer) = service.send(version, &headers, data(pieces)).await;
            assert_eq!((status, answer.as_str()), (StatusCode::UNAUTHORIZED, ""), "{version:?} {pieces:?}");
        }
        let headers = service.signed("").await;
        let (status, _) = service.send(version, &headers, data(&["smuggled"])).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{version:?}: a body of which no digest was signed");
        let mut trailers = HeaderMap::new();
        trailers.insert("x-amount", "9".parse().unwrap());
        let mut frames = data(&[SIGNED]);
        frames.push(Frame::trailers(trailers));
        let mut headers = service.signed(SIGNED).await;
        headers.insert("trailer", "x-amount".parse().unwrap());
        let (status, _) = service.send(version, &headers, frames).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{version:?}: trailers, which no digest covers");
        assert_eq!(service.ran(), before, "{version:?}: no handler ran");
        for pieces in [&[SIGNED][..], &["one lamp ", "", "for alice"]] {
            let headers = service.signed(SIGNED).await;
            let answered = service.send(version, &headers, data(pieces)).await;
            assert_eq!(answered, (StatusCode::OK, SIGNED.to_owned()), "{version:?} {pieces:?}");
        }
        assert_eq!(service.ran(), before + 2);
    }
}

/// Attack: lengths that say another thing than the digest, and connections that end in the middle of a body.
#[tokio::test]
async fn body_that_is_cut_by_its_length_or_its_connection_reaches_no_handler() {
    let service = Service::start(|it| it).await;
    let signed = SIGNED.len();
    for (name, rest) in [
        ("shorter", format!("content-length: {}\r\n\r\n{SIGNED}", signed - 1)),
        ("longer", format!("content-length: {}\r\n\r\n{SIGNED}!", signed + 1)),
        ("none", "\r\n".to_owned()),
        ("cut in its length", format!("content-length: {signed}\r\n\r\none lamp")),
        ("cut in a chunk", format!("transfer-encoding: chunked\r\n\r\n{signed:x}\r\none lamp")),
        ("cut between chunks", "transfer-encoding: chunked\r\n\r\n8\r\none lamp\r\n".to_owned()),
        // All of it came, and not that it is all of it.
        ("without its end", format!("transfer-encoding: chunked\r\n\r\n{signed:x}\r\n{SIGNED}\r\n")),
        ("by two lengths", format!("content-length: {signed}\r\ncontent-length: 8\r\n\r\n{SIGNED}")),
    ] {
        let headers = service.signed(SIGNED).await;
        let answer = service.write(&headers, &rest).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        assert_eq!(service.ran(), 0, "{name}");
    }
    let headers = service.signed(SIGNED).await;
    let answer = service.write(&headers, &format!("content-length: {signed}\r\n\r\n{SIGNED}")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(SIGNED), "{answer}");
}

/// Attack: the same on a route that takes bodies as they come: its handler learns at the end that it was given another one.
#[tokio::test]
async fn handler_that_streams_is_told_of_a_changed_body_by_an_error_at_its_end() {
    let service = Service::start(OperationLayer::streaming_body).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for pieces in [
            &["one lamp ", "for mallo"][..],
            &[SIGNED, " and more"],
            &["one lamp"],
            &["ONE lamp ", "for alice"],
        ] {
            let headers = service.signed(SIGNED).await;
            let (_, answer) = service.send(version, &headers, data(pieces)).await;
            assert_eq!(answer, "body is not the one that was signed", "{version:?} {pieces:?}");
        }
        let headers = service.signed(SIGNED).await;
        let answered = service.send(version, &headers, data(&["one lamp ", "for alice"])).await;
        assert_eq!(answered, (StatusCode::OK, SIGNED.to_owned()), "{version:?}");
    }
}
