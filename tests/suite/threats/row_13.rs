//! Key sets that are down, silent or gone, through the whole stack. kest-identity's own tests try many more.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::{Attested, Authenticate, AuthenticateError, Evidence, Limits};
use kest_identity::{IdentityChoice, JwtAuthenticator};
use kest_tests::raw;
use kest_tests::service::{Service, Setup};
use three_services::issuer::Issuer;
use tokio::net::TcpListener;

use super::row_14::{AUDIENCE, edge};

fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.key_fetch_wait = Duration::from_millis(50);
    limits.key_wait = Duration::from_millis(50);
    limits.arrival_wait = Duration::from_millis(200);
    limits
}

/// A service whose key set is at `uri`, and a token that its issuer signed.
async fn with_keys_at(uri: String) -> (Service, String) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(AUDIENCE, "alice", "web", "read").unwrap();
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(uri)
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .accept_plain_jwt()
        .limits(impatient())
        .try_build()
        .unwrap();
    let identity = IdentityChoice::jwks(jwt);
    (Setup { identity, limits: impatient(), ..Setup::default() }.start().await, token)
}

#[tokio::test]
async fn token_is_not_believed_while_the_key_set_is_down_at_start() {
    // A port that was free a moment ago and that nobody listens on.
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let (service, token) = with_keys_at(format!("http://{free}/jwks.json")).await;
    service.refused(&raw::call().bearer(&token), &[503]).await;
}

#[tokio::test]
async fn token_is_not_believed_while_the_key_set_is_silent() {
    // It takes connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (service, token) = with_keys_at(format!("http://{}/jwks.json", silent.local_addr().unwrap())).await;
    service.refused(&raw::call().bearer(&token), &[503]).await;
}

#[tokio::test]
async fn known_keys_serve_after_the_issuer_is_gone() {
    let (issuer, service) = edge().await;
    let token = issuer.token(AUDIENCE, "alice", "web", "read").unwrap();
    service.admitted(&raw::call().bearer(&token)).await;
    drop(issuer);
    assert_eq!(service.admitted(&raw::call().bearer(&token)).await["user"], "alice");
}

#[tokio::test]
async fn mechanism_that_never_answers_does_not_hold_the_request() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait]
    impl Authenticate for Silent {
        async fn attest(&self, _: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
            std::future::pending().await
        }
    }
    let identity = IdentityChoice::mechanism(Arc::new(Silent));
    let service = Setup { identity, limits: impatient(), ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[503]).await;
}
