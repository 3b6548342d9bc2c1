//! A protected service that ends TLS itself and tells the layers whose certificate the connection has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use kest_core::policy::policy_fn;
use kest_core::{Admitter, Operation, PeerCertificate};
use kest_identity::IdentityChoice;
use kest_testkit::{SignedEntries, TestSigner};
use kest_tests::keys;
use kest_tower::{InboundBuilder, InboundLayer, OperationLayer, PeerWorkload};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceBuilder;

use super::authority::{Authority, Credentials};

/// The service, up until dropped.
pub(super) struct MutualService {
    address: SocketAddr,
    runs: Arc<AtomicUsize>,
    signed: SignedEntries,
    serving: JoinHandle<()>,
}

impl Drop for MutualService {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl MutualService {
    pub(super) async fn start(authority: &Authority, identity: IdentityChoice) -> Self {
        Self::with(authority, identity, |inbound| inbound).await
    }

    /// The same with more to say about its inbound layer.
    pub(super) async fn with(
        authority: &Authority,
        identity: IdentityChoice,
        inbound: fn(InboundBuilder) -> InboundBuilder,
    ) -> Self {
        let (runs, signed) = (Arc::<AtomicUsize>::default(), SignedEntries::default());
        let signer = TestSigner::noting(keys::signer("service"), signed.clone());
        let kest = Admitter::builder(Arc::new(signer)).build();
        let policy = Arc::new(policy_fn("anyone", |_| true).unwrap());
        let operation = OperationLayer::shared(kest, Operation::named("call").unwrap(), policy);
        let count = Arc::clone(&runs);
        let handler = async move |kest::Admitted(admission): kest::Admitted| {
            count.fetch_add(1, Ordering::SeqCst);
            format!("{:?}", admission.caller().confirmation())
        };
        let router = Router::new()
            .route("/call", post(handler).route_layer(operation))
            .layer(inbound(InboundLayer::builder(keys::ring()).identity(identity)).build());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, authority.acceptor(), router));
        Self { address, runs, signed, serving }
    }

    /// A connection with these credentials, or with none.
    pub(super) async fn connect(
        &self,
        authority: &Authority,
        credentials: Option<&Credentials>,
    ) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = authority.connector(credentials).connect(name, stream).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        Connection { sender, running: tokio::spawn(async move { drop(connection.await) }) }
    }

    /// How often the handler ran, and how many entries were signed.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.runs.load(Ordering::SeqCst), self.signed.count())
    }
}

/// A kept-alive connection of one client.
pub(super) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    running: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Status, challenge and body of an answer.
pub(super) type Answer = (StatusCode, Option<String>, String);

impl Connection {
    /// `POST /call` with these headers; `None` when the server hung up.
    pub(super) async fn call(&mut self, headers: &[(&str, &str)]) -> Option<Answer> {
        let mut request = Request::post("/call").header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await.ok()?;
        let response = self.sender.send_request(request.body(Empty::new()).unwrap()).await.ok()?;
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Some((status, challenge, String::from_utf8(body.to_vec()).unwrap()))
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            // A handshake that fails ends its own connection only.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let (certificate, workload) = (peer(&stream), peer_workload(&stream));
            let service = ServiceBuilder::new().map_request(move |mut request: Request<_>| {
                if let Some(certificate) = certificate {
                    request.extensions_mut().insert(certificate);
                }
                if let Some(workload) = workload.clone() {
                    request.extensions_mut().insert(workload);
                }
                request
            });
            let service = TowerToHyperService::new(service.service(router));
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// The certificate that the client proved to have the key of.
fn peer(stream: &TlsStream<TcpStream>) -> Option<PeerCertificate> {
    let (_, session) = stream.get_ref();
    Some(PeerCertificate::from_der(session.peer_certificates()?.first()?))
}

/// The workload that the certificate names, if it names one.
fn peer_workload(stream: &TlsStream<TcpStream>) -> Option<PeerWorkload> {
    let (_, session) = stream.get_ref();
    PeerWorkload::from_der(session.peer_certificates()?.first()?).ok()
}
