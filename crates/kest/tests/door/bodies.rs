//! Entries that say which input they were for.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use kest::core::entry::EntryHash;

use crate::rig::{call, kest, operation, refusal, request};

#[tokio::test]
async fn digest_of_the_body_is_signed_and_the_body_handed_on_whole() {
    let kest = kest();
    let layer = operation(&kest, |it| it).hash_body(16);
    let (response, seen) = call(&kest, layer.clone(), request("sixteen bytes ok")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(seen.bodies, ["sixteen bytes ok"]);
    assert_eq!(seen.admissions[0].entry().input_hash(), Some(EntryHash::of_bytes(b"sixteen bytes ok")));
    let (_, seen) = call(&kest, layer, request("")).await;
    assert_eq!(
        seen.admissions[0].entry().input_hash(),
        Some(EntryHash::of_bytes(b"")),
        "an empty body is hashed too"
    );
    let (_, seen) = call(&kest, operation(&kest, |it| it), request("not hashed")).await;
    assert_eq!(seen.admissions[0].entry().input_hash(), None);
}

/// Attack: a body that is longer than it may be, with and without a length that says so.
#[tokio::test]
async fn body_over_the_limit_is_refused_before_anything_is_signed() {
    let kest = kest();
    let layer = operation(&kest, |it| it).hash_body(16);
    for body in [Body::from("sixteen bytes ok!"), Body::new(Pieces::of(["sixteen bytes ok", "!"], Ends::Yes))]
    {
        let (response, seen) = call(&kest, layer.clone(), request(body)).await;
        assert_eq!(refusal(response).await, (413, "body_too_large"));
        assert!(seen.admissions.is_empty());
    }
}

/// Attack: a body that never ends holds its request, and the memory of what came so far, for ever.
#[tokio::test(start_paused = true)]
async fn body_that_never_ends_is_given_up() {
    let kest = kest();
    let layer = operation(&kest, |it| it).hash_body(16);
    let endless = Body::new(Pieces::of(["a", "b"], Ends::Never));
    let (response, seen) = call(&kest, layer, request(endless)).await;
    assert_eq!(refusal(response).await, (503, "took_too_long"));
    assert!(seen.admissions.is_empty());
}

/// Attack: what stands in trailers is behind the digest, so that it would be exchanged unnoticed.
#[tokio::test]
async fn trailers_that_no_digest_covers_are_refused() {
    let kest = kest();
    let layer = operation(&kest, |it| it).hash_body(16);
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-more"), "1".parse().unwrap())]);
    let body = Full::new(Bytes::from("all")).with_trailers(async move { Some(Ok(trailers)) });
    let (response, seen) = call(&kest, layer, request(Body::new(body))).await;
    assert_eq!(refusal(response).await, (400, "request_undescribed"));
    assert!(seen.admissions.is_empty());
}

/// A body that does not say how long it is.
struct Pieces {
    left: VecDeque<&'static str>,
    ends: Ends,
}

#[derive(Clone, Copy, PartialEq)]
enum Ends {
    Yes,
    Never,
}

impl Pieces {
    fn of<const COUNT: usize>(pieces: [&'static str; COUNT], ends: Ends) -> Self {
        Self { left: pieces.into(), ends }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))),
            None if self.ends == Ends::Yes => Poll::Ready(None),
            // Nothing wakes it: its sender has gone quiet.
            None => Poll::Pending,
        }
    }
}
