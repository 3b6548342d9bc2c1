//! What the issuer signed or gave, and is no access token for this service, or none any more.

use kest_servers::issuer::Issuer;
use serde_json::json;

use crate::client::{ORDERS, token};
use crate::forged;
use crate::service::{Service, check_refused};

#[tokio::test]
async fn token_for_another_service_is_refused() {
    let issuer = Issuer::start().await;
    let service = Service::trusting(&issuer).await;
    for resource in ["https://payments.example/", "https://es256.example/"] {
        check_refused(service.bearer(&token(&issuer, Some(resource)).await).await, "audience");
    }
    assert!(service.bearer(&token(&issuer, Some(ORDERS)).await).await.is_ok());
}

#[tokio::test]
async fn token_that_only_its_issuer_can_read_is_refused() {
    let issuer = Issuer::start().await;
    let service = Service::trusting(&issuer).await;
    let opaque = token(&issuer, None).await;
    assert!(!opaque.contains('.'));
    check_refused(service.bearer(&opaque).await, "not_compact");
}

#[tokio::test]
async fn token_of_another_issuer_of_the_same_make_is_refused() {
    let (ours, other) = (Issuer::start().await, Issuer::start().await);
    let service = Service::trusting(&ours).await;
    let token = token(&other, Some(ORDERS)).await;
    check_refused(service.bearer(&token).await, "issuer");
    let claimed = forged::with_claim(&token, "iss", ours.address());
    // Past the cool-down, which would only make this request wait.
    service.forward(2);
    check_refused(service.bearer(&claimed).await, "unknown_key");
}

/// The service lets people log in with this issuer, so that all of these are by its keys and name it in `aud`.
#[tokio::test]
async fn whatever_else_the_issuer_signs_for_the_service_is_no_access_token() {
    let mut issuer = Issuer::start().await;
    let strict = Service::trusting(&issuer).await;
    let lax = Service::configured(&issuer, |builder| builder.accept_plain_jwt()).await;
    let nothing = json!({});
    for (purpose, more, kind_where_plain_jwt_is_taken) in [
        ("idtoken", &json!({"nonce": "n-1"}), "id_token"),
        ("idtoken", &json!({"at_hash": "an access token"}), "id_token"),
        ("idtoken", &json!({"c_hash": "a code"}), "id_token"),
        ("logout", &json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}), "type"),
        ("userinfo", &nothing, "no_expiry"),
        ("introspection", &nothing, "type"),
    ] {
        let signed = issuer.sign(purpose, more).await;
        assert_eq!(forged::read(&signed)[1]["aud"], ORDERS);
        check_refused(strict.bearer(&signed).await, "type");
        check_refused(lax.bearer(&signed).await, kind_where_plain_jwt_is_taken);
        // The type is signed, too.
        let renamed = forged::with_header(&signed, "typ", "at+jwt");
        check_refused(strict.bearer(&renamed).await, "signature");
    }
}

#[tokio::test]
async fn forged_token_is_refused_although_every_word_of_it_was_once_real() {
    let issuer = Issuer::start().await;
    let service = Service::trusting(&issuer).await;
    let (first, second) = (token(&issuer, Some(ORDERS)).await, token(&issuer, Some(ORDERS)).await);
    let key_of_another_kind = forged::read(&token(&issuer, Some("https://rs256.example/")).await);
    let key_of_another_kind = key_of_another_kind[0]["kid"].as_str().unwrap();
    for (forged, kind) in [
        (forged::signed_as(&first, &second), "signature"),
        (forged::with_claim(&first, "sub", "admin"), "signature"),
        (forged::with_claim(&first, "client_id", "admin"), "signature"),
        (forged::with_header(&first, "kid", key_of_another_kind), "algorithm_of_key"),
        (forged::with_header(&first, "alg", "none"), "algorithm"),
        (forged::with_header(&first, "alg", "HS256"), "algorithm"),
        (forged::with_header(&first, "jku", "https://attacker.example/"), "own_key"),
    ] {
        check_refused(service.bearer(&forged).await, kind);
    }
    // What was refused has not spoilt what is real.
    assert!(service.bearer(&first).await.is_ok() && service.bearer(&second).await.is_ok());
}

#[tokio::test]
async fn token_is_taken_until_it_expires_and_not_after() {
    let issuer = Issuer::start().await;
    let service = Service::trusting(&issuer).await;
    let (used, unused) = (token(&issuer, Some(ORDERS)).await, token(&issuer, Some(ORDERS)).await);
    service.forward(7200 - 60);
    // So that its keys are not too old for either.
    service.authenticator.start().await.unwrap();
    assert!(service.bearer(&used).await.is_ok());
    service.forward(60 + 6);
    check_refused(service.bearer(&used).await, "expired");
    check_refused(service.bearer(&unused).await, "expired");
}
