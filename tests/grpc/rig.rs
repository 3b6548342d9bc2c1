//! A gRPC service by hand: a method of each kind over plain text, its client, and a record of who arrived.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::response::IntoResponse as _;
use bytes::{Buf as _, BufMut as _};
use http::uri::PathAndQuery;
use kest::prelude::*;
use kest::tower::carry::{Carry, CarryLayer, Streamed};
use kest::tower::grpc::GrpcLayer;
use kest_baggage::{Ambient, current_passport};
use kest_tests::keys;
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};
use tower::{Layer as _, ServiceBuilder, service_fn};

/// Messages that are text, so that no compiler of proto files is needed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_cause| Status::internal("message is not text"))
    }
}

pub(crate) type Texts = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

/// The channel of a service's client, which carries also what streams do.
pub(crate) type Carrying = Carry<Channel, Streamed<fn(Ambient<Body>) -> Body>>;

/// The channel to `origin` under `layer`.
pub(crate) fn channel(layer: CarryLayer, origin: &str) -> Carrying {
    let boxed: fn(Ambient<Body>) -> Body = Body::new;
    let layer = layer.stream_body(boxed);
    let channel = Endpoint::from_shared(origin.to_owned()).unwrap().connect_lazy();
    ServiceBuilder::new().layer(layer).service(channel)
}

/// The client of `kest` at `origin`.
pub(crate) fn client(kest: &Kest, origin: &str) -> StockClient<Carrying> {
    let layer = kest.carry_layer().to(origin).unwrap().build().unwrap();
    StockClient::new(channel(layer, origin))
}

/// What generated code has for a service: one method for each of its own.
#[derive(Clone)]
pub(crate) struct StockClient<T>(tonic::client::Grpc<T>);

impl<T> StockClient<T>
where
    T: GrpcService<Body, ResponseBody = Body>,
{
    pub(crate) fn new(channel: T) -> Self {
        Self(tonic::client::Grpc::new(channel))
    }

    /// Names an origin in each request, as generated clients do with `with_origin`.
    pub(crate) fn with_origin(channel: T, origin: &str) -> Self {
        Self(tonic::client::Grpc::with_origin(channel, origin.parse().unwrap()))
    }

    pub(crate) async fn unary(
        &mut self,
        path: &'static str,
        request: Request<String>,
    ) -> Result<String, Status> {
        self.ready().await?;
        self.0.unary(request, PathAndQuery::from_static(path), Text).await.map(Response::into_inner)
    }

    pub(crate) async fn reserve(&mut self, item: &str) -> Result<String, Status> {
        self.unary("/shop.Stock/Reserve", Request::new(item.to_owned())).await
    }

    pub(crate) async fn watch(&mut self, item: &str) -> Result<Streaming<String>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/shop.Stock/Watch");
        self.0.server_streaming(Request::new(item.to_owned()), path, Text).await.map(Response::into_inner)
    }

    pub(crate) async fn import(
        &mut self,
        items: impl Stream<Item = String> + Send + 'static,
    ) -> Result<String, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/shop.Stock/Import");
        self.0.client_streaming(Request::new(items), path, Text).await.map(Response::into_inner)
    }

    pub(crate) async fn talk(
        &mut self,
        items: impl Stream<Item = String> + Send + 'static,
    ) -> Result<Streaming<String>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/shop.Stock/Talk");
        self.0.streaming(Request::new(items), path, Text).await.map(Response::into_inner)
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::from_error(error.into()))
    }
}

/// The handlers of a service, which calls on where it has a client.
#[derive(Clone, Default)]
pub(crate) struct Stock {
    next: Option<StockClient<Carrying>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Stock {
    pub(crate) fn calling(next: StockClient<Carrying>) -> Self {
        Self { next: Some(next), ..Self::default() }
    }

    /// Who was in the lineage of each call, oldest first.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    async fn reserve(self, item: String) -> Result<Response<String>, Status> {
        self.note();
        match self.next {
            Some(mut next) => next.reserve(&item).await.map(Response::new),
            None => Ok(Response::new(format!("{item} reserved"))),
        }
    }

    /// Calls on while the answer is streamed, long after the handler has returned.
    async fn watch(self, item: String) -> Result<Response<Texts>, Status> {
        self.note();
        let events = tokio_stream::iter(["first", "second"]).then(move |event| {
            let (stock, item) = (self.clone(), item.clone());
            async move {
                match stock.next {
                    Some(mut next) => next.reserve(&format!("{item} {event}")).await,
                    None => Ok(format!("{event} seen by {}", who())),
                }
            }
        });
        Ok(Response::new(Box::pin(events)))
    }

    /// Hands a stream on that calls on while it is read by the next service.
    async fn import(self, items: Streaming<String>) -> Result<Response<String>, Status> {
        self.note();
        let items: Vec<String> = items.collect::<Result<_, _>>().await?;
        let Some(mut next) = self.next else { return Ok(Response::new(items.join(","))) };
        let asking = next.clone();
        let items = tokio_stream::iter(items).then(move |item| {
            let mut asking = asking.clone();
            async move { asking.reserve(&item).await.unwrap_or_else(|status| format!("{status:?}")) }
        });
        next.import(items).await.map(Response::new)
    }

