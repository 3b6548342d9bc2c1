//! `kest policy`: checks policies before they are deployed, and tries them out.

mod check;
mod engines;
mod eval;
mod example;
mod failure;
mod fault;
mod homes;

mod sources;

use crate::arguments::Policy;
use crate::failure::{Answer, Failure};

pub(crate) use failure::PolicyError;

/// Runs one of its commands.
pub(crate) async fn run(command: Policy) -> Result<Answer, Failure> {
    match command {
        Policy::Check(arguments) => check::run(&arguments),
        Policy::Eval(arguments) => eval::run(&arguments).await,
        Policy::Input(arguments) => example::run(&arguments),
    }
}
