//! Tokens validated per second on one thread, new and remembered, against decoding them with jsonwebtoken and no more.

use std::hint::black_box;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation, decode};
use kest::JwtAuthenticator;
use kest::core::{BoxError, Evidence, Lineage, authenticate};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use super::issuer::{AUDIENCE, Issuer, NAME};
use crate::report::{Cell, Chapter, Column};
use crate::stopwatch::{Laps, Side, race, timed};

/// The same tokens for all sides, of an algorithm at a time.
pub(crate) fn measure(runtime: &Runtime) -> Result<Chapter, BoxError> {
    let mut rows = Vec::new();
    for issuer in [Issuer::ed25519()?, Issuer::rsa()?, Issuer::p256()?] {
        let tokens = (0..DISTINCT).map(|number| issuer.token(number)).collect::<Result<Vec<_>, _>>()?;
        let sides =
            [bare(&issuer, &tokens)?, cold(runtime, &issuer, &tokens), cached(runtime, &issuer, &tokens)?];
        let [bare, cold, cached] = race(ROUNDS, sides)?;
        let per_second = |laps: &Laps| Cell::Rate(1e9 / laps.least());
        rows.push(vec![
            Cell::Text(issuer.name.to_owned()),
            Cell::Ratio(bare.over(&cold)),
            Cell::Ratio(bare.over(&cached)),
            per_second(&cold),
            per_second(&cached),
            per_second(&bare),
        ]);
    }
    Ok(Chapter {
        title: "Token validations per second on one thread, as a part of jsonwebtoken's bare decoding",
        columns: &[
            Column("algorithm", ""),
            Column("cold_ratio", "cold/bare"),
            Column("cached_ratio", "cached/bare"),
            Column("cold_per_second", "cold 1/s"),
            Column("cached_per_second", "cached 1/s"),
            Column("bare_per_second", "bare 1/s"),
        ],
        rows,
        targets: Vec::new(),
        notes: vec![
            "cold: no token was seen before, and each is remembered; cached: each was verified before"
                .to_owned(),
            "bare: decode() into a map of claims, with the same issuer, audience, exp and nbf".to_owned(),
        ],
    })
}

fn bare<'race>(issuer: &Issuer, tokens: &'race [String]) -> Result<Side<'race>, BoxError> {
    // Another part of the program may have chosen before, and the same; a second choice changes nothing.
    let _chosen = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let key = DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(issuer.jwk()?)?)?;
    let mut validation = Validation::new(issuer.algorithm);
    validation.set_issuer(&[NAME]);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_nbf = true;
    Ok(Side::new(tokens.len(), move || {
        let (took, decoded) = timed(|| -> Result<(), BoxError> {
            for token in tokens {
                black_box(decode::<Map<String, Value>>(token, &key, &validation)?);
            }
            Ok(())
        });
        decoded.map(|()| took)
    }))
}

/// A new authenticator for each lap, which has the key and knows no token.
fn cold<'race>(runtime: &'race Runtime, issuer: &'race Issuer, tokens: &[String]) -> Side<'race> {
    let headers = bearer(tokens);
    Side::new(headers.len(), move || {
        let fresh = issuer.trusted()?.build()?;
        runtime.block_on(fresh.start())?;
        let (took, judged) = timed(|| runtime.block_on(judge(&fresh, &headers)));
        judged?;
        if fresh.tokens_remembered() == 0 { Err("nothing was remembered".into()) } else { Ok(took) }
    })
}

fn cached<'race>(
    runtime: &'race Runtime,
    issuer: &Issuer,
    tokens: &[String],
) -> Result<Side<'race>, BoxError> {
    let headers = bearer(tokens);
    let knowing = issuer.trusted()?.build()?;
    runtime.block_on(judge(&knowing, &headers))?;
    Ok(Side::new(headers.len(), move || {
        let (took, judged) = timed(|| runtime.block_on(judge(&knowing, &headers)));
        judged.map(|()| took)
    }))
}

async fn judge(authenticator: &JwtAuthenticator, headers: &[String]) -> Result<(), BoxError> {
    for header in headers {
        let evidence = Evidence::new(&Lineage::Absent).with_authorization([header.as_bytes()]);
        black_box(authenticate(authenticator, &evidence).await?);
    }
    Ok(())
}

fn bearer(tokens: &[String]) -> Vec<String> {
    tokens.iter().map(|token| format!("Bearer {token}")).collect()
}

/// Tokens that one lap goes through.
const DISTINCT: usize = 64;
const ROUNDS: usize = 120;
