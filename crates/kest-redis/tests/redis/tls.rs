//! Encrypted connections: to the right authority and to no other.

use kest_baggage::PassportStore;
use kest_redis::{ConnectError, Redis};
use kest_servers::redis::RedisServer;

use crate::rig::{MINUTE, claim, passport};

#[tokio::test]
async fn server_of_the_right_authority_is_taken_and_of_another_is_not() {
    let server = RedisServer::settings().tls().password("secret").start().await;
    let other = RedisServer::settings().tls().start().await;
    let right = Redis::builder(server.url()).root_certificate(server.authority());
    let claims = right.connect().await.unwrap().passports();
    let it = claim();
    claims.put(&it, passport(), MINUTE).await.unwrap();
    assert_eq!(claims.get(&it).await.unwrap(), Some(passport()));
    let wrong = Redis::builder(server.url()).root_certificate(other.authority());
    assert!(matches!(wrong.connect().await.unwrap_err(), ConnectError::Unreachable(_)));
    // No authority that this machine trusts stands behind it.
    assert!(matches!(
        Redis::builder(server.url()).connect().await.unwrap_err(),
        ConnectError::Unreachable(_)
    ));
}

#[tokio::test]
async fn server_is_not_spoken_to_in_clear_when_tls_was_asked_for() {
    let server = RedisServer::start().await;
    let address = server.url().replace("redis://", "rediss://");
    let other = RedisServer::settings().tls().start().await;
    let error = Redis::builder(address).root_certificate(other.authority()).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_) | ConnectError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn text_without_a_certificate_is_no_authority() {
    for pem in ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let builder = Redis::builder("rediss://cache.example").root_certificate(pem);
        assert!(matches!(builder.connect_lazily().unwrap_err(), ConnectError::RootCertificates(_)), "{pem}");
    }
}