    async fn talk(self, items: Streaming<String>) -> Result<Response<Texts>, Status> {
        self.note();
        let Some(mut next) = self.next else {
            return Ok(Response::new(Box::pin(
                items.map(|item| item.map(|item| format!("{item} by {}", who()))),
            )));
        };
        let answers = next.talk(items.filter_map(Result::ok)).await?;
        Ok(Response::new(Box::pin(answers)))
    }

    fn note(&self) {
        self.seen.lock().unwrap().push(who());
    }
}

/// Everyone in the lineage of the running operation, with what each did.
pub(crate) fn who() -> String {
    let passport = current_passport();
    let entries = passport.iter().flat_map(|passport| passport.entries());
    let names = entries.map(|entry| {
        let workload = entry.workload().as_str().rsplit('/').next().unwrap();
        format!("{workload}:{}", entry.operation())
    });
    names.collect::<Vec<_>>().join(" > ")
}

impl NamedService for Stock {
    const NAME: &'static str = "shop.Stock";
}

impl tower::Service<http::Request<Body>> for Stock {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let stock = self.clone();
        let mut grpc = tonic::server::Grpc::new(Text);
        Box::pin(async move {
            Ok(match request.uri().path() {
                // The second is a method that no layer of the tests names.
                "/shop.Stock/Reserve" | "/shop.Stock/Forgotten" => {
                    let method = |request: Request<String>| stock.clone().reserve(request.into_inner());
                    grpc.unary(service_fn(method), request).await
                }
                "/shop.Stock/Watch" => {
                    let method = |request: Request<String>| stock.clone().watch(request.into_inner());
                    grpc.server_streaming(service_fn(method), request).await
                }
                "/shop.Stock/Import" => {
                    let method =
                        |request: Request<Streaming<String>>| stock.clone().import(request.into_inner());
                    grpc.client_streaming(service_fn(method), request).await
                }
                "/shop.Stock/Talk" => {
                    let method =
                        |request: Request<Streaming<String>>| stock.clone().talk(request.into_inner());
                    grpc.streaming(service_fn(method), request).await
                }
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

/// The service `name`, which trusts those that all tests trust.
pub(crate) fn kest(name: &str) -> Kest {
    let kest = Kest::builder(keys::signer(name)).trust(ring()).dangerous_bearer_passports();
    kest.without_deployment_policies().build().unwrap()
}

fn ring() -> KeyRing {
    KeyRing::clone(&keys::ring())
}

/// Every method that has a layer, for everybody.
pub(crate) fn methods(kest: &Kest) -> GrpcLayer {
    let anyone = |it: kest::OperationBuilder| it.policy_fn("anyone", |_asked| true);
    kest.grpc_service("shop.Stock").methods(["Reserve", "Watch", "Import", "Talk"], anyone).build().unwrap()
}

/// Serves `stock` as `name`, behind both layers, and gives its origin.
pub(crate) async fn serve(name: &str, stock: Stock) -> String {
    let kest = kest(name);
    let (listener, origin) = listen().await;
    let service = Server::builder().layer(kest.inbound(FromLineage)).add_service(methods(&kest).layer(stock));
    tokio::spawn(async move { service.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    origin
}

/// As [`serve`], over TLS: the endpoint that trusts its certificate, and its origin.
pub(crate) async fn serve_over_tls(name: &str, stock: Stock) -> (Endpoint, String) {
    let kest = kest(name);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let (listener, _) = listen().await;
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
    let service = server.layer(kest.inbound(FromLineage)).add_service(methods(&kest).layer(stock));
    tokio::spawn(async move { service.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    let trusted = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(made.cert.pem()));
    (Endpoint::from_shared(origin.clone()).unwrap().tls_config(trusted).unwrap(), origin)
}

/// A port on loopback, and its origin.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// A server that keeps the head of every request: `/away` redirects to its target, `/busy` answers the first one with 503.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) origin: String,
    seen: Arc<Mutex<Vec<http::HeaderMap>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        Self::redirecting("/").await
    }

    pub(crate) async fn redirecting(target: &str) -> Self {
        let (listener, origin) = listen().await;
        let recorder = Self { origin, seen: Arc::default(), bodies: Arc::default() };
        let (keeps, target) = (recorder.clone(), target.to_owned());
        let answer = async move |uri: http::Uri, headers: http::HeaderMap, body: String| {
            keeps.seen.lock().unwrap().push(headers);
            keeps.bodies.lock().unwrap().push(body);
            let first = keeps.seen.lock().unwrap().len() == 1;
            match uri.path() {
                "/away" => axum::response::Redirect::temporary(&target).into_response(),
                "/busy" if first => http::StatusCode::SERVICE_UNAVAILABLE.into_response(),
                _ => "seen".into_response(),
            }
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        recorder
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The baggage of each request, in one line.
    pub(crate) fn baggage(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let lines = |headers: &http::HeaderMap| {
            headers
                .get_all("baggage")
                .iter()
                .map(|line| line.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        seen.iter().map(|headers| lines(headers).join(",")).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// What generated code puts around handlers; here they are a service by themselves.
pub(crate) type StockServer = Stock;

impl StockServer {
    pub(crate) fn new(handlers: Self) -> Self {
        handlers
    }
}
