//! A lineage through two tonic services: what arrives at the second names everyone on the way, also from within streams.

use kest::tower::carry::CarryError;
use kest_baggage::run_admitted;
use kest_tests::keys;
use tokio_stream::StreamExt as _;
use tower::Layer as _;

use crate::rig::{self, Stock, StockClient};

/// The two services, and the client of a job that starts at `gateway`.
struct Chain {
    first: Stock,
    second: Stock,
    client: StockClient<rig::Carrying>,
}

async fn chain() -> Chain {
    let second = Stock::default();
    let origin = rig::serve("ledger", second.clone()).await;
    let first = Stock::calling(rig::client(&rig::kest("orders"), &origin));
    let origin = rig::serve("orders", first.clone()).await;
    Chain { first, second, client: rig::client(&rig::kest("gateway"), &origin) }
}

#[tokio::test]
async fn unary_call_arrives_with_everyone_who_handled_it() {
    let mut chain = chain().await;
    let reserved = run_admitted(keys::chain(1).await, async |_job| chain.client.reserve("lamp").await).await;
    assert_eq!(reserved.unwrap(), "lamp reserved");
    assert_eq!(chain.first.seen(), ["gateway:start > orders:shop.Stock/Reserve"]);
    assert_eq!(
        chain.second.seen(),
        ["gateway:start > orders:shop.Stock/Reserve > ledger:shop.Stock/Reserve"]
    );
}

#[tokio::test]
async fn calls_made_while_an_answer_is_streamed_carry_the_lineage_of_its_handler() {
    let mut chain = chain().await;
    let answer = run_admitted(keys::chain(1).await, async |_job| chain.client.watch("lamp").await).await;
    // Read outside of the job: the stream is the handler's own.
    let texts: Vec<String> = answer.unwrap().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(texts, ["lamp first reserved", "lamp second reserved"]);
    let called = "gateway:start > orders:shop.Stock/Watch > ledger:shop.Stock/Reserve";
    assert_eq!(chain.second.seen(), [called, called]);
}

#[tokio::test]
async fn calls_made_while_a_request_is_streamed_carry_the_lineage_of_its_sender() {
    let mut chain = chain().await;
    let items = || tokio_stream::iter(["lamp".to_owned(), "bulb".to_owned()]);
    let imported = run_admitted(keys::chain(1).await, async |_job| chain.client.import(items()).await).await;
    assert_eq!(imported.unwrap(), "lamp reserved,bulb reserved");
    let mut seen = chain.second.seen();
    seen.sort();
    let via = "gateway:start > orders:shop.Stock/Import > ledger:shop.Stock";
    assert_eq!(seen, [format!("{via}/Import"), format!("{via}/Reserve"), format!("{via}/Reserve")]);
}

#[tokio::test]
async fn both_directions_of_a_conversation_belong_to_its_operation() {
    let mut chain = chain().await;
    let items = || tokio_stream::iter(["lamp".to_owned(), "bulb".to_owned()]);
    let answer = run_admitted(keys::chain(1).await, async |_job| chain.client.talk(items()).await).await;
    let texts: Vec<String> = answer.unwrap().collect::<Result<_, _>>().await.unwrap();
    let who = "gateway:start > orders:shop.Stock/Talk > ledger:shop.Stock/Talk";
    assert_eq!(texts, [format!("lamp by {who}"), format!("bulb by {who}")]);
}

/// Attack: jobs that share a channel, so that one could be sent with the lineage of another.
#[tokio::test]
async fn jobs_that_share_a_channel_never_carry_each_others_lineage() {
    let stock = Stock::default();
    let client = rig::client(&rig::kest("gateway"), &rig::serve("ledger", stock.clone()).await);
    let mut jobs = tokio::task::JoinSet::new();
    for job in 0..40_usize {
        let mut client = client.clone();
        jobs.spawn(async move {
            let name = format!("job {job}");
            let operation = kest_core::Operation::named(name.as_str()).unwrap();
            let admission = keys::follow(&keys::chain(1).await, "orders", operation).await;
            run_admitted(admission, async |_job| {
                let mut answer = client.watch(&name).await.unwrap();
                let first = answer.next().await.unwrap().unwrap();
                assert!(first.contains(&format!("orders:{name} >")), "{first}");
            })
            .await;
        });
    }
    jobs.join_all().await;
    assert_eq!(stock.seen().len(), 40);
}

/// The same over TLS, where the origin is https and the address of a request names it too.
#[tokio::test]
async fn lineage_arrives_over_tls_at_the_origin_that_the_endpoint_names() {
    let stock = Stock::default();
    let (endpoint, origin) = rig::serve_over_tls("ledger", stock.clone()).await;
    assert!(origin.starts_with("https://localhost:"));
    let kest = rig::kest("gateway");
    let layer = || kest.carry_layer().to(endpoint.uri()).unwrap().build().unwrap();
    let mut client = StockClient::with_origin(layer().layer(endpoint.connect_lazy()), &origin);
    let reserved = run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await;
    assert_eq!(reserved.unwrap(), "lamp reserved");
    assert_eq!(stock.seen(), ["gateway:start > ledger:shop.Stock/Reserve"]);

    // Attack: the same host and port without TLS.
    let plain = origin.replace("https:", "http:");
    let mut client = StockClient::with_origin(layer().layer(endpoint.connect_lazy()), &plain);
    let refused = run_admitted(keys::chain(1).await, async |_job| client.reserve("lamp").await).await;
    assert!(matches!(CarryError::of(&refused.unwrap_err()), Some(CarryError::OtherOrigin)));
    assert_eq!(stock.seen().len(), 1);
}
