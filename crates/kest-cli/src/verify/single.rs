//! One passport: its verdict as a text for people or as one JSON object.

use super::prove::{Prover, Question};
use crate::arguments;
use crate::carried::Form;
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::output::{self, Output};

/// Verifies the input.
pub(crate) async fn run(prover: &Prover, arguments: arguments::Verify) -> Result<Answer, Failure> {
    let form = Form::flagged(arguments.baggage);
    let input = form.read(&Source::named(arguments.file), prover.limits())?;
    if form == Form::Array && arguments.chain_tip.is_none() {
        output::say("no chain tip was given: entries cut off at the end would not be noticed");
    }
    let question = Question {
        carried: form.carried(&input, prover.limits()),
        chain_tip: arguments.chain_tip,
        dialect: arguments.dialect,
    };
    let verdict = prover.verdict(question).await;
    let mut output = Output::open();
    if arguments.json {
        output.json(&verdict.named(None))?;
    } else {
        output.line(&verdict.to_string())?;
    }
    output.flush()?;
    Ok(if verdict.is_accepted() { Answer::Yes } else { Answer::No })
}
