//! No handler runs with a body that was swapped, and none is held without a bound.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::BodyExt as _;
use kest_core::Limits;
use kest_tower::{HopProof, RejectionKind};
use tower::ServiceExt as _;

use super::rig::{End, HOST, Pieces, Rig, request};

const INVALID: RejectionKind = RejectionKind::ProofInvalid;

/// The proof of a request with the body `signed`, on one with `body`.
fn with_body<B>(rig: &Rig, signed: &str, body: B) -> Request<B> {
    rig.sent(request(signed)).map(|_signed| body)
}

fn streaming(mut rig: Rig) -> Rig {
    rig.operation = Box::new(kest_tower::OperationLayer::streaming_body);
    rig
}

fn limited(bytes: usize) -> Rig {
    let mut limits = Limits::default();
    limits.signed_body_bytes = bytes;
    Rig::with(move |inbound| inbound.limits(limits.clone()).hop_proof(HopProof::for_authority(HOST)))
}

#[test]
fn body_in_pieces_reaches_the_handler_whole() {
    let rig = Rig::new();
    let pieces = Pieces::of(&["{\"a\"", "", ":1}"], End::Ends);
    assert_eq!(rig.admitted("pieces", with_body(&rig, "{\"a\":1}", pieces)).body.unwrap(), "{\"a\":1}");
}

#[test]
fn swapped_longer_and_shorter_bodies_are_refused_before_the_handler_runs() {
    let rig = Rig::new();
    for body in [vec!["{\"a\":2}"], vec!["{\"a\":1}", " "], vec!["{\"a\":1"], vec![]] {
        let swapped = with_body(&rig, "{\"a\":1}", Pieces::of(&body, End::Ends));
        rig.refused("swapped", swapped, INVALID, Some("body_differs"));
    }
}

/// Attack: a request without a body, and so without a digest, is given one.
#[test]
fn body_of_which_no_digest_was_signed_must_be_empty() {
    let rig = Rig::new();
    let smuggled = with_body(&rig, "", Pieces::of(&["", "x"], End::Hangs));
    rig.refused("smuggled", smuggled, INVALID, Some("body_unsigned"));
    let announced = with_body(&rig, "", "x".to_owned());
    rig.refused("announced", announced, INVALID, Some("body_unsigned"));
    // A chunked body of nothing is no body.
    let empty = with_body(&rig, "", Pieces::of(&["", ""], End::Ends));
    assert_eq!(rig.admitted("empty", empty).body.unwrap(), "");
}

#[test]
fn trailers_that_no_digest_covers_are_refused() {
    for signed in ["ab", ""] {
        let rig = Rig::new();
        let mut body = Pieces::of(if signed.is_empty() { &[] } else { &["ab"] }, End::Ends);
        let mut trailers = HeaderMap::new();
        trailers.insert("x-amount", "9".parse().unwrap());
        body.pieces.push_back(Frame::trailers(trailers));
        rig.refused("trailers", with_body(&rig, signed, body), INVALID, Some("body_trailers"));
    }
}

#[test]
fn body_over_the_limit_is_refused_and_not_read_where_it_says_so_itself() {
    let rig = limited(8);
    assert_eq!(
        rig.admitted("just fits", with_body(&rig, "12345678", "12345678".to_owned())).body.unwrap(),
        "12345678"
    );
    let long = with_body(&rig, "123456789", "123456789".to_owned());
    rig.refused("says its length", long, RejectionKind::BodyTooLarge, None);
    let pieces = Pieces::of(&["1234", "56789", "never read"], End::Hangs);
    let polled = Arc::clone(&pieces.polled);
    rig.refused("in pieces", with_body(&rig, "123456789", pieces), RejectionKind::BodyTooLarge, None);
    assert_eq!(polled.load(Ordering::SeqCst), 4, "two pieces, each asked for twice");
}

#[test]
fn body_that_never_ends_or_breaks_off_is_refused() {
    let rig = Rig::new();
    let hangs = with_body(&rig, "ab", Pieces::of(&["a"], End::Hangs));
    rig.refused("hangs", hangs, RejectionKind::TookTooLong, None);
    let breaks = with_body(&rig, "ab", Pieces::of(&["a"], End::Breaks));
    rig.refused("breaks", breaks, INVALID, Some("body_unreadable"));
}

#[test]
fn route_that_streams_gets_any_length_and_an_error_at_the_end_of_another_body() {
    let rig = streaming(limited(4));
    let seen = rig.admitted("long", with_body(&rig, "12345678", Pieces::of(&["1234", "5678"], End::Ends)));
    assert_eq!(seen.body.unwrap(), "12345678");
    for other in [vec!["1234", "5679"], vec!["1234"], vec!["1234", "5678", "9"]] {
        let seen = rig.admitted("other", with_body(&rig, "12345678", Pieces::of(&other, End::Ends)));
        assert_eq!(seen.body.unwrap_err(), "body is not the one that was signed", "{other:?}");
    }
    let seen = rig.admitted("smuggled", with_body(&rig, "", Pieces::of(&["", "x"], End::Ends)));
    assert!(seen.body.is_err(), "a body of which no digest was signed");
    let seen = rig.admitted("breaks", with_body(&rig, "12345678", Pieces::of(&["1234"], End::Breaks)));
    assert_eq!(seen.body.unwrap_err(), "body could not be read");
}

