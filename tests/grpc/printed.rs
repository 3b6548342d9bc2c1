use kest::core::BoxError;
use kest::prelude::*;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Layer as _;

/// A service that asks for each of its methods before it runs.
async fn serve(kest: &Kest, stock: Stock, incoming: TcpIncoming) -> Result<(), BoxError> {
    let methods = kest
        .grpc_service("shop.Stock")
        .methods(["Watch", "Import", "Talk"], |it| it.policy_fn("known_user", |asked| asked.user().is_some()))
        .methods(["Reserve"], |it| it.taint("basket").policy_fn("alice", |asked| asked.user() == Some("alice")))
        .build()?;
    Server::builder()
        .layer(kest.inbound(FromLineage))
        .add_service(methods.layer(StockServer::new(stock)))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

use kest::tower::carry::{Carry, CarryError};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// The client of another service: a call carries the lineage of the method that makes it.
fn client(kest: &Kest, endpoint: &Endpoint) -> Result<StockClient<Carry<Channel>>, BoxError> {
    let carry = kest.carry_layer().to(endpoint.uri())?.build()?;
    Ok(StockClient::new(carry.layer(endpoint.connect_lazy())))
}

/// Why a call was not sent, where it was not.
fn not_sent(status: &Status) -> Option<&CarryError> {
    CarryError::of(status)
}

use kest::baggage::Ambient;
use kest::tower::carry::Streamed;
use tonic::body::Body;

type Streaming = Carry<Channel, Streamed<fn(Ambient<Body>) -> Body>>;

/// A client whose request streams are part of the operation that sends them.
fn streaming_client(kest: &Kest, endpoint: &Endpoint) -> Result<StockClient<Streaming>, BoxError> {
    let boxed: fn(Ambient<Body>) -> Body = Body::new;
    let carry = kest.carry_layer().to(endpoint.uri())?.build()?.stream_body(boxed);
    Ok(StockClient::new(carry.layer(endpoint.connect_lazy())))
}

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

/// A client of hyper, which goes where each request says: passports go along to what is listed.
fn hyper_client(kest: &Kest, listed: &str) -> Result<Carry<Client<HttpConnector, Full<Bytes>>>, BoxError> {
    let carry = kest.carry_layer().destination(listed)?.build()?;
    Ok(carry.layer(Client::builder(hyper_util::rt::TokioExecutor::new()).build_http()))
}
