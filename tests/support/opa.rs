//! A server that speaks OPA's REST API and evaluates with regorus, and one that breaks in every way.
//!
//! The real server is in no package registry, so this one stands in for it: what it cannot show is OPA's own
//! evaluation, only that we ask and read as OPA's API says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as a sidecar saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path and query, as they were sent.
    pub path: String,
    /// The header lines.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
    /// The other end of the connection.
    pub peer: SocketAddr,
}

/// A server on loopback that is up until it is dropped, and keeps the requests that it saw.
#[derive(Debug)]
pub struct Sidecar {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    written: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sidecar {
    /// Answers each request with the status and the JSON text that `answer` gives.
    pub async fn answering<Answer>(answer: Answer) -> Self
    where
        Answer: Fn(&Seen) -> (StatusCode, String) + Clone + Send + Sync + 'static,
    {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let keep = Arc::clone(&seen);
        let handler = async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, parts: Parts, body: Bytes| {
            let Parts { method, uri, headers, .. } = parts;
            let body = String::from_utf8(body.to_vec()).unwrap();
            let request = Seen { method: method.to_string(), path: uri.to_string(), headers, body, peer };
            let (status, answer) = answer(&request);
            keep.lock().unwrap().push(request);
            Ok::<_, Infallible>((status, [("content-type", "application/json")], answer))
        };
        let (listener, address) = listen().await;
        let app = Router::new().fallback(handler).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, seen, written: Arc::default(), serving }
    }

    /// Takes every request and then does as `fault` says.
    pub async fn faulty(fault: Fault) -> Self {
        let (seen, written) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicUsize>::default());
        let (listener, address) = listen().await;
        let (keep, count) = (Arc::clone(&seen), Arc::clone(&written));
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, peer) = listener.accept().await.unwrap();
                let (fault, keep, count) = (fault.clone(), Arc::clone(&keep), Arc::clone(&count));
                tokio::spawn(async move {
                    let request = read(&mut stream, peer).await;
                    keep.lock().unwrap().push(request);
                    fault.play(stream, &count).await;
                });
            }
        });
        Self { address, seen, written, serving }
    }

    /// Its base address.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that came, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that came.
    #[track_caller]
    pub fn seen_once(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// How many bytes of answers were taken from it, when it is a faulty one.
    pub fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }
}

/// An OPA with these modules, at `/v1/data`.
pub async fn opa(modules: &[(&str, &str)]) -> Sidecar {
    let mut engine = regorus::Engine::new();
    for (name, module) in modules {
        engine.add_policy((*name).to_owned(), (*module).to_owned()).unwrap();
    }
    let engine = Arc::new(Mutex::new(engine));
    Sidecar::answering(move |request| {
        let Some(path) = request.path.strip_prefix("/v1/data/") else {
            return (StatusCode::NOT_FOUND, "{}".to_owned());
        };
        let mut engine = engine.lock().unwrap().clone();
        if let Ok(body) = serde_json::from_str::<Value>(&request.body) {
            engine.set_input_json(&body["input"].to_string()).unwrap();
        }
        let document = document(&mut engine, path);
        (StatusCode::OK, document.map_or(json!({}), |document| json!({"result": document})).to_string())
    })
    .await
}

/// The document at `path`, none when it is undefined.
fn document(engine: &mut regorus::Engine, path: &str) -> Option<Value> {
    let segments = path.split('/').map(|segment| percent_decode_str(segment).decode_utf8().unwrap());
    let query: String = segments.map(|segment| format!("[{}]", json!(segment))).collect();
    let results = engine.eval_query(format!("data{query}"), false).unwrap();
    let value = results.result.first()?.expressions.first()?.value.clone();
    (value != regorus::Value::Undefined).then(|| serde_json::to_value(value).unwrap())
}

/// What a faulty server does once it has read a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It never answers.
    Silent,
    /// It answers with blanks, one at a time, for as long as the client listens.
    Trickle,
    /// It resets the connection.
    Reset,
    /// It sends these bytes, a whole answer, and closes.
    Bytes(Vec<u8>),
}

impl Fault {
    /// An answer of this status and length.
    pub fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len();
        Self::framed(&format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n"), body)
    }

    /// An answer without a length, which ends where the connection does.
    pub fn endless(body: impl AsRef<[u8]>) -> Self {
        Self::framed("HTTP/1.1 200 OK\r\n", body)
    }

    /// An answer in chunks, without a length.
    pub fn chunked(body: impl AsRef<[u8]>) -> Self {
        let mut chunks = Vec::new();
        for chunk in body.as_ref().chunks(8192) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        Self::framed("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n", chunks)
    }

    fn framed(head: &str, body: impl AsRef<[u8]>) -> Self {
        Self::Bytes([head.as_bytes(), b"connection: close\r\n\r\n", body.as_ref()].concat())
    }

    async fn play(self, mut stream: TcpStream, written: &AtomicUsize) {
        match self {
            Self::Silent => std::future::pending().await,
            Self::Trickle => {
                let mut next = tokio::time::interval(Duration::from_millis(5));
                let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n".to_vec();
                while stream.write_all(&bytes).await.is_ok() {
                    bytes = b" ".to_vec();
                    next.tick().await;
                }
            }
            Self::Reset => stream.set_zero_linger().unwrap(),
            Self::Bytes(bytes) => {
                for part in bytes.chunks(8192) {
                    // A client that hangs up has read enough.
                    if stream.write_all(part).await.is_err() {
                        return;
                    }
                    written.fetch_add(part.len(), Ordering::SeqCst);
                }
                // Closing what the other side may still read must not become a reset.
                let _already_gone = stream.shutdown().await;
                let _already_gone = stream.read(&mut [0]).await;
            }
        }
    }
}

/// The base of a port that was free a moment ago and that no server listens on.
pub async fn closed_port() -> String {
    format!("http://{}", listen().await.1)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Reads one request with its body, as far as it came.
async fn read(stream: &mut TcpStream, peer: SocketAddr) -> Seen {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        let ended = stream.read_buf(&mut bytes).await.unwrap() == 0;
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(!ended, "no request: {text}");
            continue;
        };
        let mut lines = head.lines();
        let mut start = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers: HeaderMap =
            headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let length = headers.get("content-length").map_or(0, |it| it.to_str().unwrap().parse().unwrap());
        if ended || body.len() >= length {
            let (method, path) = (start.next().unwrap_or_default(), start.next().unwrap_or_default());
            return Seen { method, path, headers, body: body.to_owned(), peer };
        }
    }
}
