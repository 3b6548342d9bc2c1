//! The guide to gRPC, as it is printed.

use bytes::Bytes;
use http_body_util::Full;
use kest::tower::carry::CarryError;
use kest_baggage::run_admitted;
use kest_tests::forge;
use kest_tests::{keys, programs};
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request};
use tower::ServiceExt as _;

use crate::printed;
use crate::rig::{self, Recorder, Stock, StockClient};

#[test]
fn code_of_the_guide_is_the_one_that_is_run() {
    let guide = std::fs::read_to_string(programs::repository().join("docs/guides/grpc.md")).unwrap();
    let blocks = guide.split("```rust,ignore\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    assert_eq!(blocks.collect::<Vec<_>>().join("\n"), include_str!("printed.rs"));
}

#[tokio::test]
async fn service_of_the_guide_asks_for_each_method_and_its_clients_carry_on() {
    let stock = Stock::default();
    let (listener, origin) = rig::listen().await;
    let (kest, served) = (rig::kest("ledger"), stock.clone());
    tokio::spawn(async move { printed::served(&kest, served, TcpIncoming::from(listener)).await.unwrap() });
    let endpoint = || Endpoint::from_shared(origin.clone()).unwrap();
    let gateway = rig::kest("gateway");

    // A job has no user, and so it may reserve nothing.
    let mut client = printed::plain(&gateway, &endpoint());
    let refused =
        run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut streaming = printed::streaming(&gateway, &endpoint());
    let refused = run_admitted(keys::chain(1).await, async |_job| streaming.watch("lamp").await).await;
    assert_eq!(refused.map(|_| ()).unwrap_err().code(), Code::PermissionDenied);
    let unsent = client.reserve("lamp").await.unwrap_err();
    assert!(matches!(printed::why(&unsent), Some(CarryError::NoLineage)));
    assert_eq!(stock.seen(), Vec::<String>::new());

    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let mut request = Request::new("lamp".to_owned());
    let lineage = forge::inline(&entries, &forge::tip(&entries));
    request.metadata_mut().insert("baggage", MetadataValue::try_from(lineage.as_bytes()).unwrap());
    let mut plain = StockClient::new(endpoint().connect().await.unwrap());
    assert_eq!(plain.unary("/shop.Stock/Reserve", request).await.unwrap(), "lamp reserved");
    assert!(stock.seen()[0].ends_with(" > ledger:shop.Stock/Reserve"), "{:?}", stock.seen());
}

#[tokio::test]
async fn client_of_hyper_in_the_guide_carries_to_what_is_listed() {
    let recorder = Recorder::start().await;
    let client = printed::of_hyper(&rig::kest("gateway"), &recorder.origin);
    let request = http::Request::get(recorder.url("/")).body(Full::<Bytes>::default()).unwrap();
    run_admitted(keys::chain(1).await, async |_job| client.oneshot(request).await).await.unwrap();
    assert!(recorder.baggage()[0].starts_with("kest.passport="));
}
