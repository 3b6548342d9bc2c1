//! The command lines of `kest authority`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use kest_identity::{SpiffeId, TrustDomain};
use url::Url;

/// Who issues the identities of services.
#[derive(Debug, Subcommand)]
pub(crate) enum Authority {
    /// Make the keys of a new authority, mode 0600, and its store; overwrites neither.
    Init(Init),
    /// Enrol, renew and give tokens until SIGINT or SIGTERM. Prints `listening on ADDR` twice once it answers: for enrolments, and
    /// for workloads.
    Serve(Serve),
    /// Print a ticket, and nothing else on standard output: the right to enrol one identity once.
    Ticket(Ticket),
    /// Print all workloads, the tickets that can be used, and those that were used more than once.
    List(List),
    /// Make all that an identity has void: certificates, tokens, entry keys. It is enrolled anew by a new ticket.
    Revoke(Revoke),
    /// Make the next root, or the next key of tokens. It is published now and used later, and a running authority takes it up.
    RotateRoot(RotateRoot),
    /// Print which keys are published, and how many workloads and tickets there are.
    Status(List),
}

/// Which authority.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Folder of the authority.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// What it remembers: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose password is taken from `PGPASSWORD`;
    /// DIR/authority.sqlite where nothing is said.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Of which it issues the identities: `example.org`.
    #[arg(long, value_name = "DOMAIN", value_parser = TrustDomain::parse)]
    pub(crate) trust_domain: TrustDomain,
    /// DNS name or IP address by which services reach it; repeatable. `localhost` and `127.0.0.1` where nothing is said.
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Address for those who have no certificate yet.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    pub(crate) enrolments: SocketAddr,
    /// Address for those who have one: mutual TLS.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8444")]
    pub(crate) workloads: SocketAddr,
    /// Where services find the latter: `https://authority.internal:8444`. `https://localhost:PORT` where nothing is said and it is
    /// an address of this machine.
    #[arg(long, value_name = "URL", value_parser = https)]
    pub(crate) workload_url: Option<Url>,
    /// How long certificates live: a day at most.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) certificate_life: Duration,
    /// How long tokens live: an hour at most.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) token_life: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Ticket {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose: a SPIFFE id.
    #[arg(long, value_name = "ID", value_parser = SpiffeId::parse)]
    pub(crate) identity: SpiffeId,
    /// Take the place of an identity that is alive: its certificates, tokens and entry keys are void once the ticket is used.
    #[arg(long)]
    pub(crate) replace: bool,
    /// How long the ticket is good: a day at most.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) lives: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct RotateRoot {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Replace the key that signs tokens and bundles, and not the root.
    #[arg(long)]
    pub(crate) tokens: bool,
    /// How long the next key is published before it is used: at least as long as services take to refresh the bundle.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) overlap: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose: a SPIFFE id.
    #[arg(long, value_name = "ID", value_parser = SpiffeId::parse)]
    pub(crate) identity: SpiffeId,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `10m`, `1h 30m`, `PT10M`.
fn duration(text: &str) -> Result<Duration, NoDuration> {
    let duration: SignedDuration = text.parse().map_err(|_cause| NoDuration)?;
    Duration::try_from(duration).map_err(|_negative| NoDuration)
}

#[derive(Debug, thiserror::Error)]
#[error("not a time like 10m")]
struct NoDuration;

fn https(text: &str) -> Result<Url, NoUrl> {
    let url: Url = text.parse().map_err(|_cause| NoUrl)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if url.scheme() == "https" && url.path() == "/" && plain && url.fragment().is_none() {
        Ok(url)
    } else {
        Err(NoUrl)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not an address like https://authority.internal:8444")]
struct NoUrl;
