//! RFC 9449 over HTTP: a token that is bound to a key is worth nothing without the key.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kest_tests::logs::Logs;
use kest_tests::raw;
use kest_tests::service::Setup;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::api::{Api, BAD_PROOF, BAD_TOKEN, USE_NONCE, bound, call, settings};
use super::holder::{ADDRESS, Holder, NOW};

#[tokio::test]
async fn token_with_the_proof_of_its_owner_is_admitted() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    let seen = api.service.admitted(&call(&token, &owner.proof(&token))).await;
    assert_eq!((&seen["user"], &seen["source"]), (&json!("alice"), &json!("jwt")));
    assert_eq!(api.service.signatures(), 1);
}

#[tokio::test]
async fn request_without_credentials_is_told_how_and_of_no_error() {
    let api = Api::start().await;
    api.refused(&raw::call(), r#"DPoP algs="EdDSA ES256""#).await;
    let proof = Holder::new(1).proof("");
    api.refused(&raw::call().header("dpop", proof), r#"DPoP algs="EdDSA ES256""#).await;
}

#[tokio::test]
async fn stolen_token_without_a_proof_is_refused() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    api.refused(&bound(&token), BAD_PROOF).await;
    api.service.admitted(&call(&token, &owner.proof(&token))).await;
    api.refused(&bound(&token), BAD_PROOF).await;
}

#[tokio::test]
async fn stolen_token_as_a_bearer_token_is_refused_also_when_it_is_remembered() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    api.refused(&raw::call().bearer(&token), BAD_TOKEN).await;
    let proof = owner.proof(&token);
    api.refused(&raw::call().bearer(&token).header("dpop", &proof), BAD_TOKEN).await;
    api.service.admitted(&call(&token, &proof)).await;
    api.refused(&raw::call().bearer(&token), BAD_TOKEN).await;
}

#[tokio::test]
async fn token_that_is_not_bound_is_refused_with_and_without_a_proof() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token(&Value::Null);
    api.refused(&raw::call().bearer(&token), BAD_TOKEN).await;
    api.refused(&call(&token, &owner.proof(&token)), BAD_TOKEN).await;
}

#[tokio::test]
async fn stolen_token_with_a_proof_by_the_key_of_the_thief_is_refused() {
    let (api, owner, thief) = (Api::start().await, Holder::new(1), Holder::new(2));
    let token = api.token_for(&owner);
    api.refused(&call(&token, &thief.proof(&token)), BAD_PROOF).await;
    api.service.admitted(&call(&token, &owner.proof(&token))).await;
}

#[tokio::test]
async fn stolen_proof_with_the_token_of_the_thief_is_refused() {
    let (api, owner, thief) = (Api::start().await, Holder::new(1), Holder::new(2));
    let proof = owner.proof(&api.token_for(&owner));
    api.refused(&call(&api.token_for(&thief), &proof), BAD_PROOF).await;
    // Nor is one for another token of the same owner.
    let for_another = owner.proof("a.b.c");
    api.refused(&call(&api.token_for(&owner), &for_another), BAD_PROOF).await;
}

#[tokio::test]
async fn proof_for_another_method_address_or_time_is_refused() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    for changes in [
        json!({"htm": "GET"}),
        json!({"htm": "post"}),
        json!({"htu": "https://evil.example/call"}),
        json!({"htu": "https://test/other"}),
        json!({"htu": "https://test/call/"}),
        json!({"htu": "https://test/call/../call"}),
        json!({"htu": "https://test:8443/call"}),
        json!({"htu": "https://test@evil.example/call"}),
        json!({"htu": "http://test/call"}),
        json!({"htu": "/call"}),
        json!({"iat": NOW - 61}),
        json!({"iat": NOW + 6}),
        json!({"iat": null}),
        json!({"jti": ""}),
        json!({"ath": null}),
    ] {
        api.refused(&call(&token, &owner.proof_with(&token, &changes)), BAD_PROOF).await;
    }
    api.service.admitted(&call(&token, &owner.proof(&token))).await;
}

#[tokio::test]
async fn proof_that_was_kept_for_later_is_refused_once_it_is_old() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    let stolen = call(&token, &owner.proof(&token));
    api.clock.advance(Duration::from_secs(61));
    api.refused(&stolen, BAD_PROOF).await;
}

