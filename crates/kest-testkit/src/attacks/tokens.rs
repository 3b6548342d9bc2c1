//! Attacks on the token: rows 12 and 14, where the service asks for one.

use kest_core::Clock as _;
use serde_json::{Value, json};

use super::attack::{Attack, MALLORY, Sent};
use super::honest::Honest;
use crate::issuer::TestToken;
use crate::lineage::value;
use crate::tokens::{TokenKey, encoded, signing_input};

/// Every token is a good one that is changed in one place and signed again, so that one rule alone stands in its way.
#[track_caller]
pub(crate) fn attacks(honest: &Honest<'_>) -> Vec<Attack> {
    let Some(token) = honest.token() else { return Vec::new() };
    let now = honest.kit.clock().unix_seconds();
    let mut attacks: Vec<Attack> = changed(&token, now)
        .into_iter()
        .map(|(name, token)| one(honest, name, &token.sign()))
        .chain(resigned(&token).into_iter().map(|(name, token)| one(honest, &name, &token)))
        .collect();
    let without = Sent { authorization: Vec::new(), dpop: Vec::new(), ..honest.sent() };
    attacks.push(Attack::refused("no_token", 14, &[401], without.clone()));
    let basic = without.with_authorization([value("Basic YWxpY2U6c2VjcmV0")]);
    attacks.push(Attack::refused("another_scheme", 12, &[401], basic));
    let sent = honest.sent();
    let two = sent.authorization.iter().cycle().take(2).cloned().collect::<Vec<_>>();
    attacks.push(Attack::refused("two_authorization_headers", 12, &[401], sent.with_authorization(two)));
    attacks
}

#[track_caller]
fn one(honest: &Honest<'_>, name: &str, token: &str) -> Attack {
    Attack::refused(name, 12, &[401], honest.with_token(honest.sent(), token))
}

/// Tokens of the issuer's own key that say something else.
fn changed(token: &TestToken, now: u64) -> Vec<(&'static str, TestToken)> {
    let with = |name: &str, value: Value| token.clone().claim(name, value);
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    vec![
        ("expired_token", with("exp", json!(now - 3600)).claim("iat", now - 7200)),
        ("token_without_expiry", with("exp", Value::Null)),
        ("token_of_tomorrow", with("nbf", json!(now + 86_400))),
        ("token_for_another_audience", with("aud", json!("another"))),
        ("token_without_audience", with("aud", Value::Null)),
        ("token_of_another_issuer", with("iss", json!("https://evil.example"))),
        ("token_without_issuer", with("iss", Value::Null)),
        (
            "id_token",
            with("nonce", json!("n-0S6_WzA2Mj"))
                .claim("at_hash", "77QmUPtjPfzWtF2AnpK9RQ")
                .header("typ", "JWT"),
        ),
        ("logout_token", with("events", logout)),
        ("unknown_critical_extension", token.clone().header("crit", json!(["urn:x"])).header("urn:x", 1)),
        ("unknown_key_id", token.clone().header("kid", "unknown")),
        ("key_id_that_is_a_path", token.clone().header("kid", "../../dev/null")),
        ("another_key_under_the_same_id", token.clone().signed_by(TokenKey::ed25519("attacker", 66))),
        ("key_in_the_tokens_header", {
            let attacker = TokenKey::ed25519("attacker", 66);
            token.clone().header("jwk", attacker.jwk()).signed_by(attacker)
        }),
    ]
}

/// Tokens that no key of the issuer has signed.
#[track_caller]
fn resigned(token: &TestToken) -> Vec<(String, String)> {
    let (signed, claims) = (token.sign(), token.claims());
    let signature = signed.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
    let raised = json_with(claims, "sub", MALLORY);
    let none = |alg: &str| {
        let header = json!({"alg": alg, "typ": "at+jwt", "kid": token.key().id()}).to_string();
        format!("{}.", signing_input(&header, &claims.to_string()))
    };
    let doubled = claims.to_string().replacen('{', &format!(r#"{{"sub":"{MALLORY}","#), 1);
    let mut attacks = vec![
        ("token_with_alg_none".to_owned(), none("none")),
        ("token_with_alg_none_in_mixed_case".to_owned(), none("nOnE")),
        ("claims_changed_under_the_signature".to_owned(), {
            format!("{}.{signature}", signing_input(&token.header_text(), &raised))
        }),
        ("token_without_its_signature".to_owned(), signed.replace(signature, "")),
        ("claim_twice".to_owned(), token.key().token_of(&token.header_text(), &doubled)),
        ("token_of_five_parts".to_owned(), format!("{signed}.e30.e30")),
        ("token_of_64_kib".to_owned(), {
            let padded = json_with(claims, "padding", &"p".repeat(48 * 1024));
            token.key().token_of(&token.header_text(), &padded)
        }),
        ("token_of_garbage".to_owned(), encoded(b"garbage")),
    ];
    for (form, secret) in token.key().public_forms() {
        let name = format!("hs256_with_the_public_key_as_{}", form.replace(' ', "_"));
        attacks.push((name, token.key().token_by_hmac("HS256", &secret, claims)));
    }
    attacks
}

fn json_with(claims: &Value, name: &str, text: &str) -> String {
    crate::tokens::changed(claims.clone(), &json!({ name: text })).to_string()
}
