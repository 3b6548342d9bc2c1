//! What clients under the carrying layer send: hyper's over HTTP/1.1 and HTTP/2, and tonic's channel.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kest::Kest;
use kest::tower::carry::{CarryError, CarryLayer, CarryLayerBuilder, ContentError};
use kest_tests::keys;
use tonic::transport::{Channel, Endpoint};
use tower::{Layer as _, Service, ServiceExt as _};

use crate::witness::Witness;

fn kest() -> Kest {
    Kest::builder(keys::signer("gateway")).trust(keys::ring()).without_deployment_policies().build().unwrap()
}

fn to(origin: &str) -> CarryLayerBuilder {
    kest().carry_layer().to(origin).unwrap()
}

/// Sends as part of an operation with a lineage of two hops.
async fn send<S, B>(client: S, mut request: Request<B>) -> Result<(), kest::core::BoxError>
where
    S: Service<Request<B>, Error = kest::core::BoxError>,
{
    request.extensions_mut().insert(keys::chain(2).await);
    client.oneshot(request).await.map(|_| ())
}

#[tokio::test]
async fn authority_that_is_signed_is_the_one_that_arrives() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for uri in [
            "http://localhost:PORT/items?x=1",
            "http://LOCALHOST:PORT",
            "http://localhost:PORT/a%2Fb?",
            "http://alice:secret@localhost:PORT/",
        ] {
            let witness = Witness::start().await;
            let uri = uri.replace("PORT", &witness.port.to_string());
            let mut hyper = Client::builder(TokioExecutor::new());
            hyper.http2_only(version == Version::HTTP_2);
            let hyper: Client<_, Full<Bytes>> = hyper.build_http();
            let listed = format!("http://localhost:{}", witness.port);
            let layer = kest().carry_layer().destination(&listed).unwrap().build().unwrap();
            let request = Request::post(&uri).body(Full::new(Bytes::from_static(b"body"))).unwrap();
            send(layer.layer(hyper), request).await.unwrap();
            let arrived = witness.only();
            assert_eq!(arrived.version(), version);
            assert!(arrived.covers_its_body());
            let judged = arrived.judged_by(&format!("localhost:{}", witness.port)).await;
            assert_eq!(judged, Ok(()), "{version:?} {uri}");
        }
    }
}

fn channel(witness: &Witness) -> Channel {
    Endpoint::from_shared(witness.origin()).unwrap().connect_lazy()
}

fn call(body: tonic::body::Body) -> Request<tonic::body::Body> {
    Request::builder().method(Method::POST).uri("/shop.Stock/Reserve").body(body).unwrap()
}

/// A stream of these pieces whose length is not known beforehand, as tonic encodes every call.
fn streamed(pieces: &'static [&'static str]) -> tonic::body::Body {
    let frames = pieces.iter().map(|piece| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(*piece))));
    tonic::body::Body::new(StreamBody::new(tokio_stream::iter(frames)))
}

#[tokio::test]
async fn call_of_a_tonic_channel_is_signed_with_its_body() {
    let with_streams = |layer: CarryLayer| layer.stream_body(tonic::body::Body::new);
    let witness = Witness::start().await;
    let layer = to(&witness.origin()).build().unwrap();
    send(layer.clone().layer(channel(&witness)), call(streamed(&["ab", "c"]))).await.unwrap();
    send(with_streams(layer).layer(channel(&witness)), call(streamed(&["ab", "c"]))).await.unwrap();
    let arrived = witness.arrived();
    assert_eq!(arrived.len(), 2);
    for call in arrived {
        assert_eq!((&call.body[..], call.version()), (&b"abc"[..], Version::HTTP_2));
        assert!(call.covers_its_body());
        assert_eq!(call.judged_by(&format!("127.0.0.1:{}", witness.port)).await, Ok(()));
    }
}

/// An endpoint that asks under another name than the one that it connects to.
#[tokio::test]
async fn channel_with_an_origin_of_its_own_signs_that() {
    let witness = Witness::start().await;
    let endpoint = Endpoint::from_shared(witness.origin()).unwrap();
    let channel = endpoint.origin("https://stock.internal".parse().unwrap()).connect_lazy();
    let layer = to(&witness.origin()).asked_as("https://stock.internal").unwrap().build().unwrap();
    send(layer.layer(channel), call(streamed(&["abc"]))).await.unwrap();
    assert_eq!(witness.only().judged_by("stock.internal").await, Ok(()));
}

/// Attack on availability: a call whose stream goes on for as long as the call does.
#[tokio::test(start_paused = true)]
async fn stream_that_does_not_end_is_given_up_unless_it_is_said_to_be_uncovered() {
    let endless = || {
        let first = http_body::Frame::data(Bytes::from_static(b"first"));
        let stream = tokio_stream::StreamExt::chain(
            tokio_stream::iter([Ok::<_, Infallible>(first)]),
            tokio_stream::pending(),
        );
        call(tonic::body::Body::new(StreamBody::new(stream)))
    };
    let client = tower::service_fn(async |request: Request<tonic::body::Body>| {
        let covered = request.headers().contains_key("content-digest");
        assert!(request.headers().contains_key("kest-tip") && !covered);
        Ok::<_, kest::core::BoxError>(http::Response::new(tonic::body::Body::empty()))
    });
    let layer = to("https://stock.internal").build().unwrap();
    let refused = send(layer.layer(client), endless()).await.unwrap_err();
    assert!(matches!(CarryError::of(&*refused), Some(CarryError::Body(ContentError::TooSlow))));
    let layer = to("https://stock.internal").dangerous_uncovered_streams().build().unwrap();
    send(layer.layer(client), endless()).await.unwrap();
}

/// A kind of body that nothing is known of.
#[tokio::test]
async fn body_that_cannot_be_made_again_is_refused_before_it_is_read() {
    let unknown =
        || Full::new(Bytes::from_static(b"abc")).map_err(|never| -> std::io::Error { match never {} });
    let client = tower::service_fn(async |_request| {
        Ok::<_, kest::core::BoxError>(http::Response::new(Full::<Bytes>::default()))
    });
    let layer = to("https://stock.internal").build().unwrap();
    let refused = send(layer.layer(client), Request::new(unknown())).await.unwrap_err();
    assert!(matches!(CarryError::of(&*refused), Some(CarryError::Body(ContentError::OfAnotherType))));
    // Boxed, it can be.
    let client = tower::service_fn(async |request: Request<BoxBody<Bytes, kest::core::BoxError>>| {
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "abc");
        Ok::<_, kest::core::BoxError>(http::Response::new(Full::<Bytes>::default()))
    });
    let boxed = unknown().map_err(kest::core::BoxError::from).boxed();
    send(layer.layer(client), Request::new(boxed)).await.unwrap();
}