#[tokio::test]
async fn two_proofs_are_refused_in_any_order_and_in_one_line() {
    let (api, owner, thief) = (Api::start().await, Holder::new(1), Holder::new(2));
    let token = api.token_for(&owner);
    let (good, bad) = (owner.proof(&token), thief.proof(&token));
    for (first, second) in [(&good, &bad), (&bad, &good), (&good, &good)] {
        api.refused(&call(&token, first).header("dpop", second), BAD_PROOF).await;
        api.refused(&call(&token, &format!("{first}, {second}")), BAD_PROOF).await;
    }
    api.service.admitted(&call(&token, &good)).await;
}

#[tokio::test]
async fn two_credentials_are_refused_although_one_has_its_proof() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    let request = call(&token, &owner.proof(&token));
    api.refused(&request.clone().bearer(&token), BAD_TOKEN).await;
    api.refused(&request.header("authorization", "Basic YWxpY2U6eA=="), BAD_TOKEN).await;
}

#[tokio::test]
async fn proof_without_our_nonce_is_answered_with_one_that_works_once_and_not_for_ever() {
    let api = Api::with(settings().require_nonce(), Setup::default()).await;
    let owner = Holder::new(1);
    let token = api.token_for(&owner);
    let answer = api.refused(&call(&token, &owner.proof(&token)), USE_NONCE).await;
    let nonce = answer.header("dpop-nonce").unwrap().to_owned();
    let with = |nonce: &str, id: &str, iat: u64| {
        call(&token, &owner.proof_with(&token, &json!({"nonce": nonce, "jti": id, "iat": iat})))
    };
    api.service.admitted(&with(&nonce, "proof-2", NOW)).await;
    let replayed = api.refused(&with(&nonce, "proof-2", NOW), BAD_PROOF).await;
    assert_eq!(replayed.header("dpop-nonce"), None);
    let made_up = api.refused(&with("bm9uY2U", "proof-3", NOW), USE_NONCE).await;
    assert_eq!(made_up.header("dpop-nonce"), Some(nonce.as_str()));
    api.clock.advance(Duration::from_secs(240));
    let old = api.refused(&with(&nonce, "proof-4", NOW + 240), USE_NONCE).await;
    let next = old.header("dpop-nonce").unwrap();
    assert_ne!(next, nonce);
    api.service.admitted(&with(next, "proof-4", NOW + 240)).await;
    assert_eq!(api.service.signatures(), 2);
}

#[tokio::test]
async fn behind_a_proxy_the_public_origin_counts_and_not_the_host_that_the_client_named() {
    let settings = settings().origins(["https://api.example", "https://api.example:8443"]);
    let (api, owner) = (Api::with(settings, Setup::default()).await, Holder::new(1));
    let token = api.token_for(&owner);
    let at =
        |address: &str| call(&token, &owner.proof_with(&token, &json!({"htu": address, "jti": address})));
    for address in ["https://api.example/call", "https://api.example:8443/call?page=2"] {
        api.service.admitted(&at(address)).await;
    }
    for address in [ADDRESS, "https://evil.example/call", "http://api.example/call", "https://api.example/"] {
        api.refused(&at(address), BAD_PROOF).await;
        let led_astray =
            at(address).header("x-forwarded-host", "test").header("forwarded", "host=evil.example");
        api.refused(&led_astray, BAD_PROOF).await;
    }
}

#[tokio::test]
async fn over_http2_the_authority_counts_and_no_host_header_beside_it() {
    let (api, owner) = (Api::start().await, Holder::new(1));
    let token = api.token_for(&owner);
    let stream = TcpStream::connect(api.service.address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut answers = Vec::new();
    for address in [ADDRESS, "https://evil.example/call"] {
        let proof = owner.proof_with(&token, &json!({"htu": address, "jti": address}));
        let request = Request::post("http://test/call")
            .header("host", "evil.example")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof);
        client.ready().await.unwrap();
        let response = client.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        answers.push(response.status());
    }
    connection.abort();
    assert_eq!(answers, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
    assert_eq!((api.service.runs(), api.service.signatures()), (1, 1));
}

#[tokio::test]
async fn nothing_of_a_refused_proof_is_logged() {
    let (logs, _guard) = Logs::keep();
    let (api, owner, thief) = (Api::start().await, Holder::new(1), Holder::new(2));
    let token = api.token_for(&owner);
    for proof in [thief.proof(&token), owner.proof_with(&token, &json!({"htu": "https://evil.example/call"}))]
    {
        api.refused(&call(&token, &proof), BAD_PROOF).await;
        let parts: Vec<_> = token.split('.').chain(proof.split('.')).collect();
        let text = logs.text();
        assert!(text.contains("proof_"), "{text}");
        for content in parts.into_iter().chain(["evil.example", "proof-1"]) {
            assert!(!text.contains(content), "{content} is in {text}");
        }
    }
}
