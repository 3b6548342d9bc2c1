//! Scopes and roles of the caller's own token, asked for by a layer before any policy: RFC 6750 and RFC 9728.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use kest_identity::{ClaimNames, IdentityChoice, JwtAuthenticator, ResourceMetadata, WithoutToken};
use kest_tests::{keys, raw};
use kest_tower::{GuardLayer, InboundLayer};
use serde_json::{Value, json};
use three_services::issuer::Issuer;
use tokio::net::TcpListener;

const AUDIENCE: &str = "shop";

/// A service whose one route needs a scope and a role.
async fn service(issuer: &Issuer, without: WithoutToken) -> SocketAddr {
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .claims(ClaimNames::default())
        .without_token(without)
        .accept_plain_jwt()
        .try_build()
        .unwrap();
    let guard = GuardLayer::scopes(["orders:read", "orders:write"]).unwrap().roles(["clerk"]).realm("shop");
    let metadata = ResourceMetadata::of("https://orders.example").unwrap().scopes(["orders:read"]);
    let router = Router::new()
        .route("/call", post(async || "done").route_layer(guard))
        .layer(InboundLayer::builder(keys::ring()).identity(IdentityChoice::jwks(jwt)).build())
        .merge(kest::axum::protected_resource(&metadata).unwrap())
        .route("/unguarded", get(async || "ok"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn check(claims: Value, status: u16, challenge: Option<&str>) {
    let issuer = Issuer::start().await.unwrap();
    let address = service(&issuer, WithoutToken::Refuse).await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut all =
        json!({"iss": issuer.name(), "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = issuer.sign(&all).unwrap();
    let response = raw::call().bearer(&token).send(address).await;
    assert_eq!((response.status, response.header("www-authenticate")), (status, challenge), "{claims}");
    assert_eq!(response.body.is_empty(), status != 200, "{claims}");
}

#[tokio::test]
async fn caller_with_every_scope_and_role_gets_through() {
    let claims = json!({"scope": "orders:write profile orders:read", "roles": ["clerk", "auditor"]});
    check(claims, 200, None).await;
}

#[tokio::test]
async fn caller_who_lacks_a_scope_is_told_which_are_needed() {
    let challenge = "Bearer realm=\"shop\", error=\"insufficient_scope\", scope=\"orders:read orders:write\"";
    for scope in ["orders:read", "orders:write", "orders:read orders:writer", "orders:READ orders:write", ""]
    {
        check(json!({"scope": scope, "roles": ["clerk"]}), 403, Some(challenge)).await;
    }
    check(json!({"roles": ["clerk", "orders:read", "orders:write"]}), 403, Some(challenge)).await;
}

#[tokio::test]
async fn caller_who_lacks_a_role_is_refused_without_a_challenge() {
    let scope = "orders:read orders:write";
    check(json!({"scope": scope}), 403, None).await;
    check(json!({"scope": format!("{scope} clerk"), "roles": ["Clerk", "clerks"]}), 403, None).await;
}

#[tokio::test]
async fn who_brings_no_token_is_told_what_to_bring_without_an_error_code() {
    let issuer = Issuer::start().await.unwrap();
    let address = service(&issuer, WithoutToken::Anonymous).await;
    let response = raw::call().send(address).await;
    let challenge = response.header("www-authenticate");
    assert_eq!((response.status, response.body.as_str()), (401, ""));
    assert_eq!(challenge, Some("Bearer realm=\"shop\", scope=\"orders:read orders:write\""));
}

#[tokio::test]
async fn guard_without_inbound_layer_refuses_everything() {
    let guard = GuardLayer::scopes(["orders:read"]).unwrap();
    let router: Router = Router::new().route("/call", post(async || "done").route_layer(guard));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let response = raw::call().send(address).await;
    assert_eq!((response.status, response.body.as_str()), (500, ""));
}

#[test]
fn scope_that_could_break_out_of_its_quotes_is_refused() {
    for wrong in ["", "a b", "a\"b", "a\\b", "a\nb", "ä"] {
        assert!(GuardLayer::scopes([wrong]).is_err(), "{wrong}");
    }
    assert!(GuardLayer::scopes(["urn:x:orders/read!#$%&'()*+,-.:;<=>?@[]^_`{|}~"]).is_ok());
}

#[tokio::test]
async fn metadata_is_served_to_whoever_has_no_token_yet() {
    let issuer = Issuer::start().await.unwrap();
    let address = service(&issuer, WithoutToken::Refuse).await;
    let url = format!("http://{address}/.well-known/oauth-protected-resource");
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(document["resource"], "https://orders.example");
    assert_eq!(document["scopes_supported"], json!(["orders:read"]));
}
