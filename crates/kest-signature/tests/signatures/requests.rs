//! Signed requests without a lineage: through the layers, with both kinds of keys, and every way to be refused.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use kest_core::UnverifiedPassport;
use kest_core::signature::{KeyId, KeyRing, KeysUnavailable, ReplaceableKeys, ResolveKeys, WorkloadId};
use kest_signature::{
    DigestAlgorithm, RequestKeys, RequestKeysError, RequestRefused, RequestSignatureLayer, RequestSigner,
    RequestVerifier, RequestVerifierBuilder, SharedKey, SignRequestLayer, SignedRequest,
};
use kest_testkit::{FailingReplays, ReplayFault, TestKest};
use tower::{Layer as _, ServiceExt as _};

fn shared(name: &str, id: &str) -> SharedKey {
    SharedKey::new(WorkloadId::new(name).unwrap(), KeyId::new(id).unwrap(), &[7; 32]).unwrap()
}

/// The keys of `sensor`, and a secret of `billing`.
fn keys(kit: &TestKest) -> RequestKeys {
    RequestKeys::from(kit.keys()).with_shared(shared("billing", "hook")).unwrap()
}

fn kit() -> TestKest {
    TestKest::new(["sensor"])
}

fn signer(kit: &TestKest) -> RequestSigner {
    RequestSigner::new(kit.signer("sensor")).clock(kit.clock()).random(kit.random())
}

fn hook_signer(kit: &TestKest) -> RequestSigner {
    RequestSigner::shared(shared("billing", "hook")).clock(kit.clock()).random(kit.random())
}

fn verifier(kit: &TestKest) -> RequestVerifierBuilder {
    RequestVerifier::builder(keys(kit)).authority("hub.example").clock(kit.clock())
}

fn app(layer: RequestSignatureLayer) -> Router {
    async fn echo(Extension(signed): Extension<SignedRequest>, body: Bytes) -> Vec<u8> {
        [signed.workload().as_str().as_bytes(), b" ", &body].concat()
    }
    Router::new().route("/beat", post(echo)).layer(layer)
}

fn built(builder: RequestVerifierBuilder) -> Router {
    app(RequestSignatureLayer::new(builder.build().unwrap()))
}

fn beat(body: &str) -> Request<String> {
    Request::post("https://hub.example/beat?n=1").body(body.to_owned()).unwrap()
}

