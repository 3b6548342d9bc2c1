//! `cargo xtask bench`: builds the programs that measure, and hands its arguments to the first of them.

use crate::failure::Failure;
use crate::needs::{self, Setup};
use crate::run::Run;

/// Builds and runs `kest-bench`, which starts its sibling that counts allocations.
pub(crate) fn run(arguments: &[String], setup: Setup) -> Result<(), Failure> {
    needs::ensure(needs::BENCH, setup)?;
    Run::cargo().words("build --release -p kest-bench").run()?;
    let start = Run::cargo().words("run --release -p kest-bench --");
    arguments.iter().fold(start, |run, argument| run.argument(argument)).run()
}
