//! `kest store put`: a verified passport into the store.

use std::time::Duration;

use http::HeaderMap;
use kest_baggage::{Tiers, pack};
use kest_core::{Identity, Limits, OsRandom, Passport};
use serde::Serialize;

use super::StoreError;
use super::place::{self, Access};
use crate::arguments::{self, DialectName};
use crate::carried::Form;
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::output::{self, Output};
use crate::verify::prove::{Prover, Question};

#[derive(Serialize)]
struct Kept<'text> {
    claim: &'text str,
    chain_tip: String,
    entries: usize,
    ttl_seconds: u32,
    sealed: bool,
    baggage: &'text str,
}

/// Verifies, keeps, and prints the members that lead to it.
pub(crate) async fn run(arguments: arguments::StorePut) -> Result<Answer, Failure> {
    let prover = Prover::new(crate::keys::load(&arguments.keys).await?.into_ring());
    let input = Form::Array.read(&Source::named(arguments.file), prover.limits())?;
    let question = Question {
        carried: Form::Array.carried(&input, prover.limits()),
        chain_tip: arguments.chain_tip,
        dialect: DialectName::Strict,
    };
    let mut output = Output::open();
    let passport = match prover.prove(question).await {
        Ok(passport) if !passport.is_empty() => passport,
        Ok(_empty) => {
            output::say("an empty passport needs no claim");
            return Ok(Answer::No);
        }
        Err(verdict) => {
            if arguments.json {
                output.json(&verdict.named(None))?;
            } else {
                output.line(&verdict.to_string())?;
            }
            output.flush()?;
            return Ok(Answer::No);
        }
    };
    let sealed = arguments.place.seal_key.is_some();
    let header = keep(&passport, &arguments.place, arguments.ttl).await?;
    if arguments.json {
        let claim = header.strip_prefix("kest.claim_check=").and_then(|rest| rest.split(',').next());
        output.json(&Kept {
            claim: claim.unwrap_or_default(),
            chain_tip: passport.tips().to_string(),
            entries: passport.len(),
            ttl_seconds: arguments.ttl,
            sealed,
            baggage: &header,
        })?;
    } else {
        output.line(&header)?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

async fn keep(passport: &Passport, place: &arguments::StorePlace, ttl: u32) -> Result<String, StoreError> {
    let mut limits = Limits::default();
    limits.claim_check_ttl = Duration::from_secs(ttl.into());
    // No member fits into nothing: only the claim check is left.
    let tiers = Tiers::auto().threshold(0).store(place::open(place, Access::Service).await?);
    let packed = pack(passport, &Identity::default(), &tiers, &OsRandom, &limits).await;
    let mut headers = HeaderMap::new();
    packed.map_err(StoreError::Put)?.inject(&mut headers, &limits).map_err(StoreError::Header)?;
    let line = headers.get("baggage").and_then(|line| line.to_str().ok());
    Ok(line.unwrap_or_default().to_owned())
}
