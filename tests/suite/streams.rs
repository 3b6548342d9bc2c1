//! What a handler still does while its answer is written belongs to the lineage of the request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use kest_baggage::{current_admission, current_arrival};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Operation};
use kest_identity::IdentityChoice;
use kest_tests::forge;
use kest_tests::{keys, raw};
use kest_tower::{InboundLayer, OperationLayer, public};
use tokio::net::TcpListener;

fn seen() -> String {
    let of =
        |admission: Admission| format!("{} by {}", admission.passport().len(), admission.operation_name());
    match (current_admission().map(of), current_arrival()) {
        (Some(admitted), _) => admitted,
        (None, Some(_)) => "arrived".to_owned(),
        (None, None) => "nothing".to_owned(),
    }
}

/// A stream that notes for whom it works whenever its code runs.
struct Words {
    left: usize,
    notes: Notes,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Notes {
    fn note(&self, when: &'static str) {
        self.0.lock().unwrap().push((when, seen()));
    }
}

impl http_body::Body for Words {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.notes.note("poll");
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        context.waker().wake_by_ref();
        Poll::Ready(Some(Ok(Frame::data(format!("{};", seen()).into()))))
    }

    fn size_hint(&self) -> SizeHint {
        self.notes.note("size");
        SizeHint::default()
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        self.notes.note("drop");
    }
}

async fn serve(notes: Notes) -> std::net::SocketAddr {
    let operation = |name: &str| {
        let operation = Operation::named(name.to_owned()).unwrap();
        OperationLayer::new(keys::kest("service"), operation, dangerous_allow_all())
    };
    let words = move || {
        let notes = notes.clone();
        async move || Body::new(Words { left: 3, notes })
    };
    let router = Router::new()
        .route("/call", post(words()).route_layer(operation("stream")))
        .route("/twice", post(words()).route_layer(operation("inner")).route_layer(operation("outer")))
        .route("/public", post(words()).route_layer(public()))
        .route("/quick", get(async || "quick").route_layer(operation("quick")))
        .layer(
            InboundLayer::builder(keys::ring())
                .identity(IdentityChoice::from_lineage())
                .dangerous_bearer_passports()
                .build(),
        );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn check(path: &str, expected: &str) {
    let notes = Notes::default();
    let address = serve(notes.clone()).await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    let response = raw::to(path).baggage(header).send(address).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.body.matches(&format!("{expected};")).count(), 3, "{}", response.body);
    let notes = notes.0.lock().unwrap().clone();
    for (when, seen) in &notes {
        assert_eq!(seen, expected, "{when}");
    }
    for when in ["poll", "size", "drop"] {
        assert!(notes.iter().any(|(known, _)| *known == when), "{when}");
    }
}

#[tokio::test]
async fn streamed_body_is_written_under_the_operation_that_answers() {
    check("/call", "2 by stream").await;
}

#[tokio::test]
async fn streamed_body_belongs_to_the_innermost_operation() {
    check("/twice", "3 by inner").await;
}

#[tokio::test]
async fn streamed_body_of_a_public_route_belongs_to_the_request_that_arrived() {
    check("/public", "arrived").await;
}

#[tokio::test]
async fn streams_of_several_requests_never_mix() {
    let notes = Notes::default();
    let address = serve(notes).await;
    let one = async |length: u16| {
        let mut entries = vec![forge::entry("gateway", 1, &[]).sign()];
        for number in 2..=length {
            let parent = entries.last().unwrap().clone();
            entries.push(forge::entry("gateway", number, &[&parent]).sign());
        }
        let header = forge::inline(&entries, &forge::tip(&entries));
        let response = raw::call().baggage(header).send(address).await;
        let expected = format!("{} by stream;", length + 1);
        assert_eq!(response.body.matches(&expected).count(), 3, "{}", response.body);
    };
    tokio::join!(one(1), one(2), one(3), one(4));
}
