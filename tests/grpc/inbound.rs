//! What a tonic server behind the layers refuses, in words that gRPC's clients read.

use kest::prelude::*;
use kest::tower::grpc::GrpcLayer;
use kest_tests::forge;
use kest_tests::logs::Logs;
use tonic::metadata::MetadataValue;
use tonic::service::LayerExt as _;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request};
use tower::Layer as _;

use crate::rig::{self, Stock, StockClient};

async fn plain(origin: &str) -> StockClient<Channel> {
    StockClient::new(Endpoint::from_shared(origin.to_owned()).unwrap().connect().await.unwrap())
}

/// Calls `path` with `baggage`, without any layer of ours in between.
async fn call(origin: &str, path: &'static str, baggage: &str) -> Result<String, Code> {
    let mut request = Request::new("lamp".to_owned());
    if !baggage.is_empty() {
        request.metadata_mut().insert("baggage", MetadataValue::try_from(baggage.as_bytes()).unwrap());
    }
    plain(origin).await.unary(path, request).await.map_err(|status| {
        assert_eq!(status.message(), "", "a refusal says nothing");
        status.code()
    })
}

fn lineage() -> String {
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    forge::inline(&entries, &forge::tip(&entries))
}

#[tokio::test]
async fn refusals_have_the_codes_of_grpc_without_being_told() {
    let stock = Stock::default();
    let kest = rig::kest("ledger");
    let layer = kest
        .grpc_service("shop.Stock")
        .methods(["Reserve"], |it| it.policy_fn("alice_only", |asked| asked.user() == Some("alice")))
        .build()
        .unwrap();
    let origin = serve(&kest, layer, stock.clone()).await;
    let reserve = "/shop.Stock/Reserve";
    let too_many = (0..100).map(|member| format!("kest.x{member}=1")).collect::<Vec<_>>().join(",");
    assert_eq!(call(&origin, reserve, &lineage()).await, Ok("lamp reserved".to_owned()));
    assert_eq!(call(&origin, reserve, "").await, Err(Code::PermissionDenied));
    assert_eq!(call(&origin, reserve, "kest.chain_tip=0").await, Err(Code::InvalidArgument));
    assert_eq!(call(&origin, reserve, &too_many).await, Err(Code::ResourceExhausted));
    let strange = vec![forge::entry("gateway", 1, &[]).signed_by("orders").sign()];
    let strange = forge::inline(&strange, &forge::tip(&strange));
    assert_eq!(call(&origin, reserve, &strange).await, Err(Code::Unauthenticated));
    assert_eq!(stock.seen().len(), 1, "refused calls did not run");
}

async fn serve(kest: &Kest, layer: GrpcLayer, stock: Stock) -> String {
    let (listener, origin) = rig::listen().await;
    // By tonic's own way of putting a layer on one service.
    let service = layer.named_layer(stock);
    let server = Server::builder().layer(kest.inbound(FromLineage)).add_service(service);
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    origin
}

/// Attack: paths that name no operation, and a method that exists and that its layer does not know.
#[tokio::test]
async fn method_that_is_not_named_does_not_run_and_names_no_operation() {
    let stock = Stock::default();
    let origin = rig::serve("ledger", stock.clone()).await;
    for path in [
        "/shop.Stock/Forgotten",
        "/shop.Stock/TOPSECRET",
        "/shop.Stock/reserve",
        "/shop.Stock/%52eserve",
        "/shop.Stock/Reserve/",
        "/shop.Stock//Reserve",
        "/shop.Stock/Reserve/../Watch",
    ] {
        assert_eq!(call(&origin, path, &lineage()).await, Err(Code::Unimplemented), "{path}");
    }
    assert_eq!(stock.seen(), Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn refusal_of_an_unknown_method_is_one_line_without_its_name() {
    let (logs, _guard) = Logs::keep();
    let origin = rig::serve("ledger", Stock::default()).await;
    assert_eq!(call(&origin, "/shop.Stock/TOPSECRET", &lineage()).await, Err(Code::Unimplemented));
    let text = logs.text();
    let refusals: Vec<&str> = text.lines().filter(|line| line.contains("unknown_method")).collect();
    assert_eq!(refusals.len(), 1, "{text}");
    assert!(!refusals[0].contains("TOPSECRET"), "{refusals:?}");
}

#[tokio::test]
async fn service_whose_layer_was_forgotten_does_not_answer() {
    let (kest, stock) = (rig::kest("ledger"), Stock::default());
    let (listener, origin) = rig::listen().await;
    let server = Server::builder().layer(kest.inbound(FromLineage)).add_service(stock.clone());
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    assert_eq!(call(&origin, "/shop.Stock/Reserve", &lineage()).await, Err(Code::Internal));
    let mut streaming = plain(&origin).await;
    assert_eq!(streaming.watch("lamp").await.map(|_| ()).unwrap_err().code(), Code::Internal);
    // What the service itself says no to passes as it is.
    let nothing = plain(&origin).await.unary("/shop.Stock/Nothing", Request::new(String::new())).await;
    assert_eq!(nothing.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn public_method_answers_everybody_and_signs_nothing() {
    let (kest, stock) = (rig::kest("ledger"), Stock::default());
    let layer = kest
        .grpc_service("shop.Stock")
        .methods(["Watch"], |it| it.policy_fn("no_one", |_asked| false))
        .public(["Reserve"])
        .build()
        .unwrap();
    let origin = serve(&kest, layer, stock.clone()).await;
    assert_eq!(call(&origin, "/shop.Stock/Reserve", "").await, Ok("lamp reserved".to_owned()));
    assert_eq!(stock.seen(), [""]);
    assert_eq!(
        plain(&origin).await.watch("lamp").await.map(|_| ()).unwrap_err().code(),
        Code::PermissionDenied
    );
}

#[tokio::test]
async fn every_layer_keeps_the_name_of_a_tonic_service() {
    fn name<S: tonic::server::NamedService>(_service: &S) -> &'static str {
        S::NAME
    }
    let kest = rig::kest("ledger");
    let operation = || kest.operation("whole service").policy_fn("anyone", |_asked| true).unwrap();
    let guard = kest::GuardLayer::from_static(["stock:write"]);
    assert_eq!(name(&kest.inbound(FromLineage).layer(Stock::default())), "shop.Stock");
    assert_eq!(name(&operation().layer(Stock::default())), "shop.Stock");
    assert_eq!(name(&guard.layer(Stock::default())), "shop.Stock");
    assert_eq!(name(&public().layer(Stock::default())), "shop.Stock");
    assert_eq!(name(&rig::methods(&kest).layer(Stock::default())), "shop.Stock");
}

#[tokio::test]
async fn one_operation_may_stand_for_a_whole_service() {
    let (kest, stock) = (rig::kest("ledger"), Stock::default());
    let (listener, origin) = rig::listen().await;
    let operation = kest.operation("stock").policy_fn("anyone", |_asked| true).unwrap();
    let server =
        Server::builder().layer(kest.inbound(FromLineage)).add_service(operation.layer(stock.clone()));
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    call(&origin, "/shop.Stock/Reserve", &lineage()).await.unwrap();
    assert!(stock.seen()[0].ends_with(" > ledger:stock"), "{:?}", stock.seen());
}
