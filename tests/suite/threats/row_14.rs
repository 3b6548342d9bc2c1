//! A request without a token where one is required.

use kest_identity::{IdentityChoice, JwtAuthenticator};
use kest_tests::raw;
use kest_tests::service::{Service, Setup};
use three_services::issuer::Issuer;

/// The audience of every token here.
pub(super) const AUDIENCE: &str = "shop";

/// An issuer and a service that demands its tokens.
pub(super) async fn edge() -> (Issuer, Service) {
    let issuer = Issuer::start().await.unwrap();
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .accept_plain_jwt()
        .try_build()
        .unwrap();
    let service = Setup { identity: IdentityChoice::jwks(jwt), ..Setup::default() }.start().await;
    (issuer, service)
}

#[tokio::test]
async fn missing_token_is_challenged_without_an_error_code() {
    let (_issuer, service) = edge().await;
    let response = service.refused(&raw::call(), &[401]).await;
    assert_eq!(response.header("www-authenticate"), Some("Bearer"), "RFC 6750 section 3.1");
}

#[tokio::test]
async fn verified_passport_does_not_replace_a_required_token() {
    let (_issuer, service) = edge().await;
    let entries = vec![kest_tests::forge::Forge::entry("gateway", 1, &[]).sign()];
    let header = kest_tests::forge::inline(&entries, &kest_tests::forge::tip(&entries));
    let response = service.refused(&raw::call().baggage(header), &[401]).await;
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
}
