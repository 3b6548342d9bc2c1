//! What is accepted: each algorithm, each way to say who is calling, each way to come without a token.

use std::time::Duration;

use kest_core::{AuthenticateError, Caller, IdentitySource};
use kest_identity::{Algorithm, ClaimNames, WithoutToken};
use serde_json::json;

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::rig::{ISSUER, Rig, check_refused, token, token_with};

fn who(caller: &Caller) -> (Option<&str>, Option<&str>, Option<&str>) {
    (caller.user(), caller.agent(), caller.task())
}

#[tokio::test]
async fn every_algorithm_is_accepted_with_its_key() {
    let keys =
        [SigningKey::rsa("r"), SigningKey::p256("p"), SigningKey::p384("q"), SigningKey::ed25519("d", 1)];
    let rig = Rig::trusting(&keys).await;
    for (key, algorithms) in keys.iter().zip([
        &Algorithm::ALL[..6],
        &Algorithm::ALL[6..7],
        &Algorithm::ALL[7..8],
        &Algorithm::ALL[8..],
    ]) {
        for algorithm in algorithms {
            let token = token_with(key, &json!({"alg": algorithm.as_str()}), &json!({}));
            let caller = rig.send_token(&token).await.unwrap();
            assert_eq!(who(&caller), (Some("user-1"), Some("agent-1"), Some("read write")), "{algorithm}");
            assert_eq!((caller.issuer(), caller.source()), (Some(ISSUER), IdentitySource::Jwt));
        }
    }
    rig.check_fetches(1);
}

#[tokio::test]
async fn no_algorithm_is_accepted_with_the_key_of_another() {
    let keys =
        [SigningKey::rsa("r"), SigningKey::p256("p"), SigningKey::p384("q"), SigningKey::ed25519("d", 1)];
    let rig = Rig::trusting(&keys).await;
    for (key, family) in keys.iter().zip([0..6, 6..7, 7..8, 8..10]) {
        for (position, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            if !family.contains(&position) {
                let token = token_with(key, &json!({"alg": algorithm.as_str()}), &json!({}));
                check_refused(rig.send_token(&token).await, "algorithm_of_key");
            }
        }
    }
}

/// RFC 9110 section 11.1: the scheme is compared without regard to case. RFC 6750 section 2.1: one blank or several.
#[tokio::test]
async fn scheme_is_taken_in_any_case_and_before_any_number_of_blanks() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    for scheme in ["bearer ", "BEARER ", "Bearer  ", "bEARER     "] {
        assert!(rig.send(&[&format!("{scheme}{}", token(&key))]).await.is_ok(), "{scheme}");
    }
}

#[tokio::test]
async fn one_key_that_is_listed_once_for_each_algorithm_proves_tokens_of_each() {
    let key = SigningKey::rsa("r");
    let listed = |algorithm: &str| {
        let mut jwk = key.jwk();
        jwk["alg"] = json!(algorithm);
        jwk["use"] = json!("sig");
        jwk
    };
    let names = ["RS256", "RS384", "RS512"];
    let rig = Rig::configured(publishing(names.map(listed)), |builder| builder).await;
    for name in names {
        let token = token_with(&key, &json!({ "alg": name }), &json!({}));
        assert!(rig.send_token(&token).await.is_ok(), "{name}");
    }
    let other = token_with(&key, &json!({"alg": "PS256"}), &json!({}));
    check_refused(rig.send_token(&other).await, "algorithm_of_key");
    let twice = [key.jwk(), key.jwk(), listed("RS256")];
    let rig = Rig::configured(publishing(twice), |builder| builder).await;
    assert!(rig.send_token(&token(&key)).await.is_ok());
}

#[tokio::test]
async fn keys_of_two_types_under_one_id_each_prove_their_own_tokens_and_two_of_one_type_none() {
    let (rsa, first, second) =
        (SigningKey::rsa("k"), SigningKey::ed25519("k", 1), SigningKey::ed25519("k", 2));
    let rig = Rig::trusting([&rsa, &first]).await;
    assert!(rig.send_token(&token(&rsa)).await.is_ok());
    assert!(rig.send_token(&token(&first)).await.is_ok());
    check_refused(rig.send_token(&token(&second)).await, "signature");
    let rig = Rig::trusting([&first, &rsa, &second]).await;
    assert!(rig.send_token(&token(&rsa)).await.is_ok());
    for key in [&first, &second] {
        check_refused(rig.send_token(&token(key)).await, "algorithm_of_key");
    }
}

