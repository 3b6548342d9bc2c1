//! Fifteen probes, one test each.

use kest_tests::edge::Edge;
use kest_tests::raw;
use kest_tests::tokens::{ISSUER, NOW, TokenKey, good_claims, signing_input};
use serde_json::{Value, json};

use super::{attacked, check_changes, check_claims};

const HOUR: u64 = 3600;
const YEAR_3000: u64 = 32_503_680_000;

#[tokio::test(start_paused = true)]
async fn unknown_crit() {
    check_changes(&[
        ("unknown crit", json!({"crit": ["urn:x"], "urn:x": 1}), json!({})),
        ("crit naming a claim", json!({"crit": ["exp"]}), json!({})),
        ("crit b64", json!({"crit": ["b64"], "b64": true}), json!({})),
        ("empty crit", json!({"crit": []}), json!({})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn id_token() {
    check_changes(&[
        ("of type JWT", json!({"typ": "JWT"}), json!({})),
        ("of no type", json!({"typ": null}), json!({})),
        ("with a nonce", json!({}), json!({"nonce": "n-0S6_WzA2Mj"})),
        ("with an access token's hash", json!({}), json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"})),
        ("with a code's hash", json!({}), json!({"c_hash": "LDktKdoQak3Pk0cnXxCltA"})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn logout_token() {
    let events = json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    check_changes(&[
        ("by its type alone", json!({"typ": "logout+jwt"}), json!({})),
        ("by its type in full", json!({"typ": "application/logout+jwt"}), json!({})),
        ("by its events alone", json!({}), events),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn wrong_issuer() {
    check_changes(&[
        ("another", json!({}), json!({"iss": "https://evil.example/"})),
        ("without its slash", json!({}), json!({"iss": ISSUER.trim_end_matches('/')})),
        ("in upper case", json!({}), json!({"iss": ISSUER.to_uppercase()})),
        ("one of several", json!({}), json!({"iss": [ISSUER]})),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn missing_issuer() {
    check_claims("no iss", json!({"iss": null})).await;
}

#[tokio::test(start_paused = true)]
async fn missing_audience() {
    check_claims("no aud", json!({"aud": null})).await;
}

#[tokio::test(start_paused = true)]
async fn not_before_in_an_hour() {
    check_claims("nbf in an hour", json!({"nbf": NOW + HOUR})).await;
}

#[tokio::test(start_paused = true)]
async fn issued_in_a_hundred_hours() {
    check_claims("iat in 100 h", json!({"iat": NOW + 100 * HOUR, "exp": NOW + 101 * HOUR})).await;
}

#[tokio::test(start_paused = true)]
async fn expiry_in_a_far_year() {
    check_changes(&[
        ("with iat", json!({}), json!({"exp": YEAR_3000})),
        ("without iat", json!({}), json!({"exp": YEAR_3000, "iat": null})),
    ])
    .await;
}

/// Checks that tokens by a key are admitted while the issuer publishes it as it is, and refused once it publishes it
/// with `purpose`.
async fn check_encryption_key(attack: &str, purpose: Value) {
    let (good, encrypting) = (TokenKey::ed25519("key-1", 1), TokenKey::rsa("key-2"));
    attacked(&encrypting).await;
    let edge = Edge::trusting(&[good.jwk(), encrypting.jwk_with(&purpose)]).await;
    edge.refuse(attack, &raw::call().bearer(&encrypting.token())).await;
    edge.admit(&good.token()).await;
}

#[tokio::test(start_paused = true)]
async fn signed_by_an_encryption_key_with_alg() {
    check_encryption_key("enc, alg of signatures", json!({"use": "enc", "alg": "RS256"})).await;
    check_encryption_key("enc, alg of encryption", json!({"use": "enc", "alg": "RSA-OAEP-256"})).await;
}

#[tokio::test(start_paused = true)]
async fn signed_by_an_encryption_key_without_alg() {
    check_encryption_key("enc", json!({"use": "enc"})).await;
    check_encryption_key("wrapKey", json!({"key_ops": ["wrapKey"]})).await;
}

#[tokio::test(start_paused = true)]
async fn two_authorization_headers() {
    let key = TokenKey::rsa("key-1");
    let edge = attacked(&key).await;
    let (good, other) = (key.token(), key.token_numbered(1));
    let call = || raw::call().bearer(&good);
    edge.refuse("twice the same", &call().bearer(&good)).await;
    edge.refuse("two good ones", &call().bearer(&other)).await;
    edge.refuse("good one first", &call().header("authorization", "Basic YWxpY2U6eA==")).await;
    edge.refuse("good one last", &raw::call().header("authorization", "").bearer(&good)).await;
    edge.refuse("another spelling", &call().header("AUTHORIZATION", format!("Bearer {good}"))).await;
    let joined = format!("Bearer {good}, Bearer {other}");
    edge.refuse("joined by a comma", &raw::call().header("authorization", joined)).await;
    edge.admit(&good).await;
}

#[tokio::test(start_paused = true)]
async fn hs256_with_the_public_key() {
    let key = TokenKey::rsa("key-1");
    let edge = attacked(&key).await;
    for (form, secret) in key.public_forms() {
        for name in ["HS256", "HS384", "HS512"] {
            let forged = key.token_by_hmac(name, &secret, &good_claims());
            edge.refuse(&format!("{name}, {form}"), &raw::call().bearer(&forged)).await;
        }
        // The key decides how a signature is checked, so its own algorithm does not check this one.
        let forged = key.token_by_hmac("RS256", &secret, &good_claims());
        edge.refuse(&format!("RS256, {form}"), &raw::call().bearer(&forged)).await;
    }
    assert_eq!(key.public_forms().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn algorithm_none() {
    let key = TokenKey::rsa("key-1");
    let edge = attacked(&key).await;
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = key.header();
        header["alg"] = json!(name);
        let signed = signing_input(&header.to_string(), &good_claims().to_string());
        let good_signature = key.token_with(&json!({ "alg": name }), &json!({}));
        for (what, token) in [
            ("an empty signature", format!("{signed}.")),
            ("no signature", signed.clone()),
            ("any signature", format!("{signed}.AA")),
            ("a good signature", good_signature),
        ] {
            edge.refuse(&format!("{name:?} with {what}"), &raw::call().bearer(&token)).await;
        }
    }
    let unsigned = key.token();
    let unsigned = unsigned.rsplit_once('.').unwrap().0;
    edge.refuse("RS256 with an empty signature", &raw::call().bearer(&format!("{unsigned}."))).await;
}

#[tokio::test(start_paused = true)]
async fn duplicated_claim() {
    let key = TokenKey::rsa("key-1");
    let edge = attacked(&key).await;
    let (header, claims) = (key.header().to_string(), good_claims());
    for (name, value) in claims.as_object().unwrap() {
        // The same twice, so that it is a good token whichever of the two is read.
        let doubled = claims.to_string().replacen('{', &format!("{{\"{name}\":{value},"), 1);
        edge.refuse(name, &raw::call().bearer(&key.token_of(&header, &doubled))).await;
    }
    for claim in [r#""sub":"root","#, r#""s\u0075b":"root","#, r#""x":{"a":1,"a":1},"#] {
        let doubled = claims.to_string().replacen('{', &format!("{{{claim}"), 1);
        edge.refuse(claim, &raw::call().bearer(&key.token_of(&header, &doubled))).await;
    }
    let doubled = header.replacen('{', r#"{"alg":"RS256","#, 1);
    let token = key.token_of(&doubled, &claims.to_string());
    edge.refuse("in the header", &raw::call().bearer(&token)).await;
}
