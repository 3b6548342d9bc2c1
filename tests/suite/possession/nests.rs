//! Proofs in nested routers are for the address that was asked for, wherever the layer stands.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use kest_identity::IdentityChoice;
use kest_testkit::TestClock;
use kest_tests::keys;
use kest_tests::raw;
use kest_tower::InboundLayer;
use serde_json::json;
use three_services::issuer::Issuer;
use tokio::net::TcpListener;

use super::api::{authenticator, settings, token_of};
use super::holder::Holder;

/// `/api/v1/call` and `/other/v1/call`, with the layer on the inner router, the one between, or around all.
fn app(place: usize, layer: &InboundLayer) -> Router {
    let layered =
        |router: Router, here: usize| if place == here { router.layer(layer.clone()) } else { router };
    let inner =
        layered(Router::new().route("/call", post(async || "called").route_layer(kest_tower::public())), 0);
    let version = layered(Router::new().nest("/v1", inner), 1);
    layered(Router::new().nest("/api", version.clone()).nest("/other", version), 2)
}

#[tokio::test]
async fn proof_is_for_the_whole_address_in_around_and_between_nested_routers() {
    for place in 0..3 {
        let (issuer, owner) = (Issuer::start().await.unwrap(), Holder::new(1));
        let jwt = authenticator(&issuer, Arc::new(TestClock::default()), settings()).await;
        let layer = InboundLayer::builder(keys::ring()).identity(IdentityChoice::jwks(jwt)).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(place, &layer);
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let token = token_of(&issuer, &json!({"jkt": owner.thumbprint()}));
        for (number, (htu, status)) in [
            ("https://test/api/v1/call", 200),
            ("https://test/api/v1/%63all?x=1", 200),
            ("https://test/call", 401),
            ("https://test/v1/call", 401),
            ("https://test/other/v1/call", 401),
            ("https://test/api/v1/call/", 401),
            ("https://test/api//v1/call", 401),
            ("https://test/api/v1/x/../call", 401),
        ]
        .into_iter()
        .enumerate()
        {
            let proof = owner.proof_with(&token, &json!({"htu": htu, "jti": format!("proof-{number}")}));
            let request = raw::to("/api/v1/call").header("authorization", format!("DPoP {token}"));
            let answer = request.header("dpop", proof).send(address).await;
            assert_eq!(answer.status, status, "{htu} with the layer at {place}");
        }
        serving.abort();
    }
}
