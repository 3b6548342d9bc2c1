//! The program `kest`: makes keys, joins them into trust bundles, verifies, inspects, draws, canonicalizes, tries policies, and
//! looks into passport store.
//!
//! For people who run services with Kest and want to know, outside of them, what a passport proves. Everything it
//! reads is bounded by the same limits as a service's.
//!
//! ```text
//! kest keygen --workload spiffe://example.org/cart --out keys    # keys/cart.Zk3vKq0P.key.jwk and keys/cart.Zk3vKq0P.pub.jwk
//! kest keygen --workload spiffe://example.org/shop --out keys
//! kest bundle keys --diff bundle.json && kest bundle keys --out bundle.json
//! kest verify --keys bundle.json --chain-tip 98bd... passport.json
//! kest verify --keys bundle.json --jsonl audit.jsonl > verdicts.jsonl
//! kest inspect --baggage < header.txt
//! kest graph --keys bundle.json --format svg --out lineage.svg passport.json
//! kest graph --log /var/log/kest --trace 7346fd234d36c23f3f235233eafe52dd --keys bundle.json
//! kest view --log /var/log/kest --keys bundle.json
//! kest canonicalize < object.json
//! kest explain --bundle bundle.json --identity-from-lineage --baggage header.txt
//! kest policy check policies/
//! kest policy input > input.json
//! kest policy eval --policy charge.cedar --name acme/card_owner --input input.json
//! kest store put --store redis://127.0.0.1:6379 --keys bundle.json passport.json
//! kest store get --store redis://127.0.0.1:6379 a6513107-f5af-429c-b91b-5594dd9cfcbe
//! ```
//!
//! # Answers
//!
//! The exit code is the answer: 0 yes or done, 1 refused or not true, 2 usage or I/O. With `--json` standard output
//! holds one JSON object and nothing else; messages for people go to standard error. The verdict of `verify` is
//!
//! ```text
//! {"name", "verdict": "accept", "entries", "tips", "workloads", "dialect", "trust_score", "taints"}
//! {"name", "verdict": "refuse", "kind", "index"}
//! ```
//!
//! where `name` is that of a JSONL line or `null`; `tips` are the hashes that the passport ends in; `workloads` are
//! those that signed, in the order of their first entries and without repeats; `dialect` is the one that it was read in
//! (`strict` or `legacy-python`); `trust_score` and `taints` are those of the tip (of several tips the smallest score and
//! all the taints); `index` is the entry at fault, counted from 0, or `null` when it is the passport as a whole.
//!
//! # Keys
//!
//! `keygen` names its two files after the last part of the workload's id and the first 8 characters of the key's id, so that
//! neither the next key of a workload nor one of a workload whose id ends alike meets them. `bundle` takes files, and
//! folders, of which it reads `*.pub.jwk` alone. It writes a bundle whole or not at all: with `--out` the file that was there
//! stays until the new one is on the disk. A private key, a set without a usable key, and files that contradict each other
//! are exit code 1; a folder without public keys is exit code 2. A key may end: `"not_after"` in its file, in seconds since
//! 1970, says when, and of one key in several files the earliest end counts. Where the bundle in FILE counts its versions
//! (`spiffe_sequence`), the new one counts on.
//!
//! `bundle --check` writes nothing. It is exit code 0 when the keys make a bundle and, with `--out FILE`, when FILE holds that
//! bundle already; 1 when not. `bundle --diff OLD` writes nothing either: it prints a line for each key that comes, goes or
//! ends, in order of workload and key id, and is exit code 0 when services that trust OLD take the new bundle over, 1 when
//! they refuse it: a workload vanished, none of its keys stayed, or the sequence goes back. OLD may be a URL.
//!
//! ```text
//! + WORKLOAD KID [not_after SECONDS]
//! - WORKLOAD KID
//! ~ WORKLOAD KID not_after none|SECONDS -> none|SECONDS
//! ```
//!
//! # Many at once
//!
//! A line of `verify --jsonl` is an object with `passport` (an array of compact entries) or `baggage` (an array of
//! header lines), and optionally `name`, `chain_tip`, `dialect` and `store` (store key to value); other members are left
//! alone. A line's dialect may only be stricter than `--dialect`: a log does not choose how leniently it is read, and a line
//! that tries is refused as `dialect_too_lenient`. Every line but a blank one gets one verdict, in order: what is no such
//! object is refused as `bad_line`, a malformed tip as `bad_chain_tip`, and a line over 16 MiB as `line_too_long`. The
//! exit code is 1 if any line was refused. It answers for all of them even when the reader of the verdicts went away before
//! the end.
//!
//! # Policies
//!
//! `policy check` takes files that end in `.cedar`, `.cedarschema`, `.rego` and `.toml`, and directories, which stand
//! for the `.cedar`, `.cedarschema` and `.rego` files directly in them. It checks them as one set, as a deployment loads
//! them: a name means one policy, whatever the language, and there is one schema, which takes the place of the
//! built-in one. A problem is a line `FILE:LINE: REASON` on standard error (without `LINE:` where no line is to
//! blame) and the exit code 1. Without problems, each policy is a line of name, engine and file on standard output:
//! the first file of a Rego package that has several, `-` where it cannot be told. With `--json` it is
//!
//! ```text
//! {"policies": [{"name", "engine", "file"}], "problems": [{"file", "line", "reason"}]}
//! ```
//!
//! A `.toml` is the deployment's configuration: it is read as a service reads it, the policy files that it names are
//! checked with the others, and its tiers may name only policies of those files, or such as `--known NAME` says that
//! a sidecar or the code has.
//!
//! In the JSON form `file` and `line` may be `null`, and the policies of a language are only listed when its files compile. Files
//! that cannot be read, or none at all, are exit code 2 with nothing on standard output.
//!
//! `policy eval` asks one policy about one document and prints `allow` (exit code 0), `deny`, or `error` when the
//! policy can say neither, which a service takes for a no (both exit code 1; the reason goes to standard error). With
//! `--json` it is
//!
//! ```text
//! {"name", "engine", "decision": "allow"|"deny"|"error", "reason"}
//! ```
//!
//! with `reason` only for an error. Policies with problems, a name that none of them has, and an input that is not of
//! the document's shape are exit code 2, with nothing on standard output.
//!
//! `policy input` prints an example of that document. What it writes to standard output is always a document that
//! `policy eval` takes as it is: laid out for people, or on one line with `--json`. The explanations, a line for each
//! member of the document, go to standard error, and `--json` leaves them out.
//!
//! # Explain
//!
//! `explain` puts a `baggage` header and a bearer token through the very layer that a service has around it, and says what it
//! said: of each step whether it was done, and at the one that refused why, what was expected and what to do. The flags are those
//! of `three-services hop`. The exit code is 0 for a request that is let through and 1 for one that is refused. With `--json`
//!
//! ```text
//! {"verdict": "accept", "steps", "tier", "passport": {"entries", "tips", "trust_score", "taints"}|null, "caller"}
//! {"verdict": "refuse", "steps", "step", "kind", "cause", "index", "workload", "status", "expected", "mend"}
//! ```
//!
//! where `steps` are objects of `step` (`read`, `presence`, `token`, `restore`, `verify`, `age`, `caller`, `hop_proof`), `outcome`
//! (`ok`, `nothing_to_do`, `refused`, `not_reached`, `not_judged`) and `detail`. A hop proof is made for one request, so it is
//! not judged, and policies are not asked: `kest policy eval` does that. A service that would not start is exit code 2.
//!
//! # Audit
//!
//! `audit verify` reads a log whole and gives each of its writers one of three answers: complete from one record to another,
//! a gap, or unknown before a record, where older files were deleted in order. The exit code is 0 when nothing is wrong, and 1
//! with a line for each fault. With `--json`
//!
//! ```text
//! {"verdict", "keys", "records", "entries", "writers": [{"writer", "service", "answer": "complete"|"gap"|"unknown_before"|"empty", "first", "last",
//!  "sealed", "state", "torn", "entries", "lost", "in_force": [{"seq", "at", "keys", "policies"}]}], "faults": [{"writer", "seq", "kind", "cause", "file", "line"}], "fault_count"}
//! ```
//!
//! `in_force` has the last 64 digests of bundles and policies that the writer says it went by, each from its record on. `--resume FILE` goes
//! on from what earlier runs found right, whose hashes are compared again and whose signatures are not, and keeps what this one finds.
//!
//! `audit query` prints the records that fit, one a line, with `--json` an object each; it is exit code 1 when none fits. `audit
//! tail` goes on until it is interrupted. Both show what the log claims. `audit passport` prints the passport of an entry.
//! `audit prune` deletes old files and prints those that went, with `--json` `{"writer", "number", "through", "at", "bytes"}` each; it is
//! exit code 1 for a log with a gap, of which nothing is deleted.
//!
//! # Graph
//!
//! `graph` draws the lineage in a passport: with `--keys` as far as it is proved, without as it is claimed, which every form
//! says in words. The forms are `text` and `ascii` for terminals, `mermaid`, `dot`, `svg`, and `html`: a page that verifies
//! itself where it is read, under the keys that it was given, whose digest goes to standard error. The exit code is 0 for a
//! lineage that is verified or was not checked, and 1 for one that is refused, which is drawn as far as the fault. With
//! `--out` the file is written whole or not at all. With `--log` the entries come from an audit log: those of a `--trace`, or
//! all that led to an `--entry`; the exit code is 1 where it has nothing of it.
//!
//! # View
//!
//! `view` serves a page over a log until SIGINT or SIGTERM, and is then exit code 0. It prints `listening on ADDR` on standard
//! output once it answers. An address that is in use, or that other machines reach without the flag that says so, is exit code 2.
//!
//! # Authority
//!
//! Built with the feature `authority`. `authority init` makes the keys and the store of a new authority in a folder, and is exit code 1
//! where there are keys already. `authority serve` prints `listening on ADDR` twice on standard output once it answers, for enrolments and
//! for workloads, tells on standard error what it issues and refuses, and is exit code 0 after SIGINT or SIGTERM. `authority ticket` prints the
//! ticket alone. `authority revoke` is exit code 1 for an identity that was never enrolled, `authority rotate-root` while the rotation before
//! is not over. With `--json`, times in milliseconds since 1970,
//!
//! ```text
//! list    {"sequence", "workloads": [{"identity", "epoch", "void", "state": "alive"|"expired"|"revoked", "enrolled", "renewed", "alive_until",
//!          "entry_keys": [{"kid", "since", "until"}]}], "tickets": [{"hash", "identity", "created", "expires", "replace", "uses", "first_used"}]}
//! status  {"trust_domain", "keys": [{"kind": "root"|"token", "name", "used_from", "not_after", "signs"}], "sequence", "authorities": [{"authority", "roots", "token_keys"}],
//!          "workloads": {"alive", "expired", "revoked"}, "tickets": {"unused", "stolen"}}
//! revoke  {"identity", "epoch"}
//! ```
//!
//! where `void` and `epoch` of `revoke` are the last epoch that is void, or `null`. Tickets of `list` are those that can be used and those that
//! were used more than once.
//!
//! # Store
//!
//! `store put` verifies a passport, keeps it under a new claim for `--ttl` seconds, and prints the members of a `baggage`
//! header that lead to it, on one line; with `--json`
//!
//! ```text
//! {"claim", "chain_tip", "entries", "ttl_seconds", "sealed", "baggage"}
//! {"name", "verdict": "refuse", "kind", "index"}
//! ```
//!
//! the second, and exit code 1, when the passport does not hold. `store get` prints the JSON array that lies under a claim;
//! with `--json`
//!
//! ```text
//! {"claim", "entries", "passport"}
//! {"claim", "kind"}
//! ```
//!
//! the second, and exit code 1, when the claim is unknown or over (`claim_check_gone`) or what lies there is not what a service
//! would take, with the kinds that a service logs. With `--seal-key` and `--audience` claims are sealed, and plain ones refused.
//! A store that is away, or that may evict claims, is exit code 2. `store key` makes the key that services seal with.
//!
//! # Limits and caveats
//!
//! - A header without a passport is an empty lineage, which is accepted: 0 entries and the score `null`.
//! - Without a chain tip it goes unnoticed when the end of a passport was cut off: `verify` checks one only when it
//!   is given, or stands in the header, where it is required.
//! - A bundle that cannot be used is no verdict: exit code 2, nothing on standard output. It is fetched by https, or
//!   by http from this machine; redirects are not followed.
//! - What `inspect` shows is proved by nothing.

