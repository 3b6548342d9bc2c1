//! What else can be wrong with a token: its claims, its times, its shape, and the way it is presented.

use kest_core::Limits;
use kest_tests::raw;
use kest_tests::tokens::{AUDIENCE, NOW, TokenKey};
use serde_json::json;

use super::{attacked, check_changes};

#[tokio::test(start_paused = true)]
async fn wrong_audience() {
    check_changes(&[
        ("another", json!({}), json!({"aud": "other"})),
        ("several others", json!({}), json!({"aud": ["other", "another"]})),
        ("none of a list", json!({}), json!({"aud": []})),
        ("in upper case", json!({}), json!({"aud": AUDIENCE.to_uppercase()})),
        ("that begins like ours", json!({}), json!({"aud": format!("{AUDIENCE}ping")})),
        ("inside a text", json!({}), json!({"aud": format!("other {AUDIENCE}")})),
        ("inside an object", json!({}), json!({"aud": {AUDIENCE: AUDIENCE}})),
        ("beside a number", json!({}), json!({"aud": [AUDIENCE, 1]})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn expired() {
    check_changes(&[
        ("just now, beyond the leeway of 5 s", json!({}), json!({"exp": NOW - 5})),
        ("an hour ago", json!({}), json!({"exp": NOW - 3600, "iat": NOW - 7200})),
        ("in 1970", json!({}), json!({"exp": 0, "iat": 0})),
    ])
    .await;
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    edge.admit(&key.token_with(&json!({}), &json!({"exp": NOW - 4}))).await;
}

#[tokio::test(start_paused = true)]
async fn expired_since_it_was_admitted() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    let short = key.token_with(&json!({}), &json!({"exp": NOW + 60}));
    edge.admit(&short).await;
    edge.pass(std::time::Duration::from_secs(65)).await;
    edge.refuse("a token that is remembered", &raw::call().bearer(&short)).await;
    edge.admit(&key.token()).await;
}

#[tokio::test(start_paused = true)]
async fn not_yet_valid() {
    check_changes(&[
        ("nbf beyond the leeway of 5 s", json!({}), json!({"nbf": NOW + 6})),
        ("iat beyond the leeway of 5 s", json!({}), json!({"iat": NOW + 6})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_expiry() {
    check_changes(&[
        ("no exp", json!({}), json!({"exp": null})),
        ("exp as text", json!({}), json!({"exp": (NOW + 100).to_string()})),
        ("exp in a list", json!({}), json!({"exp": [NOW + 100]})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn other_algorithm_of_the_same_key() {
    check_changes(&[
        ("lower case", json!({"alg": "rs256"}), json!({})),
        ("another hash", json!({"alg": "RS512"}), json!({})),
        ("another kind of key", json!({"alg": "EdDSA"}), json!({})),
        ("none at all", json!({"alg": null}), json!({})),
        ("a list", json!({"alg": ["RS256"]}), json!({})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_key_under_the_same_id() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    let attacker = TokenKey::ed25519("key-1", 66);
    edge.refuse("another key", &raw::call().bearer(&attacker.token())).await;
    let (good, other) = (key.token(), key.token_with(&json!({}), &json!({"sub": "root"})));
    let (signed, signature) = (other.rsplit_once('.').unwrap().0, good.rsplit_once('.').unwrap().1);
    edge.refuse("signature of other claims", &raw::call().bearer(&format!("{signed}.{signature}"))).await;
}

#[tokio::test(start_paused = true)]
async fn oversize() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    let token = |bytes: usize| key.token_with(&json!({}), &json!({"padding": "p".repeat(bytes)}));
    let limit = Limits::default().token_bytes;
    // Three bytes of claims are four of the token; the rest of it takes less than 600.
    let (long, short) = (token(limit / 4 * 3), token(limit / 4 * 3 - 450));
    assert!(long.len() > limit && short.len() <= limit, "{} and {}", long.len(), short.len());
    edge.admit(&short).await;
    edge.refuse("a little over the limit", &raw::call().bearer(&long)).await;
    edge.refuse("twice the limit", &raw::call().bearer(&token(2 * limit))).await;
}

#[tokio::test(start_paused = true)]
async fn five_parts() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    let good = key.token();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{good}") };
    let in_standard = signature.replace('-', "+").replace('_', "/");
    assert_ne!(in_standard, signature);
    for (attack, token) in [
        ("five parts", format!("{good}.e30.e30")),
        ("five parts, as a jwe has them", format!("{header}..{claims}.{signature}.")),
        ("four parts", format!("{good}.e30")),
        ("an empty fourth part", format!("{good}.")),
        ("two parts", format!("{header}.{claims}")),
        ("one part", header.to_owned()),
        ("dots", "..".to_owned()),
        ("padding", format!("{good}==")),
        ("standard base64", format!("{header}.{claims}.{in_standard}")),
        ("a blank before the signature", format!("{header}.{claims}. {signature}")),
        ("a blank at the end", format!("{good} .")),
    ] {
        edge.refuse(attack, &raw::call().bearer(&token)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn empty_bearer_and_other_schemes() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = attacked(&key).await;
    let good = key.token();
    for (attack, value) in [
        ("twice the scheme", format!("Bearer Bearer {good}")),
        ("two tokens", format!("Bearer {good} {good}")),
        ("two credentials in a line", format!("Bearer {good}, bearer {good}")),
        ("a tab behind the blank", format!("bearer \t{good}")),
    ] {
        edge.refuse(attack, &raw::call().header("authorization", value)).await;
    }
    for (attack, value) in [
        ("empty bearer", "Bearer ".to_owned()),
        ("bearer without a blank", "Bearer".to_owned()),
        ("nothing", String::new()),
        ("a tab", format!("Bearer\t{good}")),
        ("a colon", format!("Bearer: {good}")),
        ("no scheme", good.clone()),
        ("other scheme", "Basic YWxpY2U6eA==".to_owned()),
        ("other scheme with a good token", format!("Token {good}")),
        ("dpop where nothing is bound", format!("DPoP {good}")),
    ] {
        edge.refuse_scheme(attack, &raw::call().header("authorization", value)).await;
    }
    for elsewhere in ["proxy-authorization", "x-forwarded-access-token", "cookie"] {
        let response =
            edge.service.refused(&raw::call().header(elsewhere, format!("Bearer {good}")), &[401]).await;
        assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{elsewhere}");
    }
    let in_query = raw::to(&format!("/call?access_token={good}"));
    let response = edge.service.refused(&in_query, &[401]).await;
    assert_eq!(response.header("www-authenticate"), Some("Bearer"), "RFC 6750 section 2.3 is not spoken");
    edge.admit(&good).await;
    // RFC 9110 section 11.1: no attack.
    for scheme in ["bearer ", "BEARER ", "Bearer  "] {
        edge.service.admitted(&raw::call().header("authorization", format!("{scheme}{good}"))).await;
    }
}
