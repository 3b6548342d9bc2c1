//! Signed calls whose messages are changed on the way to a real tonic server: swapped, cut, added, in the middle of a stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kest::core::BoxError;
use kest::prelude::*;
use kest::tower::HopProof;
use kest::tower::carry::Carry;
use kest::{GrpcServiceBuilder, OperationBuilder};
use kest_baggage::run_admitted;
use kest_tests::clock::today;
use kest_tests::keys;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Status};
use tower::Layer as _;

use crate::rig::{self, Stock, StockClient};

const ALL: [&str; 4] = ["Reserve", "Watch", "Import", "Talk"];

/// Under a clock that stands still, so that no proof grows old while its call waits.
fn kest(name: &str, authority: &str) -> Kest {
    let kest = Kest::builder(keys::signer(name)).trust(keys::ring()).clock(Arc::new(today()));
    kest.hop_proof(HopProof::for_authority(authority)).without_deployment_policies().build().unwrap()
}

/// Serves `stock` with the methods that `said` names, and demands hop proofs; gives its origin.
async fn serve(stock: &Stock, said: impl FnOnce(GrpcServiceBuilder) -> GrpcServiceBuilder) -> String {
    let (listener, origin) = rig::listen().await;
    let kest = kest("ledger", &listener.local_addr().unwrap().to_string());
    let methods = said(kest.grpc_service("shop.Stock")).build().unwrap();
    let service =
        Server::builder().layer(kest.inbound(FromLineage)).add_service(methods.layer(stock.clone()));
    tokio::spawn(async move { service.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    origin
}

/// Guards all methods by operations.
fn guarded(
    shape: impl Fn(OperationBuilder) -> OperationBuilder,
) -> impl FnOnce(GrpcServiceBuilder) -> GrpcServiceBuilder {
    move |it| it.methods(ALL, |it| shape(it).policy_fn("anyone", |_asked| true))
}

/// A service with a method of its own must have one that is no public one: `Forgotten`.
fn public(
    say: impl FnOnce(GrpcServiceBuilder) -> GrpcServiceBuilder,
) -> impl FnOnce(GrpcServiceBuilder) -> GrpcServiceBuilder {
    move |it| say(it.methods(["Forgotten"], |it| it.policy_fn("no_one", |_asked| false)))
}

/// Makes the body that goes on of the messages that were signed, framed as gRPC frames them.
type Change = Arc<dyn Fn(Vec<Bytes>) -> Body + Send + Sync>;

/// The channel as one on the way has it, below what signs.
#[derive(Clone)]
struct OnTheWay {
    channel: Channel,
    change: Change,
}

impl tower::Service<http::Request<Body>> for OnTheWay {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.channel.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let fresh = self.channel.clone();
        let mut ready = std::mem::replace(&mut self.channel, fresh);
        let change = Arc::clone(&self.change);
        Box::pin(async move {
            assert!(request.headers().contains_key("content-digest"), "its body is covered");
            let (parts, body) = request.into_parts();
            let signed = body.collect().await?.to_bytes();
            Ok(ready.call(http::Request::from_parts(parts, change(messages(signed)))).await?)
        })
    }
}

/// The messages of a body: a flag and a length of four bytes before each.
fn messages(mut body: Bytes) -> Vec<Bytes> {
    let mut messages = Vec::new();
    while !body.is_empty() {
        let mut head = body.clone();
        head.advance(1);
        let length = head.get_u32();
        messages.push(body.split_to(5 + usize::try_from(length).unwrap()));
    }
    messages
}

fn message(text: &str) -> Bytes {
    let mut framed = vec![0];
    framed.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    framed.extend(text.as_bytes());
    framed.into()
}

/// One frame of data for each piece.
fn body(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Body::new(StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)))))
}

