//! Tokens that are not what they seem, through the whole stack. kest-identity's own tests try many more.

use std::time::Duration;

use kest_tests::raw::{self, RawRequest};
use serde_json::json;

use super::row_14::{AUDIENCE, edge};

#[tokio::test]
async fn good_token_is_admitted_and_its_claims_are_mapped() {
    let (issuer, service) = edge().await;
    let token = issuer.token(AUDIENCE, "alice", "web", "orders:read").unwrap();
    let seen = service.admitted(&raw::call().bearer(&token)).await;
    assert_eq!(
        (&seen["user"], &seen["agent"], &seen["task"]),
        (&json!("alice"), &json!("web"), &json!("orders:read"))
    );
    assert_eq!((&seen["source"], &seen["issuer"]), (&json!("jwt"), &json!(issuer.name())));
}

#[tokio::test]
async fn bad_tokens_are_refused_with_a_bearer_challenge() {
    let (issuer, service) = edge().await;
    let good = issuer.token(AUDIENCE, "alice", "web", "orders:read").unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = |change: serde_json::Value| {
        let mut claims = json!({"iss": issuer.name(), "aud": AUDIENCE, "sub": "alice", "exp": now + 300});
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        issuer.sign(&claims).unwrap()
    };
    let parts: Vec<&str> = good.split('.').collect();
    let header = |header: serde_json::Value| {
        let header =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header.to_string());
        format!("{header}.{}.{}", parts[1], parts[2])
    };
    let unsigned = |header_of: serde_json::Value| {
        let token = header(header_of);
        format!("{}.", token.rsplit_once('.').unwrap().0)
    };
    let attacks: Vec<(&str, RawRequest)> = vec![
        ("alg none", raw::call().bearer(&unsigned(json!({"alg": "none", "kid": "issuer-1"})))),
        ("alg HS256", raw::call().bearer(&header(json!({"alg": "HS256", "kid": "issuer-1"})))),
        ("wrong issuer", raw::call().bearer(&claims(json!({"iss": "https://evil.example"})))),
        ("wrong audience", raw::call().bearer(&claims(json!({"aud": "other"})))),
        ("no audience", raw::call().bearer(&claims(json!({"aud": null})))),
        (
            "expired",
            raw::call().bearer(&issuer.expired_token(AUDIENCE, "alice", Duration::from_secs(900)).unwrap()),
        ),
        ("not yet valid", raw::call().bearer(&claims(json!({"nbf": now + 200})))),
        ("no exp", raw::call().bearer(&claims(json!({"exp": null})))),
        ("no kid", raw::call().bearer(&header(json!({"alg": "EdDSA"})))),
        ("unknown kid", raw::call().bearer(&header(json!({"alg": "EdDSA", "kid": "issuer-2"})))),
        ("kid with path", raw::call().bearer(&header(json!({"alg": "EdDSA", "kid": "../../etc/passwd"})))),
        ("kid with sql", raw::call().bearer(&header(json!({"alg": "EdDSA", "kid": "' OR 1=1 --"})))),
        ("oversize", raw::call().bearer(&format!("{good}{}", "A".repeat(40_000)))),
        ("five parts", raw::call().bearer(&format!("{good}.a.b"))),
        ("two headers", raw::call().bearer(&good).bearer(&good)),
        ("empty bearer", raw::call().header("authorization", "Bearer ")),
        ("lower-case scheme", raw::call().header("authorization", format!("bearer {good}"))),
        ("other scheme", raw::call().header("authorization", "Basic YWxpY2U6eA==")),
    ];
    for (name, request) in attacks {
        let response = request.send(service.address).await;
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert_eq!((response.status, response.body.as_str()), (401, ""), "{name}");
        assert!(challenge.starts_with("Bearer"), "{name}: {challenge}");
    }
    assert_eq!((service.runs(), service.signatures()), (0, 0));
    service.admitted(&raw::call().bearer(&good)).await;
}
