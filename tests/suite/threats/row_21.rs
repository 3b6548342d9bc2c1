//! Many users at once on one connection and one runtime: contexts never mix, spawned work starts without one.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use kest_baggage::{current_user, run_admitted};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admitter, Operation};
use kest_identity::IdentityChoice;
use kest_tests::{forge, keys};
use kest_tower::{InboundLayer, OperationLayer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Says whom the ambient context names, many times over, and what spawned work sees.
async fn who() -> String {
    let first = current_user();
    for _ in 0..20 {
        tokio::task::yield_now().await;
        assert_eq!(current_user(), first, "the context changed under a handler");
    }
    let bare = tokio::spawn(async { current_user() }).await.unwrap();
    assert_eq!(bare, None, "spawned work starts without a context");
    let admission = kest_baggage::current_admission().unwrap();
    let given = tokio::spawn(run_admitted(admission, async |_| current_user())).await.unwrap();
    assert_eq!(given, first, "spawned work that was given the admission has it");
    first.unwrap_or_default()
}

fn request_of(user: usize) -> String {
    let identity = format!(r#"{{"agent":null,"task":null,"user":"user-{user}"}}"#);
    let number = u16::try_from(user).unwrap();
    let entries = vec![forge::entry("gateway", number, &[]).label("kest.identity", &identity).sign()];
    forge::inline(&entries, &forge::tip(&entries))
}

async fn serve() -> String {
    let router = Router::new()
        .route("/call", post(who))
        .layer(OperationLayer::new(
            Admitter::builder(keys::signer("service")).build(),
            Operation::named("who").unwrap(),
            dangerous_allow_all(),
        ))
        .layer(
            InboundLayer::builder(keys::ring())
                .identity(IdentityChoice::from_lineage())
                .dangerous_bearer_passports()
                .build(),
        );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}/call", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_users_on_one_connection_never_mix() {
    let url = serve().await;
    // HTTP/2 from the first byte: one connection for all of them.
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let mut calls = JoinSet::new();
    for user in 0..300 {
        let call = client.post(&url).header("baggage", request_of(user)).send();
        // Some callers go away in the middle; many resets at once would make hyper close the connection.
        let cancelled = user % 30 == 2;
        let running = calls.spawn(async move {
            let text = call.await.unwrap().error_for_status().unwrap().text().await.unwrap();
            assert_eq!(text, format!("user-{user}"));
        });
        if cancelled {
            tokio::task::yield_now().await;
            running.abort();
        }
    }
    let mut answered = 0;
    while let Some(call) = calls.join_next().await {
        match call {
            Ok(()) => answered += 1,
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    assert!(answered >= 290, "{answered}");
    let last = client.post(&url).header("baggage", request_of(999)).send().await.unwrap();
    assert_eq!(last.text().await.unwrap(), "user-999", "the service still answers");
}

#[tokio::test]
async fn context_does_not_outlive_its_operation() {
    let admission = keys::chain(1).await;
    assert!(kest_baggage::current_admission().is_none());
    let inside =
        Arc::new(run_admitted(admission, async |_| kest_baggage::current_admission().is_some()).await);
    assert!(*inside && kest_baggage::current_admission().is_none());
}
