//! Attacks on the proof that a bound token needs: RFC 9449, row 12.

use http::HeaderValue;
use kest_core::Clock as _;
use serde_json::Value;

use super::attack::{Attack, Expected};
use super::honest::{Bound, Honest};
use crate::dpop::DpopKey;
use crate::lineage::value;

#[track_caller]
pub(crate) fn attacks(honest: &Honest<'_>) -> Vec<Attack> {
    let (Some(bound), Some(token)) = (&honest.bound, honest.token()) else { return Vec::new() };
    let token = token.sign();
    let one = |name: &str, proofs: Vec<HeaderValue>| {
        Attack::refused(name, 12, &[401], honest.sent().with_dpop(proofs))
    };
    let thief = DpopKey::of("thief");
    let good = || honest.proof(bound, bound.holder, &token);
    let replayed = Attack::refused("proof_replayed", 12, &[401], honest.sent());
    let mut missing = Attack::refused("bound_token_without_a_proof", 12, &[401], honest.sent());
    missing.sent.dpop = Vec::new();
    let mut downgraded = missing.clone();
    "bound_token_as_a_bearer".clone_into(&mut downgraded.name);
    downgraded.sent.authorization = vec![value(&format!("Bearer {token}"))];
    let mut attacks = vec![
        replayed.expecting(Expected::RefusedAgain(&[401])),
        missing,
        downgraded,
        one("proof_of_another_key", vec![honest.proof(bound, &thief, &token)]),
        one("two_proofs", vec![good(), good()]),
        one("proof_for_another_token", vec![honest.proof(bound, bound.holder, "another")]),
        one("proof_for_another_path", vec![with(honest, bound, &token, "htu", other_path(bound))]),
        one("proof_for_another_method", vec![with(honest, bound, &token, "htm", "TRACE".into())]),
        one("proof_without_an_id", vec![with(honest, bound, &token, "jti", Value::Null)]),
    ];
    let an_hour_ago = honest.kit.clock().unix_seconds().saturating_sub(3600);
    attacks.push(match &honest.nonce {
        // The nonce then says when the proof was made: RFC 9449 section 4.3, check 11.
        Some(_) => one("proof_without_the_nonce", vec![with(honest, bound, &token, "nonce", Value::Null)]),
        None => one("proof_of_an_hour_ago", vec![with(honest, bound, &token, "iat", an_hour_ago.into())]),
    });
    if honest.nonce.is_some() {
        let invented = with(honest, bound, &token, "nonce", "invented".into());
        attacks.push(one("proof_with_an_invented_nonce", vec![invented]));
    }
    attacks
}

/// A good proof with one claim exchanged.
#[track_caller]
fn with(honest: &Honest<'_>, bound: &Bound<'_>, token: &str, claim: &str, other: Value) -> HeaderValue {
    let address = format!("{}{}", bound.origin, honest.path);
    let proof = bound.holder.proof(honest.kit.clock().as_ref(), honest.method.as_str(), &address, token);
    let proof = match &honest.nonce {
        Some(nonce) => proof.nonce(nonce),
        None => proof,
    };
    proof.claim(claim, other).sign()
}

fn other_path(bound: &Bound<'_>) -> Value {
    format!("{}/another/path", bound.origin).into()
}
