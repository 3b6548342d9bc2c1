//! Tasks of the repository: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask bench`.

mod bench;
mod failure;
mod fuzz;
mod needs;
mod report;
mod run;
mod seeds;
mod test;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let Err(failure) = perform(&arguments) else {
        return ExitCode::SUCCESS;
    };
    // With standard error closed there is nobody left to tell; the exit code still does.
    drop(writeln!(io::stderr().lock(), "{}", failure.message(USAGE)));
    failure.exit_code()
}

fn perform(arguments: &[String]) -> Result<(), Failure> {
    let Some((task, rest)) = arguments.split_first() else {
        return Err(Failure::Usage("a task is needed".to_owned()));
    };
    match (task.as_str(), rest) {
        ("test", []) => test::run(),
        ("fuzz", rest) => fuzz::run(rest),
        ("bench", rest) => bench::run(rest),
        ("test", [first, ..]) => Err(Failure::Usage(format!("test takes no arguments: {first}"))),
        (other, _) => Err(Failure::Usage(format!("no such task: {other}"))),
    }
}

const USAGE: &str = "\
usage: cargo xtask test                 format, lints, tests, doctests, docs, dependencies
       cargo xtask fuzz [--seconds N]   every fuzz target for N seconds (default 5)
       cargo xtask bench [--json]       measurements; ratios from one run";
