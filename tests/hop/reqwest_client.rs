//! What reqwest's client sends under the carrying middleware: HTTP/1.1 and HTTP/2, redirects, retries, bodies.

use bytes::Bytes;
use http::{HeaderValue, Method, Version};
use kest_baggage::run_admitted;
use kest_reqwest::{CarryError, CarryPassport, Carrying, ContentError, Destination, WithoutLineage};
use kest_tests::keys;
use reqwest::{Body, ClientBuilder, Request, Response};
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use tokio_stream::StreamExt as _;

use crate::witness::Witness;

fn carrying(origins: &[&str]) -> Carrying {
    let listed = origins.iter().map(|origin| Destination::dangerous_plain_http(origin).unwrap());
    CarryPassport::to(listed).without_lineage(WithoutLineage::Refuse)
}

fn client(witness: &Witness) -> ClientWithMiddleware {
    carrying(&[&witness.origin()]).client(reqwest::Client::builder()).unwrap()
}

/// Sends as part of an operation with a lineage of two hops.
async fn send(
    client: &ClientWithMiddleware,
    request: Request,
) -> Result<Response, reqwest_middleware::Error> {
    run_admitted(keys::chain(2).await, async |_job| client.execute(request).await).await
}

fn request(method: Method, url: &str, body: Option<Body>) -> Request {
    let mut request = Request::new(method, url.parse().unwrap());
    *request.body_mut() = body;
    request
}

fn stream(pieces: Vec<&'static str>) -> Body {
    Body::wrap_stream(tokio_stream::iter(pieces).map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))))
}

/// A builder whose names lead to the witness, on the port of the scheme.
fn leading_to(witness: &Witness, names: &[&str]) -> ClientBuilder {
    let address = ([127, 0, 0, 1], witness.port).into();
    names.iter().fold(reqwest::Client::builder(), |builder, name| builder.resolve(name, address))
}

#[tokio::test]
async fn authority_that_is_signed_is_the_one_that_arrives() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (url, authority) in [
            ("http://stock.example/items", "stock.example"),
            ("http://stock.example:80/items?x=1", "stock.example"),
            ("http://STOCK.Example/", "stock.example"),
            ("http://stock.example", "stock.example"),
            ("http://bücher.example/ä?ö=ü", "xn--bcher-kva.example"),
            ("http://alice:secret@stock.example/", "stock.example"),
            ("http://stock.example/a%2Fb/../c?", "stock.example"),
        ] {
            let witness = Witness::start().await;
            let builder = leading_to(&witness, &["stock.example", "xn--bcher-kva.example"]);
            let builder = if version == Version::HTTP_2 { builder.http2_prior_knowledge() } else { builder };
            let client =
                carrying(&["http://stock.example", "http://bücher.example"]).client(builder).unwrap();
            send(&client, request(Method::POST, url, Some("body".into()))).await.unwrap();
            let arrived = witness.only();
            assert_eq!(arrived.version(), version);
            assert_eq!(arrived.judged_by(authority).await, Ok(()), "{version:?} {url}");
            assert!(arrived.covers_its_body());
        }
    }
}

#[tokio::test]
async fn port_that_is_not_the_default_is_signed() {
    let witness = Witness::start().await;
    send(&client(&witness), request(Method::GET, &witness.url("/items"), None)).await.unwrap();
    let arrived = witness.only();
    assert_eq!(arrived.judged_by(&format!("127.0.0.1:{}", witness.port)).await, Ok(()));
    // Attack: the same request, sent on to another service.
    assert!(arrived.judged_by("127.0.0.1").await.is_err());
    assert!(arrived.judged_by("ledger.internal").await.is_err());
}

