//! Tokens that bring their key along, or say where to fetch it: an attacker's server that is never connected to.

use kest_testkit::{HttpAnswer as Answer, TestServer};
use kest_tests::raw;
use kest_tests::tokens::TokenKey;
use serde_json::{Value, json};

use super::attacked;

/// Plays `header` over a token of the attacker's key, which holds where the key is taken from there, and over one of
/// the issuer's key, which holds where it is overlooked.
async fn check(attack: &str, header: impl FnOnce(&TestServer, &TokenKey) -> Value) {
    let (genuine, attacker) = (TokenKey::rsa("key-1"), TokenKey::rsa("key-1"));
    let lure = TestServer::answering(Answer::keys(&[attacker.jwk()]));
    let edge = attacked(&genuine).await;
    let header = header(&lure, &attacker);
    for (whose, key) in [("attacker's", &attacker), ("issuer's", &genuine)] {
        let token = key.token_with(&header, &json!({}));
        edge.refuse(&format!("{attack} by the {whose} key"), &raw::call().bearer(&token)).await;
    }
    edge.admit(&genuine.token_numbered(0)).await;
    assert_eq!(lure.connections(), 0, "{attack}: a token cannot say where to go");
    assert_eq!(edge.issuer.requests(), 1, "{attack}");
}

#[tokio::test(start_paused = true)]
async fn jku_of_the_attacker() {
    check("jku", |lure, _| json!({"jku": lure.at("/jwks.json")})).await;
}

#[tokio::test(start_paused = true)]
async fn jku_of_the_attacker_under_another_key_id() {
    let (genuine, attacker) = (TokenKey::ed25519("key-1", 1), TokenKey::ed25519("key-2", 66));
    let lure = TestServer::answering(Answer::keys(&[attacker.jwk()]));
    let edge = attacked(&genuine).await;
    for name in ["jku", "x5u", "kid", "iss"] {
        let token = attacker.token_with(&json!({ name: lure.at("/jwks.json") }), &json!({}));
        edge.refuse(name, &raw::call().bearer(&token)).await;
    }
    let token = attacker
        .token_with(&json!({}), &json!({"iss": lure.at("/jwks.json"), "jwks_uri": lure.at("/jwks.json")}));
    edge.refuse("issuer of the attacker", &raw::call().bearer(&token)).await;
    assert_eq!(lure.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn x5u_of_the_attacker() {
    check("x5u", |lure, _| json!({"x5u": lure.at("/jwks.json")})).await;
}

#[tokio::test(start_paused = true)]
async fn jwk_of_the_attacker() {
    check("jwk", |_, attacker| json!({"jwk": attacker.jwk()})).await;
}

#[tokio::test(start_paused = true)]
async fn x5c_of_the_attacker() {
    let certified = rcgen::generate_simple_self_signed(["issuer.example".to_owned()]).unwrap();
    let certificate =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certified.cert.der());
    check("x5c", move |_, _| json!({ "x5c": [certificate] })).await;
}
