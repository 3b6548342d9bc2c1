//! What a client of hyper under the carrying layer sends: it goes where each request's address says.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kest::tower::carry::{Carry, CarryError, CarryLayer};
use kest::{Admission, Kest, Operation, Origin, dangerous_allow_all};
use kest_baggage::{Ambient, current_user, run_admitted};
use kest_tests::keys;
use tokio_stream::StreamExt as _;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::rig::{self, Recorder, Stock, who};

type Hyper = Client<HttpConnector, Full<Bytes>>;
type Streamed = UnsyncBoxBody<Bytes, Infallible>;

fn hyper() -> Hyper {
    Client::builder(TokioExecutor::new()).build_http()
}

fn layer(kest: &Kest, listed: &str) -> CarryLayer {
    kest.carry_layer().destination(listed).unwrap().build().unwrap()
}

fn client(listed: &str) -> Carry<Hyper> {
    layer(&rig::kest("gateway"), listed).layer(hyper())
}

fn get(url: String) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

fn why(error: &kest::core::BoxError) -> &CarryError {
    CarryError::of(error.as_ref()).unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test]
async fn passport_goes_to_the_listed_origin_and_nothing_of_ours_to_another() {
    let (listed, other) = (Recorder::start().await, Recorder::start().await);
    let client = client(&listed.origin);
    run_admitted(keys::chain(2).await, async |_job| {
        let mut copied = get(other.url("/"));
        copied.headers_mut().insert("baggage", "kest.user=alice,region=eu".parse().unwrap());
        client.clone().oneshot(copied).await.unwrap();
        client.clone().oneshot(get(listed.url("/"))).await.unwrap();
    })
    .await;
    assert_eq!(other.baggage(), ["region=eu"]);
    let carried = listed.baggage();
    assert!(carried.len() == 1 && carried[0].starts_with("kest.passport="), "{carried:?}");
}

#[tokio::test]
async fn request_without_a_lineage_is_not_sent_to_a_listed_origin() {
    let listed = Recorder::start().await;
    let refused = client(&listed.origin).oneshot(get(listed.url("/"))).await.unwrap_err();
    assert!(matches!(why(&refused), CarryError::NoLineage));
    assert_eq!(listed.baggage(), Vec::<String>::new());
}

/// Attack: a listed server that redirects to one that is not.
#[tokio::test]
async fn redirect_to_an_unlisted_origin_takes_no_passport_along() {
    let other = Recorder::start().await;
    let listed = Recorder::redirecting(&other.url("/stolen")).await;
    let client = ServiceBuilder::new().layer(FollowRedirectLayer::new()).service(client(&listed.origin));
    let answer =
        run_admitted(keys::chain(1).await, async |_job| client.oneshot(get(listed.url("/away"))).await);
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
    assert!(listed.baggage()[0].starts_with("kest.passport="));
    assert_eq!(other.baggage(), [""]);
}

/// What a client was told to send, without sending it.
async fn told(listed: &str, uri: &str) -> Result<String, kest::core::BoxError> {
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let keeps = Arc::clone(&seen);
    let fake = tower::service_fn(move |request: Request<()>| {
        *keeps.lock().unwrap() = request.headers().clone();
        std::future::ready(Ok::<_, Infallible>(Response::new(())))
    });
    let kest = rig::kest("gateway");
    let client = kest
        .carry_layer()
        .destinations([kest::Destination::dangerous_plain_http(listed).unwrap()])
        .build()
        .unwrap()
        .layer(fake);
    let request = Request::builder().uri(uri).body(()).unwrap();
    run_admitted(keys::chain(1).await, async |_job| client.oneshot(request).await).await?;
    let headers = seen.lock().unwrap();
    Ok(headers.get("baggage").map_or_else(String::new, |line| line.to_str().unwrap().to_owned()))
}

