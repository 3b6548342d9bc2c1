//! A fake agent of the SPIFFE Workload API, made from its protocol: it says what a test has it say, and goes away and comes back.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use prost::Message;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream, WatchStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// `X509SVIDRequest` of the protocol.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SvidRequest {}

/// `X509SVIDResponse`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SvidResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) svids: Vec<Svid>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) crl: Vec<Vec<u8>>,
    #[prost(map = "string, bytes", tag = "3")]
    pub(crate) federated_bundles: HashMap<String, Vec<u8>>,
}

/// `X509SVID`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Svid {
    #[prost(string, tag = "1")]
    pub(crate) spiffe_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) x509_svid: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) x509_svid_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) bundle: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(crate) hint: String,
}

/// What the agent says to all who ask, and to those who come.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Svids(SvidResponse),
    Refusal(Code, &'static str),
}

/// The agent, on a Unix socket or a loopback port.
#[derive(Debug)]
pub(crate) struct FakeAgent {
    place: Place,
    says: watch::Sender<Answer>,
    asked: Arc<AtomicUsize>,
    running: Mutex<Option<JoinHandle<()>>>,
    _folder: tempfile::TempDir,
}

#[derive(Debug, Clone)]
enum Place {
    Unix(PathBuf),
    Tcp(std::net::SocketAddr),
}

impl FakeAgent {
    pub(crate) async fn on_unix_socket(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Unix(folder.path().join("agent.sock"));
        Self::begin(place, folder, answer).await
    }

    pub(crate) async fn on_loopback(answer: Answer) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place::Tcp(free.local_addr().unwrap());
        drop(free);
        Self::begin(place, tempfile::tempdir().unwrap(), answer).await
    }

    async fn begin(place: Place, folder: tempfile::TempDir, answer: Answer) -> Self {
        let (says, asked) = (watch::Sender::new(answer), Arc::default());
        let agent = Self { place, says, asked, running: Mutex::default(), _folder: folder };
        agent.come_back().await;
        agent
    }

    /// What `SPIFFE_ENDPOINT_SOCKET` would have.
    pub(crate) fn address(&self) -> String {
        match &self.place {
            Place::Unix(path) => format!("unix://{}", path.display()),
            Place::Tcp(address) => format!("tcp://{address}"),
        }
    }

    /// Says this from now on, at once to all who listen.
    pub(crate) fn say(&self, answer: Answer) {
        self.says.send_replace(answer);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }

    /// Ends the streams of all who listen, and takes no more connections.
    pub(crate) async fn go_away(&self) {
        let running = self.running.lock().unwrap().take().unwrap();
        running.abort();
        drop(running.await);
        if let Place::Unix(path) = &self.place {
            std::fs::remove_file(path).unwrap();
        }
        self.say(Answer::Refusal(Code::Unavailable, "agent stops"));
    }

    pub(crate) async fn come_back(&self) {
        let api = Api { says: self.says.clone(), asked: Arc::clone(&self.asked) };
        let server = Server::builder().add_service(api);
        let running = match &self.place {
            Place::Unix(path) => {
                let incoming = UnixListenerStream::new(UnixListener::bind(path).unwrap());
                tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() })
            }
            Place::Tcp(address) => {
                let incoming = TcpListenerStream::new(TcpListener::bind(address).await.unwrap());
                tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() })
            }
        };
        *self.running.lock().unwrap() = Some(running);
    }
}

#[derive(Clone)]
struct Api {
    says: watch::Sender<Answer>,
    asked: Arc<AtomicUsize>,
}

type Answers = Pin<Box<dyn Stream<Item = Result<SvidResponse, Status>> + Send>>;

impl Api {
    fn fetch(&self, request: &Request<SvidRequest>) -> Result<Response<Answers>, Status> {
        self.asked.fetch_add(1, Ordering::AcqRel);
        // SPIFFE Workload Endpoint section 6: so that a request that was forged over HTTP is told.
        if request.metadata().get("workload.spiffe.io").is_none_or(|value| value != "true") {
            return Err(Status::invalid_argument("security header missing from request"));
        }
        let answers = WatchStream::new(self.says.subscribe()).map(|answer| match answer {
            Answer::Svids(svids) => Ok(svids),
            Answer::Refusal(code, why) => Err(Status::new(code, why)),
        });
        // A status ends a stream of gRPC.
        Ok(Response::new(Box::pin(answers)))
    }
}

impl NamedService for Api {
    const NAME: &'static str = "SpiffeWorkloadAPI";
}

impl tower::Service<http::Request<Body>> for Api {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            if request.uri().path() != "/SpiffeWorkloadAPI/FetchX509SVID" {
                return Ok(Status::unimplemented("").into_http());
            }
            let method = move |request: Request<SvidRequest>| {
                let answers = api.fetch(&request);
                async move { answers }
            };
            let mut grpc = Grpc::new(ProstCodec::<SvidResponse, SvidRequest>::default());
            Ok(grpc.server_streaming(service_fn(method), request).await)
        })
    }
}
