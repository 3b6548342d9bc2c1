//! Tasks of the repository: `cargo xtask test`, `fuzz`, `mutants`, `bench` and `api`.

mod api;
mod bench;
mod cpu;
mod failure;
mod fuzz;
mod mutants;
mod needs;
mod options;
mod report;
mod run;
mod seeds;
mod test;
mod work;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::needs::Setup;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let Err(failure) = perform(arguments) else {
        return ExitCode::SUCCESS;
    };
    // With standard error closed nothing is left to say it to; the exit code still does.
    drop(writeln!(io::stderr().lock(), "{}", failure.message(USAGE)));
    failure.exit_code()
}

fn perform(mut arguments: Vec<String>) -> Result<(), Failure> {
    let before = arguments.len();
    arguments.retain(|argument| argument != "--no-install");
    let setup = if arguments.len() == before { Setup::Install } else { Setup::Name };
    let Some((task, rest)) = arguments.split_first() else {
        return Err(Failure::Usage("a task is needed".to_owned()));
    };
    match (task.as_str(), rest) {
        ("test", []) => test::run(setup),
        ("fuzz", rest) => fuzz::run(rest, setup),
        ("mutants", rest) => mutants::run(rest),
        ("bench", rest) => bench::run(rest, setup),
        ("api", rest) => api::run(rest),
        ("test", [first, ..]) => Err(Failure::Usage(format!("test takes no such argument: {first}"))),
        (other, _) => Err(Failure::Usage(format!("no such task: {other}"))),
    }
}

const USAGE: &str = "\
usage: cargo xtask test [--no-install]
           format, lints, tests, doctests, docs, dependencies
       cargo xtask fuzz [--seconds N] [--jobs N] [--target NAME]... [--json] [--no-install]
           every fuzz target, or those that are named, for N seconds (default 5) in N processes (default 1)
       cargo xtask mutants [--jobs N | --in-place] [--package P]... [--own] [--shard K/N] [--json] [FILTER]
           whether tests notice changed code, by cargo-mutants; FILTER is a regular expression over its names;
           --in-place changes this tree, not copies; --own leaves the suite out; --shard does piece K of N (0/4 to 3/4)
       cargo xtask bench [--json] [CHAPTER ..] [--no-install]
           measurements; ratios from one run
       cargo xtask api [--check] [--package P]...
           writes what each library makes public into docs/api, by cargo-public-api; --check compares
What a task needs is installed by apt-get where root or sudo may do it without a question; --no-install names it instead.";