/// Attack: addresses that another reader would take for the listed one.
#[tokio::test]
async fn address_that_only_resembles_a_listed_one_gets_no_passport() {
    for (listed, uri) in [
        ("https://stock.internal", "https://stock.internal/items?x=1"),
        ("https://stock.internal", "https://STOCK.internal:443/"),
        ("https://stock.internal:8443", "https://stock.internal:8443/"),
        ("https://stock.internal", "https://user:secret@stock.internal/"),
        ("http://127.0.0.1:80", "http://127.0.0.1/"),
        ("http://[::1]:5000", "http://[0:0:0:0:0:0:0:1]:5000/"),
    ] {
        let carried = told(listed, uri).await.unwrap();
        assert!(carried.starts_with("kest.passport="), "{listed} {uri}: {carried}");
    }
    for (listed, uri) in [
        ("https://stock.internal", "http://stock.internal/"),
        ("https://stock.internal", "https://stock.internal:8443/"),
        ("https://stock.internal", "https://stock.internal./"),
        ("https://stock.internal", "https://stock.internal.evil.example/"),
        ("https://stock.internal", "https://stock.internal@evil.example/"),
        ("https://stock.internal", "ftp://stock.internal/"),
        ("https://stock.internal", "stock.internal:443"),
        ("http://127.0.0.1", "http://127.1/"),
        ("http://127.0.0.1", "http://2130706433/"),
        ("http://127.0.0.1", "http://0x7f000001/"),
        ("http://127.0.0.1", "http://127.0.0.01/"),
        ("http://127.0.0.1", "http://[::ffff:127.0.0.1]/"),
        ("http://127.0.0.1", "http://localhost/"),
    ] {
        assert_eq!(told(listed, uri).await.unwrap(), "", "{listed} {uri}");
    }
    for relative in ["/items", "*"] {
        let refused = told("https://stock.internal", relative).await.unwrap_err();
        assert!(matches!(why(&refused), CarryError::NoOrigin), "{relative}");
    }
}

#[tokio::test]
async fn work_that_no_request_asked_for_starts_a_lineage_where_that_was_said() {
    let stock = Stock::default();
    let origin = rig::serve("ledger", stock.clone()).await;
    let layer = rig::kest("gateway")
        .carry_layer()
        .to(&origin)
        .unwrap()
        .originate(Origin::system(), Operation::from_static("nightly"), dangerous_allow_all())
        .unwrap()
        .build()
        .unwrap();
    let mut client = rig::StockClient::new(rig::channel(layer, &origin));
    client.reserve("lamp").await.unwrap();
    assert_eq!(stock.seen(), ["gateway:nightly > ledger:shop.Stock/Reserve"]);

    // Attack: a route without an operation, whose calls would start anew and leave behind who asked.
    let arrival = keys::chain(1).await.following();
    let refused = kest_baggage::with_arrival(arrival, client.reserve("lamp")).await.unwrap_err();
    assert!(matches!(CarryError::of(&refused), Some(CarryError::InsideRequest)), "{refused:?}");
    assert_eq!(stock.seen().len(), 1);
}

#[tokio::test]
async fn streamed_body_of_a_client_of_hyper_is_part_of_the_operation() {
    let listed = Recorder::start().await;
    let frames = tokio_stream::iter(["one", "two"]).map(|part| {
        Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(format!("{part} by {} ", who()))))
    });
    let body: Streamed = StreamBody::new(frames).boxed_unsync();
    let hyper = Client::builder(TokioExecutor::new()).build_http();
    let client =
        layer(&rig::kest("gateway"), &listed.origin).stream_body(std::convert::identity::<Ambient<Streamed>>);
    let client = client.layer(hyper);
    let request = Request::post(listed.url("/")).body(body).unwrap();
    run_admitted(keys::chain(1).await, async |_job| client.oneshot(request).await).await.unwrap();
    assert_eq!(listed.bodies(), ["one by gateway:start two by gateway:start "]);
    assert_eq!(current_user(), None);
}

/// Attack: a client that is a service of the same process, where an admission among the extensions would pass for its own.
#[tokio::test]
async fn what_proves_something_here_is_not_handed_to_a_service_of_the_same_process() {
    let client = layer(&rig::kest("gateway"), "https://stock.internal").layer(tower::service_fn(
        async |request: Request<()>| {
            let extensions = request.extensions();
            assert!(request.headers().contains_key("baggage"));
            let leaked =
                extensions.get::<Admission>().is_some() || extensions.get::<kest::Ambience>().is_some();
            Ok::<_, Infallible>(Response::new(leaked))
        },
    ));
    let admission = keys::chain(1).await;
    let mut request = Request::get("https://stock.internal/").body(()).unwrap();
    request.extensions_mut().insert(kest::Ambience::from(admission.clone()));
    request.extensions_mut().insert(admission);
    assert!(!client.oneshot(request).await.unwrap().into_body());
}
