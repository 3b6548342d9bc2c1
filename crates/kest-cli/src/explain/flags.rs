//! The flags of `kest explain`: those of a service, and what it is shown.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use kest_core::{Clock, SystemClock};
use kest_identity::{DpopSettings, IdentityChoice, JwtAuthenticator, Requirement};
use kest_tower::PassportPresence;

use super::ExplainError;
use super::clock::StoodStill;
use crate::arguments::DialectName;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Trust bundle of the service (a JWK Set): a file, an https URL, or an http URL of this machine; may be given several
    /// times.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) bundle: Vec<PathBuf>,
    /// The service verifies bearer tokens with this key set.
    #[arg(long, value_name = "URL", requires = "issuer", requires = "audience", group = "choice")]
    jwks_uri: Option<String>,
    /// The issuer that tokens must name.
    #[arg(long, value_name = "ISS", requires = "jwks_uri")]
    issuer: Option<String>,
    /// The audience that tokens must be meant for.
    #[arg(long, value_name = "AUD", requires = "jwks_uri")]
    audience: Option<String>,
    /// The service takes identity from the verified lineage only.
    #[arg(long, group = "choice")]
    identity_from_lineage: bool,
    /// The service verifies no caller at all.
    #[arg(long, group = "choice")]
    insecure_no_verify: bool,
    /// Whether requests may come without a passport, must not, or must not come with one.
    #[arg(long, value_enum, default_value_t = PassportFlag::Optional)]
    passport: PassportFlag,
    /// Seconds that a passport may be old; 0 for any age. 900 unless it is given.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_tip_age: Option<u64>,
    /// Whether the service demands hop proofs (`required`), or takes passports without: `sign` as a service does that says nothing
    /// about it, by which an unbound passport lifts no trust unless identity comes from the lineage, `off` as one that believes all of it.
    /// `required` unless it is given; in the legacy dialect, which knows none, `off`.
    #[arg(long, value_enum)]
    hop_proof: Option<HopProofFlag>,
    /// Dialect that the service reads.
    #[arg(long, value_enum, default_value_t = DialectName::Strict)]
    pub(crate) dialect: DialectName,
    /// A name by which callers reach the service, `host` or `host:port`: hop proofs are for one of them. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Vec<String>,
    /// Whether tokens are bound to keys, and come with a proof that the caller has the key (`DPoP`).
    #[arg(long, value_enum, requires = "jwks_uri", requires = "dpop_origin")]
    dpop: Option<DpopFlag>,
    /// An origin under which clients know the service, such as `https://shop.example`, that proofs of keys must name. May be given
    /// several times.
    #[arg(long, value_name = "ORIGIN", requires = "dpop")]
    dpop_origin: Vec<String>,
    /// When the request came: a time with its offset, as `2027-01-15T08:00:00Z`, or seconds since 1970. Now, unless it is given.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    at: Option<u64>,
    /// The request as it came, in the place of its token and its baggage: a first line `METHOD TARGET`, then one header per line;
    /// "-" for standard input. Its hop proof is judged.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token", "baggage"])]
    pub(crate) request: Option<PathBuf>,
    /// The body of that request; none unless it is given.
    #[arg(long, value_name = "FILE", requires = "request")]
    pub(crate) body: Option<PathBuf>,
    /// The bearer token of the request, without the word before it; "-" for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    /// The baggage of the request, one header line per line; "-" for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) baggage: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PassportFlag {
    Optional,
    Required,
    Refused,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HopProofFlag {
    Required,
    Sign,
    Off,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DpopFlag {
    Optional,
    Required,
}

/// What the service makes of passports that nothing ties to their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unbound {
    /// It refuses them.
    Refused,
    /// It takes them, and they lift nothing.
    LiftNothing,
    /// It believes them in full.
    Believed,
}

impl Explain {
    /// What the service makes of unbound passports, with this identity.
    pub(crate) fn unbound(&self, identity: Option<&IdentityChoice>) -> Result<Unbound, ExplainError> {
        // As `three-services hop` has it.
        let by_lineage = identity.is_some_and(IdentityChoice::believes_lineage);
        match (self.dialect, self.hop_proof) {
            (DialectName::Strict, None | Some(HopProofFlag::Required)) => Ok(Unbound::Refused),
            (DialectName::Strict, Some(HopProofFlag::Sign)) if !by_lineage => Ok(Unbound::LiftNothing),
            (_, Some(HopProofFlag::Off))
            | (DialectName::Strict, Some(HopProofFlag::Sign))
            | (DialectName::LegacyPython, None) => Ok(Unbound::Believed),
            (DialectName::LegacyPython, Some(_)) => Err(ExplainError::LegacyHopProof),
        }
    }

    /// What the service reads the time from.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        match self.at {
            Some(seconds) => Arc::new(StoodStill::at(seconds)),
            None => Arc::new(SystemClock),
        }
    }

    /// Where the service takes identity from; `None` where the flags do not say it, and the start-up guard does.
    pub(crate) fn identity(&self) -> Result<Option<IdentityChoice>, ExplainError> {
        if let (Some(uri), Some(issuer), Some(audience)) = (&self.jwks_uri, &self.issuer, &self.audience) {
            // As `three-services hop` has it.
            let jwt = JwtAuthenticator::builder()
                .jwks_uri(uri)
                .issuer(issuer.as_str())
                .audience(audience.as_str())
                .accept_plain_jwt()
                .clock(self.clock());
            let jwt = match self.dpop {
                None => jwt,
                Some(DpopFlag::Optional) => jwt.dpop(Requirement::Optional),
                Some(DpopFlag::Required) => jwt.dpop(Requirement::Required),
            };
            let jwt = if self.dpop.is_some() {
                jwt.dpop_settings(DpopSettings::new().origins(self.dpop_origin.iter().map(String::as_str)))
            } else {
                jwt
            };
            let jwt = jwt.build().map_err(|cause| ExplainError::Identity(cause.into()))?;
            return Ok(Some(IdentityChoice::jwks(jwt)));
        }
        if self.identity_from_lineage {
            return Ok(Some(IdentityChoice::from_lineage()));
        }
        Ok(self.insecure_no_verify.then(IdentityChoice::dangerous_insecure_no_verify))
    }

    pub(crate) fn presence(&self) -> PassportPresence {
        match self.passport {
            PassportFlag::Optional => PassportPresence::Optional,
            PassportFlag::Required => PassportPresence::Required,
            PassportFlag::Refused => PassportPresence::Refused,
        }
    }
}

/// Seconds since 1970 of a time that says its offset, or that is written so.
fn seconds(text: &str) -> Result<u64, NoTime> {
    if let Ok(seconds) = text.parse() {
        // A year is no such number.
        return if seconds < IN_2001 { Err(NoTime) } else { Ok(seconds) };
    }
    let time: Timestamp = text.parse().map_err(|_cause| NoTime)?;
    u64::try_from(time.as_second()).map_err(|_before_1970| NoTime)
}

#[derive(Debug, thiserror::Error)]
#[error("neither a time with its offset nor seconds since 1970")]
struct NoTime;

/// Before any passport.
const IN_2001: u64 = 1_000_000_000;
