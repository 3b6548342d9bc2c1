//! `kest verify`: proves passports and says what they prove.

mod jsonl;
mod line;
mod line_store;
mod progress;
pub(crate) mod prove;
mod single;
mod verdict;

use crate::arguments;
use crate::failure::{Answer, Failure};

/// Proves one passport, or one for each line.
pub(crate) async fn run(arguments: arguments::Verify) -> Result<Answer, Failure> {
    let prover = prove::Prover::new(crate::keys::load(&arguments.keys).await?.into_ring());
    if arguments.jsonl { jsonl::run(&prover, arguments).await } else { single::run(&prover, arguments).await }
}