/// A client of `origin` whose calls are signed, and then changed.
fn client(
    origin: &str,
    change: impl Fn(Vec<Bytes>) -> Body + Send + Sync + 'static,
) -> StockClient<Carry<OnTheWay>> {
    let channel = Endpoint::from_shared(origin.to_owned()).unwrap().connect_lazy();
    let layer = kest("gateway", "gateway.internal").carry_layer().to(origin).unwrap().build().unwrap();
    StockClient::new(layer.layer(OnTheWay { channel, change: Arc::new(change) }))
}

fn items() -> impl Stream<Item = String> + Send + 'static {
    tokio_stream::iter(["one", "two", "three"].map(str::to_owned))
}

/// What the method answers, all of it.
async fn call<T>(client: &mut StockClient<T>, method: &str) -> Result<Vec<String>, Status>
where
    T: tonic::client::GrpcService<Body, ResponseBody = Body>,
{
    match method {
        "Reserve" => {
            let path = "/shop.Stock/Reserve";
            client.unary(path, Request::new("one".to_owned())).await.map(|answer| vec![answer])
        }
        "Import" => client.import(items()).await.map(|answer| vec![answer]),
        "Watch" => client.watch("one").await?.collect().await,
        _ => client.talk(items()).await?.collect().await,
    }
}

type Edit = fn(Vec<Bytes>) -> Vec<Bytes>;

