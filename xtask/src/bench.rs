//! `cargo xtask bench`: hands its arguments to the program that measures.

use crate::failure::Failure;
use crate::run::Run;

/// Builds and runs `kest-bench`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let start = Run::cargo().words("run --release -p kest-bench --");
    arguments
        .iter()
        .fold(start, |run, argument| run.argument(argument))
        .run()
}