/// A route that is `layer` alone, under limits of four bytes: what its handler read of `body`, or the kind of the refusal.
fn read_by(layer: kest_tower::PublicLayer, body: &[&str]) -> Result<String, &'static str> {
    let rig = limited(4);
    let mut limits = Limits::default();
    limits.signed_body_bytes = 4;
    let inbound = rig.kit.inbound().identity(kest_identity::IdentityChoice::from_lineage()).limits(limits);
    let service = tower::ServiceBuilder::new()
        .layer(inbound.hop_proof(HopProof::for_authority(HOST)).build())
        .layer(layer)
        .service_fn(async |request: Request<kest_tower::Checked<Pieces>>| {
            let read = request.into_body().collect().await.map_err(|error| error.to_string());
            let read =
                read.map_or_else(|error| error, |it| String::from_utf8(it.to_bytes().to_vec()).unwrap());
            Ok::<_, std::convert::Infallible>(http::Response::new(read))
        });
    let asked = service.oneshot(with_body(&rig, "12345678", Pieces::of(body, End::Ends)));
    let (parts, body) = super::rig::now(asked).unwrap().into_parts();
    if let Some(rejection) = parts.extensions.get::<kest_tower::Rejection>() {
        return Err(rejection.kind().as_str());
    }
    Ok(String::from_utf8(super::rig::now(body.collect()).unwrap().to_bytes().to_vec()).unwrap())
}

#[test]
fn public_route_waits_for_the_body_too_unless_it_streams() {
    let whole = kest_tower::public;
    assert_eq!(read_by(whole(), &["1234", "5678"]), Err("body_too_large"));
    let streaming = || whole().streaming_body();
    assert_eq!(read_by(streaming(), &["1234", "5678"]), Ok("12345678".to_owned()));
    let swapped = read_by(streaming(), &["1234", "5679"]);
    assert_eq!(swapped, Ok("body is not the one that was signed".to_owned()));
}

/// Attack: another message for a method that asks nothing, which would run before its body was looked at.
#[test]
fn public_grpc_method_waits_for_the_verdict_about_its_body_too() {
    let rig = Rig::new();
    let operation = kest_core::Operation::from_grpc_path("/shop.Stock/Reserve").unwrap();
    let guarded = kest_core::policy::policy_fn("anyone", |_| true).unwrap();
    let guarded = kest_tower::OperationLayer::new(rig.kit.admitter("service").build(), operation, guarded);
    let methods = kest_tower::grpc::GrpcLayer::new([guarded]).unwrap().public("/shop.Stock/Ping").unwrap();
    let ran = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let runs = Arc::clone(&ran);
    let inbound = rig.kit.inbound().identity(kest_identity::IdentityChoice::from_lineage());
    let service = tower::ServiceBuilder::new()
        .layer(inbound.hop_proof(HopProof::for_authority(HOST)).build())
        .layer(methods)
        // It starts before it reads anything.
        .service_fn(move |request: Request<kest_tower::Checked<Pieces>>| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                Ok::<_, std::convert::Infallible>(http::Response::new(
                    String::from_utf8(body.to_vec()).unwrap(),
                ))
            }
        });
    let ping = |sent: &str| {
        let signed =
            Request::post(format!("https://{HOST}/shop.Stock/Ping")).body("1234".to_owned()).unwrap();
        let request = rig.kit.send("gateway", &rig.passport, signed);
        let (first, rest) = sent.split_at(1);
        let sent = request.map(|_| Pieces::of(&[first, rest], End::Ends));
        super::rig::now(service.clone().oneshot(sent)).unwrap()
    };
    let swapped = ping("1235");
    assert_eq!(swapped.extensions().get::<kest_tower::Rejection>().unwrap().cause(), Some("body_differs"));
    assert_eq!(ran.load(Ordering::SeqCst), 0, "the method ran");
    let honest = super::rig::now(ping("1234").into_body().collect()).unwrap().to_bytes();
    assert_eq!((&*honest, ran.load(Ordering::SeqCst)), (&b"1234"[..], 1));
}

/// Attack: another last piece for a handler that counts bytes and never asks for the end of its stream.
#[test]
fn last_piece_of_a_stream_is_kept_back_until_all_of_it_was_judged() {
    let rig = limited(4);
    let inbound = rig.kit.inbound().identity(kest_identity::IdentityChoice::from_lineage());
    let service = tower::ServiceBuilder::new()
        .layer(inbound.hop_proof(HopProof::for_authority(HOST)).build())
        .layer(kest_tower::public().streaming_body())
        .service_fn(async |request: Request<kest_tower::Checked<Pieces>>| {
            let (mut body, mut seen) = (request.into_body(), String::new());
            while let Some(Ok(frame)) = body.frame().await {
                seen.push_str(str::from_utf8(frame.data_ref().unwrap()).unwrap());
            }
            Ok::<_, std::convert::Infallible>(http::Response::new(seen))
        });
    for (pieces, seen) in [(["1234", "5678"], "12345678"), (["1234", "5679"], "1234")] {
        let sent = with_body(&rig, "12345678", Pieces::of(&pieces, End::Ends));
        let body = super::rig::now(service.clone().oneshot(sent)).unwrap().into_body();
        assert_eq!(super::rig::now(body.collect()).unwrap().to_bytes(), seen);
    }
}

#[test]
fn body_without_a_proof_passes_as_it_came() {
    let rig = Rig::with(|inbound| inbound.dangerous_bearer_passports());
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "9".parse().unwrap());
    let mut body = Pieces::of(&["a", "b"], End::Ends);
    body.pieces.push_back(Frame::trailers(trailers));
    assert_eq!(rig.admitted("plain", request("").map(|_| body)).body.unwrap(), "ab");
}