mod arguments;
mod audit;
#[cfg(feature = "authority")]
mod authority;
mod bundle;
mod canonicalize;
mod carried;
mod escape;
mod explain;
mod failure;
mod fresh;
mod graph;
mod input;
mod inspect;
mod keygen;
mod keys;
mod output;
mod policy;
mod store;
mod verify;
mod view;
mod whole;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::failure::{Answer, Failure};

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::say(&format!("cannot start: {error}"));
            return ExitCode::from(2);
        }
    };
    let code = runtime.block_on(start());
    // Its answer is given: a page that is made for a client that went away, and what hangs in a file, is not waited for.
    runtime.shutdown_background();
    code
}

async fn start() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version arrive here too. If they cannot be printed, nothing is left to say it to.
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
        Command::Bundle(arguments) => bundle::run(&arguments).await,
        Command::Verify(arguments) => verify::run(arguments).await,
        Command::Inspect(arguments) => inspect::run(arguments).await,
        Command::Graph(arguments) => graph::run(arguments).await,
        Command::Canonicalize(arguments) => canonicalize::run(arguments),
        Command::Explain(flags) => explain::run(flags).await,
        Command::Policy(command) => policy::run(command).await,
        Command::Store(command) => store::run(command).await,
        Command::Audit(command) => audit::run(command).await,
        #[cfg(feature = "authority")]
        Command::Authority(command) => authority::run(command).await,
        Command::View(flags) => view::run(flags).await,
    }
}