/// Attacks: the request as it arrived, with one part of it changed.
#[tokio::test]
async fn nothing_that_is_covered_can_be_changed_on_the_way() {
    let witness = Witness::start().await;
    let mut sent = request(Method::POST, &witness.url("/items?x=1"), Some("body".into()));
    sent.headers_mut().insert("authorization", HeaderValue::from_static("Bearer alice"));
    send(&client(&witness), sent).await.unwrap();
    let (arrived, ours) = (witness.only(), format!("127.0.0.1:{}", witness.port));
    assert_eq!(arrived.judged_by(&ours).await, Ok(()));
    let mut other_method = arrived.clone();
    other_method.parts.method = Method::DELETE;
    let mut other_body = arrived.clone();
    other_body.body = Bytes::from_static(b"BODY");
    let mut other_token = arrived.clone();
    other_token.parts.headers.insert("authorization", HeaderValue::from_static("Bearer mallory"));
    let mut no_token = arrived.clone();
    no_token.parts.headers.remove("authorization");
    let attacks = [
        arrived.at("/orders?x=1"),
        arrived.at("/items?x=2"),
        arrived.at("/items"),
        other_method,
        other_body,
        other_token,
        no_token,
    ];
    for attack in attacks {
        assert!(attack.judged_by(&ours).await.is_err(), "{attack:?}");
    }
}

/// A `Host` of the program's own travels with HTTP/1.1, so it is what is signed; over HTTP/2 it contradicts the authority.
#[tokio::test]
async fn host_that_a_program_sets_is_signed_as_it_travels() {
    for (http2, judged) in [(false, true), (true, false)] {
        let witness = Witness::start().await;
        let builder = reqwest::Client::builder();
        let builder = if http2 { builder.http2_prior_knowledge() } else { builder };
        let client = carrying(&[&witness.origin()]).client(builder).unwrap();
        let mut named = request(Method::GET, &witness.url("/"), None);
        named.headers_mut().insert("host", HeaderValue::from_static("stock.internal"));
        send(&client, named).await.unwrap();
        assert_eq!(witness.only().judged_by("stock.internal").await.is_ok(), judged, "{http2}");
    }
}

#[tokio::test]
async fn request_that_follows_a_redirect_is_signed_for_where_it_goes() {
    for (path, body) in [("/again", true), ("/see-other", false)] {
        let witness = Witness::start().await;
        let sent = request(Method::POST, &witness.url(path), Some(stream(vec!["a", "b"])));
        let answer = send(&client(&witness), sent).await.unwrap();
        assert_eq!(answer.url().as_str(), witness.url("/here?then=1"));
        let arrived = witness.arrived();
        assert_eq!(arrived.len(), 2, "{path}");
        let ours = format!("127.0.0.1:{}", witness.port);
        for request in &arrived {
            assert_eq!(request.judged_by(&ours).await, Ok(()), "{path}");
        }
        assert_eq!(arrived[1].covers_its_body(), body, "{path}");
        assert_ne!(arrived[0].header("signature-input"), arrived[1].header("signature-input"));
    }
}

/// Sends each request twice, as a retry does.
struct Twice;

