//! `kest store get`: the passport that lies under a claim.

use kest_baggage::{HeaderReader, RestoreFailure};
use kest_core::Limits;
use serde::Serialize;

use super::StoreError;
use super::place::{self, Access};
use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

#[derive(Serialize)]
struct Found<'passport> {
    claim: String,
    entries: usize,
    passport: Vec<&'passport str>,
}

#[derive(Serialize)]
struct Refused {
    claim: String,
    kind: &'static str,
}

/// Prints what a service would restore from the claim.
pub(crate) async fn run(arguments: arguments::StoreGet) -> Result<Answer, Failure> {
    let limits = Limits::default();
    let claims = place::open(&arguments.place, Access::Look).await?;
    let claim = arguments.claim.to_string();
    let header = format!("kest.claim_check={claim}");
    let mut output = Output::open();
    let refused = |kind: &'static str| Refused { claim: claim.clone(), kind };
    // There is no announced tip: this command is given the ticket alone.
    let packed = HeaderReader::new(limits.clone()).dangerous_accept_missing_tip().read([header.as_bytes()]);
    let refused = match packed {
        Err(error) => refused(error.kind()),
        Ok(packed) => match claims.restore(packed, &limits).await {
            Ok(restored) => match restored.passport() {
                Some(passport) => {
                    output::say("nothing was verified: this is what lies there");
                    let passport: Vec<&str> = passport.dangerous_entries().collect();
                    if arguments.json {
                        output.json(&Found { claim, entries: passport.len(), passport })?;
                    } else {
                        output.json(&passport)?;
                    }
                    output.flush()?;
                    return Ok(Answer::Yes);
                }
                None => refused("claim_check_gone"),
            },
            Err(error) if error.class() == RestoreFailure::StoreUnavailable => {
                return Err(StoreError::Get(error).into());
            }
            Err(error) => {
                output::complain(&error);
                refused(error.kind())
            }
        },
    };
    if arguments.json {
        output.json(&refused)?;
    }
    output.flush()?;
    Ok(Answer::No)
}