/// Both are Ed25519 (RFC 9864 section 2.2); a key that names one of them is not for tokens that name the other.
#[tokio::test]
async fn either_name_of_ed25519_is_accepted_and_none_for_the_other() {
    for (name, other) in [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")] {
        let key = SigningKey::ed25519("d", 1);
        let mut jwk = key.jwk();
        jwk["alg"] = json!(name);
        let rig = Rig::configured(publishing([jwk]), |builder| builder).await;
        assert!(rig.send_token(&token_with(&key, &json!({"alg": name}), &json!({}))).await.is_ok(), "{name}");
        let refused = rig.send_token(&token_with(&key, &json!({"alg": other}), &json!({}))).await;
        check_refused(refused, "algorithm_of_key");
    }
}

#[tokio::test]
async fn algorithm_must_be_allowed_by_key_and_configuration() {
    let key = SigningKey::rsa("key-1");
    let mut jwk = key.jwk();
    jwk["alg"] = json!("PS256");
    let only = [Algorithm::Ps256, Algorithm::Rs256];
    let rig = Rig::configured(publishing([jwk]), |builder| builder.algorithms(only)).await;
    assert!(rig.send_token(&token_with(&key, &json!({"alg": "PS256"}), &json!({}))).await.is_ok());
    check_refused(rig.send_token(&token(&key)).await, "algorithm_of_key");
    check_refused(rig.send_token(&token_with(&key, &json!({"alg": "PS512"}), &json!({}))).await, "algorithm");
}

#[tokio::test]
async fn plain_types_are_accepted_where_the_issuer_is_known_for_them() {
    let key = SigningKey::ed25519("key-1", 1);
    let strict = Rig::trusting([&key]).await;
    let rig = Rig::configured(publishing([key.jwk()]), |builder| builder.accept_plain_jwt()).await;
    for typ in [json!("JWT"), json!("jwt"), json!(null), json!("at+jwt"), json!("application/at+jwt")] {
        let token = token_with(&key, &json!({ "typ": typ }), &json!({}));
        assert_eq!(rig.send_token(&token).await.unwrap().user(), Some("user-1"), "{typ}");
        if typ.as_str().is_none_or(|typ| !typ.ends_with("at+jwt")) {
            check_refused(strict.send_token(&token).await, "type");
        }
    }
}

#[tokio::test]
async fn claims_say_who_is_calling() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    for (claims, agent, task) in [
        (json!({"client_id": null, "azp": "agent-2"}), Some("agent-2"), Some("read write")),
        (json!({"client_id": null, "scope": null}), None, None),
        (json!({"scope": ["a", "b"]}), Some("agent-1"), Some("a b")),
        (json!({"act": {"sub": "agent-3", "act": {"sub": "agent-4"}}}), Some("agent-3"), Some("read write")),
    ] {
        let caller = rig.send_token(&token_with(&key, &json!({}), &claims)).await.unwrap();
        assert_eq!(who(&caller), (Some("user-1"), agent, task), "{claims}");
    }
}

#[tokio::test]
async fn configured_claims_and_leeway_are_honoured() {
    let key = SigningKey::ed25519("key-1", 1);
    let names = ClaimNames::default().with_user("email");
    let rig = Rig::configured(publishing([key.jwk()]), |builder| {
        builder.claims(names).leeway(Duration::from_secs(60)).accept_plain_jwt()
    });
    let rig = rig.await;
    let token = token_with(&key, &json!({"typ": "JWT"}), &json!({"email": "e", "exp": 1_700_000_000 - 59}));
    assert_eq!(rig.send_token(&token).await.unwrap().user(), Some("e"));
    rig.clock.advance(Duration::from_secs(1));
    check_refused(rig.send_token(&token).await, "expired");
}

#[tokio::test]
async fn request_without_a_token_is_treated_as_configured() {
    let key = SigningKey::ed25519("key-1", 1);
    let with =
        |behaviour| Rig::configured(publishing([key.jwk()]), move |builder| builder.without_token(behaviour));
    let refusing = with(WithoutToken::Refuse).await;
    assert!(matches!(refusing.send(&[]).await, Err(AuthenticateError::Missing)));
    for behaviour in [WithoutToken::FromLineage, WithoutToken::Anonymous] {
        let rig = with(behaviour).await;
        assert_eq!(rig.send(&[]).await.unwrap().source(), IdentitySource::Anonymous);
        check_refused(rig.send(&["Basic dTpw"]).await, "not_bearer");
        check_refused(rig.send(&[""]).await, "not_bearer");
        rig.check_fetches(0);
    }
}
