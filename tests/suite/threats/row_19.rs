//! The inbound request's token and cookies on an outgoing request that the handler did not put there.

use axum::Router;
use axum::routing::post;
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admitter, Operation};
use kest_identity::IdentityChoice;
use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
use kest_tests::{forge, keys, raw};
use kest_tower::{InboundLayer, OperationLayer};
use tokio::net::TcpListener;

use crate::outbound::Recorder;

#[tokio::test]
async fn inbound_token_and_cookie_are_not_forwarded() {
    let next = Recorder::start().await;
    let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .client(reqwest::Client::builder())
        .unwrap();
    let url = next.url("/next");
    let handler = async move || client.post(url).send().await.unwrap().status().to_string();
    let router = Router::new()
        .route("/call", post(handler))
        .layer(OperationLayer::new(
            Admitter::builder(keys::signer("service")).build(),
            Operation::named("call").unwrap(),
            dangerous_allow_all(),
        ))
        .layer(
            InboundLayer::builder(keys::ring())
                .identity(IdentityChoice::from_lineage())
                .dangerous_bearer_passports()
                .build(),
        );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let response = raw::call()
        .baggage(format!("{},secret=1", forge::inline(&entries, &forge::tip(&entries))))
        .bearer("inbound-token")
        .header("cookie", "session=inbound-cookie")
        .header("x-api-key", "inbound-key")
        .send(address)
        .await;
    assert_eq!(response.status, 200);
    let requests = next.requests();
    assert_eq!(requests.len(), 1);
    let sent = format!("{:?}", requests[0]);
    assert!(requests[0].contains_key("baggage") && !sent.contains("inbound-"), "{sent}");
    let baggage = requests[0]["baggage"].to_str().unwrap();
    assert!(!baggage.contains("kest.jwt") && !baggage.contains("secret"), "{baggage}");
}
