//! The program `kest`: makes keys, joins them into trust bundles, verifies, inspects and canonicalizes.
//!
//! For whoever runs services with Kest and wants to know, outside of them, what a passport proves. Everything it
//! reads is bounded by the same limits as a service's.
//!
//! ```text
//! kest keygen --principal spiffe://example.org/cart --out keys    # keys/cart.key.jwk and keys/cart.jwk
//! kest keygen --principal spiffe://example.org/shop --out keys
//! kest bundle keys/cart.jwk keys/shop.jwk > bundle.json
//! kest verify --keys bundle.json --chain-tip 98bd... passport.json
//! kest verify --keys bundle.json --jsonl audit.jsonl > verdicts.jsonl
//! kest inspect --baggage < header.txt
//! kest canonicalize < object.json
//! ```
//!
//! # Answers
//!
//! The exit code is the answer: 0 yes or done, 1 refused or not true, 2 usage or I/O. With `--json` standard output
//! holds one JSON object and nothing else; messages for people go to standard error. The verdict of `verify` is
//!
//! ```text
//! {"name", "verdict": "accept", "entries", "tips", "principals", "trust_score", "taints"}
//! {"name", "verdict": "refuse", "kind", "index"}
//! ```
//!
//! where `name` is that of a JSONL line or `null`; `tips` are the hashes that the passport ends in; `principals` are
//! the workloads that signed, in the order of their first entries and without repeats; `trust_score` and `taints`
//! are those of the tip (of several tips the smallest score and all the taints); `index` is the entry at fault,
//! counted from 0, or `null` when it is the passport as a whole.
//!
//! # Many at once
//!
//! A line of `verify --jsonl` is an object with `passport` (an array of compact entries) or `baggage` (an array of
//! header lines), and optionally `name`, `chain_tip`, `reading` and `claims` (claim store key to value); other members
//! are left alone. Every line but a blank one gets one verdict, in order: what is no such object is refused as
//! `bad_line`, a tip that is none as `bad_chain_tip`, and a line over 16 MiB as `line_too_long`. The exit code is 1 if
//! any line was refused. It answers for all of them even when the reader of the verdicts went away before the end.
//!
//! # Limits and caveats
//!
//! - A header without a passport is an empty lineage, which is accepted: 0 entries and the score `null`.
//! - Without a chain tip nobody can notice that the end of a passport was cut off: `verify` checks one only when it
//!   is given, or stands in the header, where it is required.
//! - A bundle that cannot be used is no verdict: exit code 2, nothing on standard output. It is fetched by https, or
//!   by http from this machine; redirects are not followed.
//! - What `inspect` shows is proved by nothing.

mod arguments;
mod bundle;
mod canonicalize;
mod carried;
mod escape;
mod failure;
mod input;
mod inspect;
mod keygen;
mod keys;
mod output;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::failure::{Answer, Failure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version arrive here too. If they cannot be printed, nobody is there to be told.
            error.print().unwrap_or_default();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(arguments.command).await {
        Ok(answer) => answer.into(),
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}

async fn run(command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Bundle(arguments) => bundle::run(&arguments),
        Command::Verify(arguments) => verify::run(arguments).await,
        Command::Inspect(arguments) => inspect::run(arguments).await,
        Command::Canonicalize(arguments) => canonicalize::run(arguments),
    }
}
