//! The command line, exactly as people script it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kest_baggage::{ClaimCheck, ClaimCheckError};
use kest_core::entry::{EntryHash, NameError, PolicyName};
use kest_core::passport::{Tips, TipsError};
use kest_core::signature::{KeyId, WorkloadId};
use kest_core::{Dialect, Limits};
use serde::{Deserialize, Serialize};

/// Keys, trust bundles, passports and policies of Kest.
#[derive(Debug, Parser)]
#[command(name = "kest", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 yes or done, 1 refused or not true, 2 usage or I/O.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key: a private file, mode 0600, and a public one; overwrites neither.
    Keygen(Keygen),
    /// Join public keys into one trust bundle (a JWK Set).
    Bundle(Bundle),
    /// Prove a passport: every signature, link, score and taint.
    Verify(Verify),
    /// Show what a passport claims, without verifying anything.
    Inspect(Inspect),
    /// Draw the lineage in a passport: verified with --keys, as it is claimed without.
    Graph(Graph),
    /// Write the RFC 8785 bytes of a JSON text.
    Canonicalize(Canonicalize),
    /// Check policies and try them out.
    #[command(subcommand)]
    Policy(Policy),
    /// Say what a service that is configured like this would say to a request, step by step, and what to do about it.
    Explain(crate::explain::Explain),
    /// Audit logs: whether one is complete, what it says, the passport of an entry.
    #[command(subcommand)]
    Audit(crate::audit::Audit),
    /// Who issues the identities of services: tickets, revocations, what it remembers.
    #[cfg(feature = "authority")]
    #[command(subcommand)]
    Authority(crate::authority::Authority),
    /// Serve a local page over an audit log: newest lineages, search, pictures, refusals, what is missing; live.
    View(crate::view::View),
    /// Long passports in a shared store: look at one, put one there, make a key to seal them with.
    #[command(subcommand)]
    Store(Store),
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The workload that the key signs for: its SPIFFE id or another name.
    #[arg(long, value_name = "ID", value_parser = parse_workload)]
    pub(crate) workload: WorkloadId,
    /// Directory of the two files, made if it is missing: <last part of ID>.<8 characters of the key's id>.key.jwk, which
    /// is private, and the same with .pub.jwk.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// Files that hold a public JWK or a JWK Set, and directories, of which all files *.pub.jwk are taken.
    #[arg(value_name = "JWK|DIR", required = true)]
    pub(crate) places: Vec<PathBuf>,
    /// Write the bundle into this file, whole or not at all, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write nothing: the exit code says whether the keys make a bundle and, with --out, whether it is the one in FILE.
    #[arg(long)]
    pub(crate) check: bool,
    /// Write nothing: show which keys change from the trust bundle OLD, a file or a URL; the exit code says whether services
    /// that trust OLD take the new one over.
    #[arg(long, value_name = "OLD", conflicts_with_all = ["check", "out"])]
    pub(crate) diff: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Trust bundle (a JWK Set): a file, an https URL, or an http URL of this machine.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) keys: PathBuf,
    /// Input is the value of a baggage header, one header line per line.
    #[arg(long)]
    pub(crate) baggage: bool,
    /// What the passport must end in; several tips are joined by commas.
    #[arg(long, value_name = "HEX", value_parser = parse_tips)]
    pub(crate) chain_tip: Option<Tips>,
    /// Dialect of the input; a JSONL line may only ask for a stricter one.
    #[arg(long, value_enum, default_value_t = DialectName::Strict)]
    pub(crate) dialect: DialectName,
    /// Print the verdict as one JSON object; with --jsonl each is one already.
    #[arg(long)]
    pub(crate) json: bool,
    /// Verify many: a line in is a JSON object with passport or baggage, a line out its verdict.
    #[arg(long, conflicts_with_all = ["baggage", "chain_tip"])]
    pub(crate) jsonl: bool,
    /// Input; standard input when absent or "-".
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Input is the value of a baggage header, one header line per line.
    #[arg(long)]
    pub(crate) baggage: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Input; standard input when absent or "-".
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Trust bundle (a JWK Set) to verify with: a file, an https URL, or an http URL of this machine.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) keys: Option<PathBuf>,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = Picture::Text)]
    pub(crate) format: Picture,
    /// Input is the value of a baggage header, one header line per line.
    #[arg(long)]
    pub(crate) baggage: bool,
    /// What the passport must end in; several tips are joined by commas.
    #[arg(long, value_name = "HEX", value_parser = parse_tips)]
    pub(crate) chain_tip: Option<Tips>,
    /// Dialect of the input.
    #[arg(long, value_enum, default_value_t = DialectName::Strict)]
    pub(crate) dialect: DialectName,
    /// Draw what this audit log has of the lineage that --trace or --entry names; a parent that it does not have is drawn as
    /// missing.
    #[arg(long, value_name = "LOG", requires = "wanted", conflicts_with_all = ["file", "baggage", "chain_tip"])]
    pub(crate) log: Option<PathBuf>,
    /// The lineages of this trace: 32 hexadecimal digits.
    #[arg(long, value_name = "HEX", requires = "log", group = "wanted")]
    pub(crate) trace: Option<String>,
    /// The lineage that led to this entry: the SHA-256 of its compact form.
    #[arg(long, value_name = "HASH", requires = "log", group = "wanted", value_parser = parse_entry)]
    pub(crate) entry: Option<EntryHash>,
    /// Write the picture into this file, whole or not at all, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Input; standard input when absent or "-".
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// The forms of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    /// Lines for a terminal.
    Text,
    /// Lines for a terminal that has ASCII alone.
    Ascii,
    /// A flowchart for Mermaid.
    Mermaid,
    /// A digraph for Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// A page that needs no network, and verifies itself where it is read.
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct Canonicalize {
    /// Input; standard input when absent or "-".
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Parse policies and validate them: what is wrong with them, by file and line.
    Check(PolicyCheck),
    /// Ask one policy about one input document.
    Eval(PolicyEval),
    /// Print an example input document, with every member explained on standard error.
    Input(PolicyInput),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheck {
    /// Files that end in .cedar, .cedarschema (one, instead of the built-in schema), .rego or .toml, and directories,
    /// of which .toml files are left alone.
    #[arg(value_name = "FILES", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A policy that a configuration may name although no file has it: a sidecar or the code does.
    #[arg(long, value_name = "NAME")]
    pub(crate) known: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyEval {
    /// A .cedar or .rego file; all that belong together must be given.
    #[arg(long = "policy", value_name = "FILE", required = true)]
    pub(crate) policies: Vec<PathBuf>,
    /// A .cedarschema file to use instead of the built-in schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// The policy to ask: a Cedar policy's @id (or the name of its file), or a Rego package, with "/" for ".".
    #[arg(long, value_name = "NAME", value_parser = parse_policy_name)]
    pub(crate) name: PolicyName,
    /// The input document; standard input when "-".
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Print the decision as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyInput {
    /// Print the document alone, on one line, without the explanations.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Print the passport that lies under a claim: nothing is verified, and a claim for single use is not used up.
    Get(StoreGet),
    /// Verify a passport, put it into the store, and print the baggage members that lead to it.
    Put(StorePut),
    /// Make a key to seal claims with: a private file, mode 0600; overwrites nothing.
    Key(StoreKey),
}

/// Where claims are kept, and how.
#[derive(Debug, Args)]
pub(crate) struct StorePlace {
    /// The store: redis://HOST:PORT/DB, rediss:// for TLS; several for a cluster. The command line shows a
    /// password in it: use --password-file.
    #[arg(long, value_name = "URL", required = true)]
    pub(crate) store: Vec<String>,
    /// User of the store's access control list.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// File that holds the store's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// PEM file of the authorities behind the store's certificate, instead of this machine's.
    #[arg(long, value_name = "FILE")]
    pub(crate) root_certificates: Option<PathBuf>,
    /// Private JWK file of the key that claims are sealed with.
    #[arg(long, value_name = "FILE", requires = "audience")]
    pub(crate) seal_key: Option<PathBuf>,
    /// The name that sealed claims are read as and written for.
    #[arg(long, value_name = "NAME", requires = "seal_key")]
    pub(crate) audience: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreGet {
    #[command(flatten)]
    pub(crate) place: StorePlace,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// The claim, a UUID.
    #[arg(value_name = "CLAIM", value_parser = parse_claim)]
    pub(crate) claim: ClaimCheck,
}

#[derive(Debug, Args)]
pub(crate) struct StorePut {
    #[command(flatten)]
    pub(crate) place: StorePlace,
    /// Trust bundle (a JWK Set): a file, an https URL, or an http URL of this machine.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) keys: PathBuf,
    /// Seconds until the claim is over.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ttl: u32,
    /// What the passport must end in; several tips are joined by commas.
    #[arg(long, value_name = "HEX", value_parser = parse_tips)]
    pub(crate) chain_tip: Option<Tips>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// A JSON array of compact entries; standard input when absent or "-".
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreKey {
    /// The key's id, by which readers choose it.
    #[arg(long, value_name = "KID", value_parser = parse_key_id)]
    pub(crate) kid: KeyId,
    /// The file to make.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// A dialect as it is spelled by flags and JSONL lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DialectName {
    /// The protocol as this project writes it.
    Strict,
    /// What the first Python implementation writes.
    LegacyPython,
}

impl DialectName {
    /// Whether input may ask for this dialect where the command line allows `allowed`: never for a more lenient one.
    pub(crate) fn is_within(self, allowed: Self) -> bool {
        match self {
            Self::Strict => true,
            Self::LegacyPython => allowed == Self::LegacyPython,
        }
    }
}

impl From<DialectName> for Dialect {
    fn from(dialect: DialectName) -> Self {
        match dialect {
            DialectName::Strict => Self::Strict,
            DialectName::LegacyPython => Self::LegacyPython,
        }
    }
}

fn parse_workload(text: &str) -> Result<WorkloadId, NameError> {
    WorkloadId::new(text)
}

fn parse_policy_name(text: &str) -> Result<PolicyName, NameError> {
    PolicyName::new(text)
}

fn parse_claim(text: &str) -> Result<ClaimCheck, ClaimCheckError> {
    ClaimCheck::parse(text)
}

fn parse_key_id(text: &str) -> Result<KeyId, NameError> {
    KeyId::new(text)
}

fn parse_entry(text: &str) -> Result<EntryHash, &'static str> {
    text.parse().map_err(|_cause| "not a hash of 64 hexadecimal digits")
}

fn parse_tips(text: &str) -> Result<Tips, TipsError> {
    Tips::parse(text, &Limits::default())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_does_not_contradict_itself() {
        Arguments::command().debug_assert();
    }
}