async fn answered<B>(app: &Router, request: Request<B>) -> (StatusCode, String)
where
    Body: From<B>,
{
    let answer = app.clone().oneshot(request.map(Body::from)).await.unwrap();
    let status = answer.status();
    let refused = answer.extensions().get::<RequestRefused>();
    assert_eq!(status == StatusCode::OK, refused.is_none(), "{refused:?}");
    assert_eq!(status == StatusCode::UNAUTHORIZED, answer.headers().contains_key(WWW_AUTHENTICATE));
    let body = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Demands an empty answer of `status`.
async fn refused<B>(what: &str, app: &Router, request: Request<B>, status: StatusCode)
where
    Body: From<B>,
{
    assert_eq!(answered(app, request).await, (status, String::new()), "{what}");
}

#[tokio::test]
async fn requests_of_both_kinds_of_keys_are_let_through() {
    let kit = kit();
    let app = built(verifier(&kit));
    for (signer, name) in [(signer(&kit), "sensor"), (hook_signer(&kit), "billing")] {
        for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
            for body in ["", "alive"] {
                let signed = signer.clone().digest(digest).sign_request(beat(body)).await.unwrap();
                assert_eq!(signed.headers().contains_key("content-digest"), !body.is_empty());
                let (status, text) = answered(&app, signed).await;
                assert_eq!(status, StatusCode::OK);
                assert!(text.contains(name) && text.ends_with(&format!(" {body}")), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn every_other_request_is_refused_with_nothing() {
    let kit = kit();
    let app = built(verifier(&kit));
    let sign = async |request| signer(&kit).sign_request(request).await.unwrap();
    refused("unsigned", &app, beat("alive"), StatusCode::UNAUTHORIZED).await;
    let signed = sign(beat("alive")).await;
    assert_eq!(answered(&app, signed.clone()).await.0, StatusCode::OK);
    refused("replayed", &app, signed, StatusCode::UNAUTHORIZED).await;
    refused("swapped body", &app, sign(beat("alive")).await.map(|_| "gone"), StatusCode::UNAUTHORIZED).await;
    refused("body cut off", &app, sign(beat("alive")).await.map(|_| ""), StatusCode::UNAUTHORIZED).await;
    refused("body added", &app, sign(beat("")).await.map(|_| "gone"), StatusCode::UNAUTHORIZED).await;
    let mut digest_too = sign(beat("")).await.map(|_| "gone");
    let of_it = kest_signature::ContentDigest::of(DigestAlgorithm::Sha256, b"gone").to_header().unwrap();
    digest_too.headers_mut().insert("content-digest", of_it);
    refused("body and digest added", &app, digest_too, StatusCode::UNAUTHORIZED).await;
    let elsewhere = Request::post("https://other.example/beat").body(String::new()).unwrap();
    refused("another authority", &app, sign(elsewhere).await, StatusCode::UNAUTHORIZED).await;
    let stranger = RequestSigner::new(kit.signer("stranger")).clock(kit.clock());
    let stranger = stranger.sign_request(beat("")).await.unwrap();
    refused("unknown key", &app, stranger, StatusCode::UNAUTHORIZED).await;
    let late = sign(beat("")).await;
    kit.clock().advance(Duration::from_secs(11));
    refused("too old", &app, late, StatusCode::UNAUTHORIZED).await;
}

/// Attack: the public key of a workload is no secret, so nothing may be signed with it as one.
#[tokio::test]
async fn public_key_as_a_shared_secret_is_refused() {
    let kit = kit();
    let app = built(verifier(&kit));
    let key = kest_core::Sign::current(&kit.signer("sensor"));
    let forged =
        SharedKey::new(key.workload().clone(), key.key_id().clone(), key.public_key().as_bytes()).unwrap();
    let forger = RequestSigner::shared(forged).clock(kit.clock());
    refused("hmac", &app, forger.sign_request(beat("")).await.unwrap(), StatusCode::UNAUTHORIZED).await;
    let named = signer(&kit).sign_request(beat("")).await.unwrap();
    let (mut parts, body) = named.into_parts();
    let input = parts.headers.get("signature-input").unwrap().to_str().unwrap();
    let input = input.replace(key.key_id().as_str(), "hook");
    parts.headers.insert("signature-input", input.parse().unwrap());
    refused("ed25519", &app, Request::from_parts(parts, body), StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn a_proof_of_a_hop_is_no_signed_request() {
    let rig = crate::rig::Rig::new();
    let sent = rig.signed().await;
    let verifier = RequestVerifier::builder(rig.kit.keys()).authority("cart.example").clock(rig.clock());
    let verifier = verifier.build().unwrap();
    let head = kest_signature::RequestHead::of(&sent.method, &sent.uri);
    let error = verifier.verify(&head, &sent.headers).await.unwrap_err();
    assert_eq!((error.kind(), error.cause()), ("signature_missing", None));
    let retagged = sent.edit("signature-input", "tag=\"kest-hop\"", "tag=\"kest-request\"");
    let head = kest_signature::RequestHead::of(&retagged.method, &retagged.uri);
    let error = verifier.verify(&head, &retagged.headers).await.unwrap_err();
    assert_eq!((error.kind(), error.cause()), ("signature_invalid", Some("component_extra")));
}

#[tokio::test]
async fn refusals_say_why_to_this_side_alone() {
    let kit = kit();
    let app = built(verifier(&kit));
    let moved = signer(&kit).sign_request(beat("")).await.unwrap();
    let (mut parts, body) = moved.into_parts();
    parts.uri = http::Uri::from_static("https://hub.example/beat?n=2");
    let answer = app.clone().oneshot(Request::from_parts(parts, body).map(Body::from)).await.unwrap();
    let refused = answer.extensions().get::<RequestRefused>().unwrap();
    assert_eq!((refused.kind(), refused.cause()), ("signature_invalid", Some("request_differs")));
    assert_eq!(answer.headers().len(), 2, "the challenge and the length of nothing: {:?}", answer.headers());
}

#[tokio::test]
async fn headers_that_both_sides_agreed_on_are_covered() {
    let kit = kit();
    let app = built(verifier(&kit).covering(CONTENT_TYPE));
    let typed = || {
        let mut request = beat("{}");
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        request
    };
    let covering = signer(&kit).covering(CONTENT_TYPE);
    assert_eq!(answered(&app, covering.sign_request(typed()).await.unwrap()).await.0, StatusCode::OK);
    let mut changed = covering.sign_request(typed()).await.unwrap();
    changed.headers_mut().insert(CONTENT_TYPE, "text/plain".parse().unwrap());
    refused("changed", &app, changed, StatusCode::UNAUTHORIZED).await;
    refused("not covered", &app, signer(&kit).sign_request(typed()).await.unwrap(), StatusCode::UNAUTHORIZED)
        .await;
    assert_eq!(covering.sign_request(beat("")).await.unwrap_err().kind(), "header_missing");
    let strict = built(verifier(&kit));
    refused(
        "more than agreed",
        &strict,
        covering.sign_request(typed()).await.unwrap(),
        StatusCode::UNAUTHORIZED,
    )
    .await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_never_held() {
    let kit = kit();
    let layer = RequestSignatureLayer::new(verifier(&kit).build().unwrap()).body_limit(8);
    let app = app(layer);
    let sign = async |body| signer(&kit).sign_request(beat(body)).await.unwrap();
    assert_eq!(answered(&app, sign("8 bytes.").await).await.0, StatusCode::OK);
    refused("one more", &app, sign("9 bytes..").await, StatusCode::PAYLOAD_TOO_LARGE).await;
    let pieces = sign("9 bytes..").await.map(|_| in_pieces(&["9 byt", "es.."]));
    refused("in pieces", &app, pieces, StatusCode::PAYLOAD_TOO_LARGE).await;
    // A stranger cannot have a body read: the signature comes first.
    refused("unsigned", &app, beat("9 bytes.."), StatusCode::UNAUTHORIZED).await;
}

/// A body that says how long it is, and must not be read.
struct Announced;

impl http_body::Body for Announced {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        panic!("what is too long by its own word was read");
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(9)
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_not_read() {
    let kit = kit();
    let app = app(RequestSignatureLayer::new(verifier(&kit).build().unwrap()).body_limit(8));
    let announced = signer(&kit).sign_request(beat("9 bytes..")).await.unwrap().map(|_| Body::new(Announced));
    refused("announced", &app, announced, StatusCode::PAYLOAD_TOO_LARGE).await;
}

fn in_pieces(pieces: &[&'static str]) -> Body {
    let pieces: Vec<_> =
        pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))).collect();
    Body::from_stream(tokio_stream::iter(pieces))
}

/// What a handler read of a streamed body, piece by piece, and how it ended.
async fn streamed(kit: &TestKest, signed_as: &str, sent: &[&'static str]) -> (Vec<Bytes>, bool) {
    use http_body_util::BodyExt as _;
    let layer = RequestSignatureLayer::new(verifier(kit).build().unwrap()).streaming_body();
    let signed = signer(kit).sign_request(beat(signed_as)).await.unwrap();
    let seen = Arc::new(std::sync::Mutex::new((Vec::new(), false)));
    let noting = Arc::clone(&seen);
    let reading = tower::service_fn(move |request: Request<kest_signature::SignedBody<Body>>| {
        let noting = Arc::clone(&noting);
        async move {
            let mut body = request.into_body();
            let mut ended_well = true;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => noting.lock().unwrap().0.push(frame.into_data().unwrap()),
                    Err(_) => ended_well = false,
                }
            }
            noting.lock().unwrap().1 = ended_well;
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
        }
    });
    let answer = layer.layer(reading).oneshot(signed.map(|_| in_pieces(sent))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    seen.lock().map(|seen| seen.clone()).unwrap()
}

#[tokio::test]
async fn a_streamed_body_ends_with_an_error_where_it_is_not_the_signed_one() {
    let kit = kit();
    let (pieces, well) = streamed(&kit, "one two three", &["one ", "two ", "", "three"]).await;
    assert_eq!((pieces.concat(), well), (b"one two three".to_vec(), true));
    let (pieces, well) = streamed(&kit, "", &[]).await;
    assert!(pieces.is_empty() && well);
    for (what, sent, read) in [
        ("swapped end", ["one ", "two ", "four!"].as_slice(), "one two "),
        ("cut off", &["one ", "two "], "one "),
        ("added", &["one ", "two ", "three", "!"], "one two three"),
        ("one piece", &["all of another"], ""),
    ] {
        let (pieces, well) = streamed(&kit, "one two three", sent).await;
        assert_eq!((pieces.concat().as_slice(), well), (read.as_bytes(), false), "{what}");
    }
    let (pieces, well) = streamed(&kit, "", &["added"]).await;
    assert!(pieces.is_empty() && !well, "a body of which no digest was signed");
}

#[tokio::test]
async fn a_store_that_cannot_remember_runs_nothing() {
    let kit = kit();
    for (fault, status) in [
        (ReplayFault::Away, StatusCode::SERVICE_UNAVAILABLE),
        (ReplayFault::Full, StatusCode::SERVICE_UNAVAILABLE),
        (ReplayFault::TooLong, StatusCode::SERVICE_UNAVAILABLE),
        (ReplayFault::Forgotten, StatusCode::UNAUTHORIZED),
    ] {
        let app = built(verifier(&kit).replays(Arc::new(FailingReplays::new(fault))));
        refused("store", &app, signer(&kit).sign_request(beat("")).await.unwrap(), status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_not_waited_for_without_end() {
    let kit = kit();
    let app = built(verifier(&kit).replays(Arc::new(FailingReplays::new(ReplayFault::Slow))));
    let signed = signer(&kit).sign_request(beat("")).await.unwrap();
    refused("slow store", &app, signed, StatusCode::SERVICE_UNAVAILABLE).await;
}

/// Attack: a signed request whose body never comes, to hold its place for good.
#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_not_waited_for_without_end() {
    let kit = kit();
    let app = built(verifier(&kit));
    let endless = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
    let hangs = signer(&kit).sign_request(beat("alive")).await.unwrap().map(|_| endless);
    refused("no body", &app, hangs, StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn keys_that_are_withdrawn_while_the_service_runs_prove_nothing_more() {
    let kit = kit();
    let ring = ReplaceableKeys::new(kit.keys());
    let builder = RequestVerifier::builder(ring.clone()).authority("hub.example").clock(kit.clock());
    let app = built(builder);
    let sign = async || signer(&kit).sign_request(beat("")).await.unwrap();
    assert_eq!(answered(&app, sign().await).await.0, StatusCode::OK);
    ring.replace(KeyRing::new());
    refused("withdrawn", &app, sign().await, StatusCode::UNAUTHORIZED).await;
}

/// A trust bundle that is too old to be used.
#[derive(Debug)]
struct TooOld;

#[async_trait::async_trait]
impl ResolveKeys for TooOld {
    async fn ring_for(&self, _passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        Err(KeysUnavailable::new("too old"))
    }
}

#[tokio::test]
async fn keys_that_are_out_of_reach_are_no_verdict_on_a_request() {
    let kit = kit();
    let following =
        |keys: RequestKeys| built(RequestVerifier::builder(keys).authority("hub.example").clock(kit.clock()));
    let sign = async || signer(&kit).sign_request(beat("")).await.unwrap();
    let app = following(RequestKeys::followed(Arc::new(kit.keys())));
    assert_eq!(answered(&app, sign().await).await.0, StatusCode::OK);
    let away = following(RequestKeys::followed(TooOld));
    refused("keys away", &away, sign().await, StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test]
async fn a_client_behind_the_layer_signs_each_attempt() {
    let kit = kit();
    let app = built(verifier(&kit));
    let client = SignRequestLayer::new(signer(&kit)).layer(app.clone());
    for _ in 0..2 {
        let answer = client.clone().oneshot(beat("alive").map(Body::from)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let small = SignRequestLayer::new(signer(&kit)).body_limit(4).layer(app);
    let error = small.oneshot(beat("alive").map(Body::from)).await.unwrap_err();
    assert!(error.to_string().contains("over the limit"), "{error}");
}

#[test]
fn mistakes_are_found_when_the_service_starts() {
    let kit = kit();
    let named = |authority: &str| RequestVerifier::builder(kit.keys()).authority(authority);
    assert!(RequestVerifier::builder(kit.keys()).build().is_err(), "no authority");
    assert!(named("https://hub.example").build().is_err());
    assert!(named("hub.example").max_age(Duration::from_secs(301)).build().is_err());
    assert!(named("hub.example").max_age(Duration::ZERO).build().is_err());
    assert!(named("hub.example").skew(Duration::from_secs(61)).build().is_err());
    let id = KeyId::new("short").unwrap();
    assert!(SharedKey::new(WorkloadId::new("billing").unwrap(), id, &[7; 31]).is_err());
    let twice = keys(&kit).with_shared(shared("other", "hook"));
    assert!(matches!(twice, Err(RequestKeysError::KeyIdOfTwoKeys(_))));
    let shown = format!("{:?}", shared("billing", "hook"));
    assert_eq!(shown, r#"SharedKey { workload: WorkloadId("billing"), key_id: KeyId("hook"), .. }"#);
}
