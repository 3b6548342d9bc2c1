//! Access tokens by client credentials, signed in every way that we take.

use std::time::Duration;

use kest_core::{Clock, IdentitySource, SystemClock};
use kest_identity::{Algorithm, JwtAuthenticator, JwtAuthenticatorBuilder};
use kest_servers::issuer::Issuer;

use crate::client::{ORDERS, token};
use crate::forged;
use crate::service::{Service, check_refused, get};

#[tokio::test]
async fn issuer_and_audience_are_enough_to_take_a_token() {
    let issuer = Issuer::start().await;
    let builder = JwtAuthenticator::builder().issuer(issuer.address()).audience(ORDERS);
    let authenticator = builder.build().unwrap();
    let token = token(&issuer, Some(ORDERS)).await;
    assert_eq!(forged::read(&token)[0]["typ"], "at+jwt");

    let who = get(&authenticator, &format!("Bearer {token}"), &[]).await.unwrap();
    assert_eq!((who.source(), who.issuer()), (IdentitySource::Jwt, Some(issuer.address())));
    assert_eq!((who.subject(), who.user()), (Some("agent-1"), Some("agent-1")));
    assert_eq!((who.agent(), who.task()), (Some("agent-1"), Some("read write")));
    let scopes: Vec<_> = who.scopes().iter().map(|scope| &**scope).collect();
    assert_eq!(scopes, ["read", "write"]);
    assert!(who.roles().is_empty() && who.actors().is_empty());
    assert_eq!((who.tenant(), who.confirmation()), (None, None));
    let left = who.expires_at().unwrap().duration_since(SystemClock.now()).unwrap();
    assert!(left > Duration::from_secs(7000) && left <= Duration::from_secs(7200), "{left:?}");
}

#[tokio::test]
async fn signatures_of_every_algorithm_hold_and_only_over_what_was_signed() {
    let issuer = Issuer::start().await;
    let resource = |name: Algorithm| format!("https://{}.example/", name.as_str().to_lowercase());
    let service = Service::configured(&issuer, |builder| {
        Algorithm::ALL.into_iter().map(resource).fold(builder, JwtAuthenticatorBuilder::audience)
    })
    .await;
    for algorithm in Algorithm::ALL {
        let token = token(&issuer, Some(&resource(algorithm))).await;
        assert_eq!(forged::read(&token)[0]["alg"], algorithm.as_str());
        assert!(service.bearer(&token).await.is_ok(), "{algorithm}");
        let raised = forged::with_claim(&token, "scope", "read write delete");
        check_refused(service.bearer(&raised).await, "signature");
    }
    assert_eq!(service.authenticator.fetches(), 1);
}

#[tokio::test]
async fn metadata_of_an_authorization_server_will_do_where_there_are_none_of_openid() {
    let mut issuer = Issuer::start().await;
    issuer.hide_openid_metadata().await;
    let service = Service::trusting(&issuer).await;
    let token = token(&issuer, Some(ORDERS)).await;
    assert_eq!(service.bearer(&token).await.unwrap().issuer(), Some(issuer.address()));
}
