//! The flags of `kest explain`: those of a service, and what it is shown.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kest_identity::{IdentityChoice, JwtAuthenticator};
use kest_tower::PassportPresence;

use super::ExplainError;
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

    /// Where the service takes identity from; `None` where the flags do not say it, and the start-up guard does.
    pub(crate) fn identity(&self) -> Result<Option<IdentityChoice>, ExplainError> {
        if let (Some(uri), Some(issuer), Some(audience)) = (&self.jwks_uri, &self.issuer, &self.audience) {
            // As `three-services hop` has it.
            let jwt = JwtAuthenticator::builder()
                .jwks_uri(uri)
                .issuer(issuer.as_str())
                .audience(audience.as_str())
                .accept_plain_jwt()
                .build()
                .map_err(|cause| ExplainError::Identity(cause.into()))?;
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