#[async_trait::async_trait]
impl Middleware for Twice {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        next.clone().run(request.try_clone().unwrap(), extensions).await?;
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn each_attempt_of_a_retry_has_a_nonce_of_its_own() {
    let witness = Witness::start().await;
    let client = carrying(&[&witness.origin()])
        .client_with(reqwest::Client::builder(), |stack| stack.with(Twice))
        .unwrap();
    send(&client, request(Method::POST, &witness.url("/busy"), Some("body".into()))).await.unwrap();
    let arrived = witness.arrived();
    assert_eq!(arrived.len(), 2);
    assert_ne!(arrived[0].header("signature-input"), arrived[1].header("signature-input"));
    for request in arrived {
        assert_eq!(request.judged_by(&format!("127.0.0.1:{}", witness.port)).await, Ok(()));
    }
}

#[tokio::test]
async fn stream_is_read_and_covered_unless_its_client_says_aloud_that_it_is_not() {
    let ours = |witness: &Witness| format!("127.0.0.1:{}", witness.port);
    let witness = Witness::start().await;
    let body = Some(stream(vec!["some", "thing"]));
    send(&client(&witness), request(Method::POST, &witness.url("/"), body)).await.unwrap();
    let arrived = witness.only();
    assert_eq!((&arrived.body[..], arrived.covers_its_body()), (&b"something"[..], true));
    assert_eq!(arrived.judged_by(&ours(&witness)).await, Ok(()));

    let witness = Witness::start().await;
    let uncovered = carrying(&[&witness.origin()])
        .dangerous_uncovered_streams()
        .client(reqwest::Client::builder())
        .unwrap();
    let body = Some(stream(vec!["some", "thing"]));
    send(&uncovered, request(Method::POST, &witness.url("/"), body)).await.unwrap();
    let arrived = witness.only();
    assert_eq!((&arrived.body[..], arrived.covers_its_body()), (&b"something"[..], false));
    // A service that was told nothing else takes no body of which it was told nothing.
    assert!(arrived.judged_by(&ours(&witness)).await.is_err());
}

#[tokio::test]
async fn stream_over_the_limit_is_not_sent() {
    let witness = Witness::start().await;
    let long: &'static str = Box::leak("x".repeat(1024 * 1024).into_boxed_str());
    let body = Some(stream(vec![long, long, "x"]));
    let refused = send(&client(&witness), request(Method::POST, &witness.url("/"), body)).await.unwrap_err();
    let why = CarryError::of(&refused).unwrap();
    assert!(matches!(why, CarryError::Body(ContentError::TooLong(_))), "{why:?}");
    assert!(witness.arrived().is_empty());
    // The same bytes at hand are not bounded: they are in memory anyway.
    let body = Some(Body::from(long.repeat(2) + "x"));
    send(&client(&witness), request(Method::POST, &witness.url("/"), body)).await.unwrap();
    assert_eq!(witness.only().judged_by(&format!("127.0.0.1:{}", witness.port)).await, Ok(()));
}

#[tokio::test]
async fn nothing_is_signed_for_a_host_that_is_not_listed_nor_where_that_was_said() {
    let (witness, other) = (Witness::start().await, Witness::start().await);
    let mut copied = request(Method::GET, &other.url("/"), None);
    copied.headers_mut().insert("kest-tip", HeaderValue::from_static("00"));
    copied.headers_mut().insert(
        "signature-input",
        HeaderValue::from_static(r#"kest-hop=("@method");tag="kest-hop", proxy=("@method");tag="proxy""#),
    );
    copied.headers_mut().insert("signature", HeaderValue::from_static("kest-hop=:AAAA:, proxy=:BBBB:"));
    send(&client(&witness), copied).await.unwrap();
    let arrived = other.only();
    assert_eq!(arrived.header("kest-tip"), "");
    assert!(
        !arrived.header("signature-input").contains("kest") && arrived.header("signature") == "proxy=:BBBB:"
    );

    let without =
        carrying(&[&witness.origin()]).without_hop_proof().client(reqwest::Client::builder()).unwrap();
    send(&without, request(Method::GET, &witness.url("/"), None)).await.unwrap();
    let arrived = witness.only();
    assert!(arrived.header("baggage").contains("kest.passport"));
    assert_eq!((arrived.header("kest-tip"), arrived.header("signature")), (String::new(), String::new()));
}

/// The legacy dialect knows no hop proof.
#[tokio::test]
async fn service_of_the_legacy_dialect_signs_no_request() {
    for (dialect, signs) in [(kest::Dialect::Strict, true), (kest::Dialect::LegacyPython, false)] {
        let witness = Witness::start().await;
        let kest = kest::Kest::builder(keys::signer("gateway"))
            .trust(keys::ring())
            .without_deployment_policies()
            .dialect(dialect)
            .build()
            .unwrap();
        let client = kest.client(reqwest::Client::builder()).destination(&witness.origin()).unwrap();
        send(&client.build().unwrap(), request(Method::GET, &witness.url("/"), None)).await.unwrap();
        assert_eq!(!witness.only().header("signature").is_empty(), signs, "{dialect:?}");
    }
}
