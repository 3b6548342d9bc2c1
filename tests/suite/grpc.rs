//! The layers around a tonic server: the standard health service, called by its own client.

use http::HeaderValue;
use kest_core::policy::policy_fn;
use kest_core::{Admitter, Operation};
use kest_identity::IdentityChoice;
use kest_tests::{forge, keys};
use kest_tower::{InboundLayer, OperationLayer, respond};
use tokio::net::TcpListener;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

async fn serve() -> String {
    let inbound = InboundLayer::builder(keys::ring())
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .respond(respond::grpc)
        .build();
    let operation = OperationLayer::new(
        Admitter::builder(keys::signer("service")).build(),
        Operation::named("grpc.health.v1.Health/Check").unwrap(),
        policy_fn("alice_only", |it| it.user() == Some("alice")).unwrap(),
    )
    .respond(respond::grpc);
    let (_reporter, health) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().layer(inbound).layer(operation).add_service(health);
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    origin
}

async fn check(origin: &str, baggage: Option<&str>) -> Result<i32, Code> {
    let mut client =
        HealthClient::new(Endpoint::from_shared(origin.to_owned()).unwrap().connect().await.unwrap());
    let mut request = Request::new(HealthCheckRequest { service: String::new() });
    if let Some(baggage) = baggage {
        let value = HeaderValue::from_str(baggage).unwrap();
        request.metadata_mut().insert("baggage", MetadataValue::try_from(value.as_bytes()).unwrap());
    }
    client.check(request).await.map(|answer| answer.into_inner().status).map_err(|status| status.code())
}

#[tokio::test]
async fn tonic_service_is_protected_and_refuses_in_its_own_tongue() {
    let origin = serve().await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let good = forge::inline(&entries, &forge::tip(&entries));
    let serving = 1;
    assert_eq!(check(&origin, Some(&good)).await, Ok(serving));
    assert_eq!(check(&origin, None).await, Err(Code::PermissionDenied));
    assert_eq!(check(&origin, Some("kest.chain_tip=0")).await, Err(Code::InvalidArgument));
    let forged = good.replace("kest.chain_tip=", "kest.chain_tip=0");
    assert_eq!(check(&origin, Some(&forged)).await, Err(Code::InvalidArgument));
    let strange = vec![forge::entry("gateway", 1, &[]).signed_by("orders").sign()];
    let strange = forge::inline(&strange, &forge::tip(&strange));
    assert_eq!(check(&origin, Some(&strange)).await, Err(Code::Unauthenticated));
}