/// What one on the way does to the messages of a call.
fn changes() -> [(&'static str, Edit); 7] {
    [
        ("swapped", |mut sent| {
            *sent.last_mut().unwrap() = message("all");
            sent
        }),
        ("first one swapped", |mut sent| {
            *sent.first_mut().unwrap() = message("own");
            sent
        }),
        ("added", |mut sent| {
            sent.push(message("four"));
            sent
        }),
        ("cut off at the end", |mut sent| {
            sent.pop();
            sent
        }),
        ("cut in the middle of a message", |mut sent| {
            let last = sent.last_mut().unwrap();
            last.truncate(last.len() - 1);
            sent
        }),
        ("doubled", |mut sent| {
            sent.insert(0, sent.first().unwrap().clone());
            sent
        }),
        ("taken away", |_sent| Vec::new()),
    ]
}

/// Attack: one on the way changes the messages of a call, of each kind that gRPC has, to a method with an operation or a public one.
#[tokio::test]
async fn no_method_is_given_messages_that_were_changed_on_the_way() {
    let stock = Stock::default();
    let origins = [serve(&stock, guarded(|it| it)).await, serve(&stock, public(|it| it.public(ALL))).await];
    run_admitted(keys::chain(1).await, async |_job| {
        for (origin, method) in origins.iter().flat_map(|origin| ALL.map(|method| (origin, method))) {
            for (name, change) in changes() {
                let mut client = client(origin, move |sent| body(tokio_stream::iter(change(sent))));
                let refused = call(&mut client, method).await.unwrap_err();
                assert_eq!(refused.code(), Code::Unauthenticated, "{method} {name}: {refused:?}");
                assert_eq!(refused.message(), "", "{method} {name}");
            }
            assert_eq!(stock.seen(), Vec::<String>::new(), "{method} ran");
        }
        for (origin, method) in origins.iter().flat_map(|origin| ALL.map(|method| (origin, method))) {
            let before = stock.seen().len();
            let mut client = client(origin, |sent| body(tokio_stream::iter(sent)));
            call(&mut client, method).await.unwrap();
            assert_eq!(stock.seen().len(), before + 1, "{method} as it was signed");
        }
    })
    .await;
}

/// A wire that the test feeds by hand: what was signed, and where to put what goes on.
#[derive(Clone)]
struct Wire {
    signed: Arc<Mutex<Vec<Bytes>>>,
    /// Nothing is the end.
    feed: mpsc::UnboundedSender<Option<Bytes>>,
}

impl Wire {
    fn send(&self, number: usize) {
        let signed = self.signed.lock().unwrap().get(number).cloned();
        self.feed.send(signed).unwrap();
    }

    fn end_with(&self, last: Bytes) {
        self.feed.send(Some(last)).and_then(|()| self.feed.send(None)).unwrap();
    }
}

/// A client whose calls go on as its wire is fed; the first two messages go on by themselves.
fn fed(origin: &str) -> (StockClient<Carry<OnTheWay>>, Wire) {
    let (feed, fed) = mpsc::unbounded_channel();
    let wire = Wire { signed: Arc::default(), feed };
    let (keeps, fed) = (wire.clone(), Mutex::new(Some(fed)));
    let change = move |sent: Vec<Bytes>| {
        *keeps.signed.lock().unwrap() = sent;
        keeps.send(0);
        keeps.send(1);
        body(UnboundedReceiverStream::new(fed.lock().unwrap().take().unwrap()).map_while(|piece| piece))
    };
    (client(origin, change), wire)
}

async fn streaming(stock: &Stock) -> [String; 2] {
    [
        serve(stock, guarded(OperationBuilder::streaming_body)).await,
        serve(stock, public(|it| it.public_streaming(ALL))).await,
    ]
}

#[tokio::test]
async fn streaming_method_answers_while_messages_of_a_signed_call_are_on_their_way() {
    for origin in streaming(&Stock::default()).await {
        run_admitted(keys::chain(1).await, async |_job| {
            let (mut client, wire) = fed(&origin);
            let mut answers = client.talk(items()).await.unwrap();
            // The last piece that came is kept back until it is known whether there is another.
            let first = answers.next().await.unwrap().unwrap();
            assert!(first.starts_with("one by "), "{first}");
            wire.end_with(message("three"));
            let rest: Vec<String> = answers.collect::<Result<_, _>>().await.unwrap();
            assert_eq!(rest.len(), 2, "{rest:?}");
            assert!(rest[1].starts_with("three by "), "{rest:?}");
        })
        .await;
    }
}

/// Attack: the last message is exchanged while the call runs, and its method has answered already.
#[tokio::test]
async fn message_that_is_swapped_in_the_middle_of_a_stream_ends_it_in_an_error_and_is_not_handled() {
    for origin in streaming(&Stock::default()).await {
        run_admitted(keys::chain(1).await, async |_job| {
            let (mut client, wire) = fed(&origin);
            let mut answers = client.talk(items()).await.unwrap();
            assert!(answers.next().await.unwrap().unwrap().starts_with("one by "));
            wire.end_with(message("other"));
            let rest: Vec<Result<String, Status>> = answers.collect().await;
            assert!(rest.last().unwrap().is_err(), "{rest:?}");
            let handled = rest.iter().flatten().any(|answer| answer.contains("other"));
            assert!(!handled, "{rest:?}");
        })
        .await;
    }
}

/// Attack: each change again, to methods that are given their messages as they come.
#[tokio::test]
async fn stream_that_was_changed_ends_in_an_error_for_streaming_methods() {
    for origin in streaming(&Stock::default()).await {
        run_admitted(keys::chain(1).await, async |_job| {
            for method in ["Import", "Talk"] {
                for (name, change) in changes() {
                    let mut client = client(&origin, move |sent| body(tokio_stream::iter(change(sent))));
                    let answer = call(&mut client, method).await;
                    assert!(answer.is_err(), "{method} {name}: {answer:?}");
                }
            }
            let mut honest = client(&origin, |sent| body(tokio_stream::iter(sent)));
            assert_eq!(call(&mut honest, "Import").await.unwrap(), ["one,two,three"]);
        })
        .await;
    }
}

/// A stream that is sent without being covered has no place where hop proofs are demanded, also for methods that stream.
#[tokio::test]
async fn call_whose_stream_is_not_covered_does_not_reach_a_streaming_method() {
    for origin in streaming(&Stock::default()).await {
        let layer = kest("gateway", "gateway.internal").carry_layer().to(&origin).unwrap();
        let layer = layer.dangerous_uncovered_streams().build().unwrap();
        let channel = Endpoint::from_shared(origin.clone()).unwrap().connect_lazy();
        let mut client = StockClient::new(layer.layer(channel));
        let answer = run_admitted(keys::chain(1).await, async |_job| call(&mut client, "Import").await).await;
        assert!(answer.is_err(), "{answer:?}");
    }
}
