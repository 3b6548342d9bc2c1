//! What a tonic channel under the carrying layer sends, and what it does not send at all.

use http::HeaderValue;
use kest::tower::carry::{CarryError, Sent};
use kest_baggage::run_admitted;
use kest_tests::keys;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use crate::rig::{self, Recorder, Stock, StockClient};

async fn stock() -> (Stock, String) {
    let stock = Stock::default();
    let origin = rig::serve("ledger", stock.clone()).await;
    (stock, origin)
}

fn why(status: &Status) -> &CarryError {
    CarryError::of(status).unwrap_or_else(|| panic!("{status:?}"))
}

#[tokio::test]
async fn call_without_a_lineage_is_not_sent_and_says_so_in_the_status() {
    let recorder = Recorder::start().await;
    let refused = rig::client(&rig::kest("gateway"), &recorder.origin).reserve("lamp").await.unwrap_err();
    assert!(matches!(why(&refused), CarryError::NoLineage) && !why(&refused).may_retry());
    assert_eq!((refused.code(), refused.message()), (Code::Unknown, "there is no lineage to carry"));
    assert_eq!(recorder.baggage(), Vec::<String>::new());
}

/// Attack: a channel to another host, under a layer that judges the address which the channel replaces.
#[tokio::test]
async fn channel_under_a_list_of_destinations_gets_no_passport_since_it_goes_where_it_likes() {
    let recorder = Recorder::start().await;
    let kest = rig::kest("gateway");
    let layer = kest.carry_layer().destination("https://stock.internal").unwrap().build().unwrap();
    let mut client = StockClient::new(rig::channel(layer, &recorder.origin));
    let refused = run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await;
    assert!(matches!(why(&refused.unwrap_err()), CarryError::NoOrigin));
    assert_eq!(recorder.baggage(), Vec::<String>::new());
}

/// Attack: a request that names a host of its own, on a channel that takes it to another.
#[tokio::test]
async fn call_that_names_another_origin_than_its_channel_is_not_sent() {
    let (stock, origin) = stock().await;
    let kest = rig::kest("gateway");
    let layer = || kest.carry_layer().to(&origin).unwrap().build().unwrap();
    for other in ["http://127.0.0.1:1", "https://stock.internal", "ftp://127.0.0.1"] {
        let mut client = StockClient::with_origin(rig::channel(layer(), &origin), other);
        let refused = run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await;
        assert!(matches!(why(&refused.unwrap_err()), CarryError::OtherOrigin), "{other}");
    }
    assert_eq!(stock.seen(), Vec::<String>::new());
    let mut client = StockClient::with_origin(rig::channel(layer(), &origin), &origin);
    run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await.unwrap();
    assert_eq!(stock.seen().len(), 1);
}

#[tokio::test]
async fn call_of_a_spawned_task_carries_the_admission_that_it_was_given() {
    let (stock, origin) = stock().await;
    let mut client = rig::client(&rig::kest("gateway"), &origin);
    let mut request = Request::new("lamp".to_owned());
    request.extensions_mut().insert(keys::chain(2).await);
    tokio::spawn(async move { client.unary("/shop.Stock/Reserve", request).await }).await.unwrap().unwrap();
    assert_eq!(stock.seen(), ["gateway:start > orders:step 1 > ledger:shop.Stock/Reserve"]);
}

#[tokio::test]
async fn call_that_was_built_in_an_operation_carries_it_from_wherever_it_is_sent() {
    let (stock, origin) = stock().await;
    let mut client = rig::client(&rig::kest("gateway"), &origin);
    let mut request = Request::new("lamp".to_owned());
    let ambience = run_admitted(keys::chain(2).await, async |_job| kest::Ambience::capture()).await;
    request.extensions_mut().insert(ambience);
    tokio::spawn(async move { client.unary("/shop.Stock/Reserve", request).await }).await.unwrap().unwrap();
    assert_eq!(stock.seen(), ["gateway:start > orders:step 1 > ledger:shop.Stock/Reserve"]);
}

/// Attack: metadata of an inbound call, copied onto an outgoing one with a lineage that was never verified.
#[tokio::test]
async fn members_of_ours_in_metadata_are_replaced_and_those_of_others_stay() {
    let recorder = Recorder::start().await;
    let mut client = rig::client(&rig::kest("gateway"), &recorder.origin);
    let mut request = Request::new("lamp".to_owned());
    let forged = HeaderValue::from_static("tenant=acme,kest.user=mallory,kest.passport=%5B%22forged%22%5D");
    request.metadata_mut().insert("baggage", MetadataValue::try_from(forged.as_bytes()).unwrap());
    run_admitted(keys::chain(1).await, async |_job| client.unary("/shop.Stock/Reserve", request).await)
        .await
        .unwrap_err();
    let baggage = recorder.baggage();
    assert!(baggage.len() == 1 && baggage[0].starts_with("tenant=acme,kest.passport="), "{baggage:?}");
    assert!(!baggage[0].contains("forged") && !baggage[0].contains("mallory"), "{baggage:?}");
}

#[tokio::test]
async fn answer_says_how_the_passport_travelled() {
    let (_stock, origin) = stock().await;
    let mut channel =
        rig::channel(rig::kest("gateway").carry_layer().to(&origin).unwrap().build().unwrap(), &origin);
    let request = http::Request::post("/shop.Stock/Nothing").body(tonic::body::Body::empty()).unwrap();
    let answer = run_admitted(keys::chain(1).await, async |_job| {
        std::future::poll_fn(|context| tower::Service::poll_ready(&mut channel, context)).await.unwrap();
        tower::Service::call(&mut channel, request).await.unwrap()
    })
    .await;
    assert_eq!(answer.extensions().get::<Sent>().unwrap().tier.as_str(), "inline");
}

#[tokio::test]
async fn server_that_is_away_is_told_apart_from_a_lineage_that_is() {
    let (listener, origin) = rig::listen().await;
    drop(listener);
    let mut client = rig::client(&rig::kest("gateway"), &origin);
    let status =
        run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await.unwrap_err();
    assert!(CarryError::of(&status).is_none());
    assert_eq!(status.code(), Code::Unavailable);
}
