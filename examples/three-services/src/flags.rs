//! The command line of one hop, turned into a service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kest::audit::{Durability, Recorder};
use kest::core::BoxError;
use kest::policy::PoliciesBuilder;
use kest::telemetry::Exporter;
use kest::{
    Dialect, Ed25519Signer, IdentityChoice, JwtAuthenticator, KeyRing, Limits, Operation, Origin,
    PassportPresence, Policies, Resource, Sanitizer, Tiers, Trust, TrustScore,
};

use crate::audit_log;
use crate::hop::{Binding, Hop};
use crate::store_flags::StoreFlags;
use crate::trusted::Trusted;

/// The flags of `three-services hop`.
#[derive(Debug, Args)]
pub struct HopFlags {
    /// The service's name.
    #[arg(long)]
    name: String,
    /// The address to listen on, for example 127.0.0.1:7001; port 0 picks one.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// The workload id that the key belongs to.
    #[arg(long)]
    workload: String,
    /// The private JWK file, which others may not read.
    #[arg(long)]
    key: PathBuf,
    /// A trust bundle, file or URL, whose changes are noticed while the service runs; may be given several times.
    #[arg(long)]
    bundle: Vec<String>,
    /// Verify bearer tokens with this key set.
    #[arg(long, requires = "issuer", requires = "audience", group = "choice")]
    jwks_uri: Option<String>,
    /// The issuer that tokens must name.
    #[arg(long, requires = "jwks_uri")]
    issuer: Option<String>,
    /// The audience that tokens must be meant for.
    #[arg(long, requires = "jwks_uri")]
    audience: Option<String>,
    /// Take identity from the verified lineage only.
    #[arg(long, group = "choice")]
    identity_from_lineage: bool,
    /// Verify no caller at all; every identity is marked unverified.
    #[arg(long, group = "choice")]
    insecure_no_verify: bool,
    /// The next service; its origin is the one listed destination.
    #[arg(long)]
    next: Option<String>,
    #[command(flatten)]
    store: StoreFlags,
    /// Bytes that an encoded member may have before the next tier is used.
    #[arg(long)]
    threshold: Option<usize>,
    /// Which tiers are written.
    #[arg(long, value_enum, default_value_t = TiersFlag::Auto)]
    tiers: TiersFlag,
    /// Which dialect is read.
    #[arg(long, value_enum, default_value_t = DialectFlag::Strict)]
    dialect: DialectFlag,
    /// Whether requests may come without a passport, must not, or must not come with one.
    #[arg(long, value_enum, default_value_t = PassportFlag::Optional)]
    passport: PassportFlag,
    /// Seconds that a passport may be old; 0 for any age. 900 unless it is given.
    #[arg(long, value_name = "SECONDS")]
    max_tip_age: Option<u64>,
    /// Whether passports that come in must be bound to their request by a hop proof and requests that go out are signed (`required`),
    /// only the latter (`sign`), or neither (`off`). With `sign` a service that verifies tokens believes no trust of an unbound
    /// passport that a request without one would not have; with `off`, and where identity comes from the lineage, all of it.
    /// `required` unless it is given; in the legacy dialect, which knows none, `off`.
    #[arg(long, value_enum)]
    hop_proof: Option<HopProofFlag>,
    /// A name by which callers reach this service, HOST or HOST:PORT; may be given several times. The address that it listens on
    /// unless it is given.
    #[arg(long, value_name = "NAME")]
    authority: Vec<String>,
    /// Where the operation's data comes from; internet when no passport came.
    #[arg(long)]
    origin: Option<String>,
    /// A taint that the operation adds; may be given several times.
    #[arg(long)]
    taint: Vec<String>,
    /// Declare the operation a sanitizer, for this reason.
    #[arg(long)]
    sanitize: Option<String>,
    /// The score that the sanitizer sets.
    #[arg(long, requires = "sanitize")]
    trust: Option<u8>,
    /// A taint that the sanitizer removes; may be given several times.
    #[arg(long, requires = "sanitize")]
    remove_taint: Vec<String>,
    /// What the operation acts on, for policies and the record.
    #[arg(long)]
    resource: Option<String>,
    /// Its attributes, a JSON object.
    #[arg(long, requires = "resource")]
    attributes: Option<String>,
    /// A file or folder of policies, .cedar or .rego; may be given several times. Those that the configuration puts
    /// into no tier are the operation's own, and all of them must allow. Needs the feature `policies` of this package.
    #[arg(long)]
    policy: Vec<PathBuf>,
    /// The deployment's configuration: tiers and deviations, TOML.
    #[arg(long)]
    policy_config: Option<PathBuf>,
    /// Where to keep an audit log: a folder, made if it is missing; `sqlite:PATH`; or `postgres://USER@HOST/DATABASE`, whose password is
    /// taken from `PGPASSWORD`. `kest audit verify` says whether all of it is there. Databases need the feature `databases` of this
    /// package.
    #[arg(long, value_name = "LOG")]
    audit: Option<PathBuf>,
    /// Whether an operation runs only after its record is on the disk.
    #[arg(long, value_enum, default_value_t = DurabilityFlag::Required, requires = "audit")]
    audit_durability: DurabilityFlag,
    /// A collector that takes OTLP over HTTP, by its URL: it gets a span for each request and operation.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// A `SQLite` file that gets them instead; it is made if it is missing. Needs the feature `databases` of this package.
    #[arg(long, value_name = "FILE", conflicts_with = "otlp")]
    spans: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DurabilityFlag {
    Required,
    BestEffort,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TiersFlag {
    Auto,
    Compressed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DialectFlag {
    Strict,
    LegacyPython,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PassportFlag {
    Optional,
    Required,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HopProofFlag {
    Required,
    Sign,
    Off,
}

/// A flag's value cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// `--workload` is not the one that the key file names.
    #[error("key file belongs to another workload than --workload says")]
    OtherWorkload,
    /// `--hop-proof required` or `sign` in a dialect that knows no hop proofs.
    #[error("the legacy dialect knows no hop proofs: say --hop-proof off")]
    LegacyHopProof,
}

impl HopFlags {
    /// The service's name, and where its spans go.
    #[must_use]
    pub fn spans(&self) -> Option<(&str, Exporter)> {
        let collector = self.otlp.clone().map(Exporter::Otlp);
        let exporter = collector.or_else(|| self.spans.clone().map(Exporter::Sqlite))?;
        Some((self.name.as_str(), exporter))
    }

    /// The service that the flags describe, which listens on `address`.
    pub(crate) async fn to_hop(&self, address: SocketAddr) -> Result<Hop, BoxError> {
        let signer = Arc::new(Ed25519Signer::from_file(&self.key)?);
        if signer.workload().as_str() != self.workload {
            return Err(FlagError::OtherWorkload.into());
        }
        let mut own = KeyRing::new();
        own.trust_signer(signer.as_ref())?;
        let trusted = Trusted::follow(own, &self.bundle).await?;
        let limits = Limits::default();
        let stores = self.store.open(&limits).await?;
        let tiers = match self.tiers {
            TiersFlag::Auto => Tiers::auto(),
            TiersFlag::Compressed => Tiers::compressed_always(),
        };
        let audit = self.audit(&signer, &limits).await?;
        let tiers = self.threshold.into_iter().fold(tiers, Tiers::threshold);
        Ok(Hop {
            name: self.name.clone(),
            operation: self.operation()?,
            signer,
            trust: Trust::resolver(trusted),
            identity: self.identity()?,
            next: self.next.clone(),
            tiers: tiers.store(stores.claims.clone()),
            claims: stores.claims,
            replays: stores.replays,
            dialect: match self.dialect {
                DialectFlag::Strict => Dialect::Strict,
                DialectFlag::LegacyPython => Dialect::LegacyPython,
            },
            passport: match self.passport {
                PassportFlag::Optional => PassportPresence::Optional,
                PassportFlag::Required => PassportPresence::Required,
                PassportFlag::Refused => PassportPresence::Refused,
            },
            max_tip_age: match self.max_tip_age {
                None => Some(limits.max_tip_age),
                Some(0) => None,
                Some(seconds) => Some(Duration::from_secs(seconds)),
            },
            binding: self.binding(address)?,
            policies: self.policies(&limits).await?,
            audit,
            limits,
        })
    }

    async fn audit(
        &self,
        signer: &Arc<Ed25519Signer>,
        limits: &Limits,
    ) -> Result<Option<Arc<Recorder>>, BoxError> {
        let Some(place) = &self.audit else { return Ok(None) };
        let durability = match self.audit_durability {
            DurabilityFlag::Required => Durability::Required,
            DurabilityFlag::BestEffort => Durability::BestEffort,
        };
        let signer = Arc::<Ed25519Signer>::clone(signer);
        Ok(Some(Arc::new(audit_log::open(place, signer, durability, limits).await?)))
    }

    fn binding(&self, address: SocketAddr) -> Result<Binding, FlagError> {
        let named = || {
            let own = self.authority.is_empty().then(|| address.to_string());
            self.authority.iter().cloned().chain(own).collect()
        };
        match (self.dialect, self.hop_proof) {
            (DialectFlag::Strict, None | Some(HopProofFlag::Required)) => Ok(Binding::HopProof(named())),
            (DialectFlag::Strict, Some(HopProofFlag::Sign)) => Ok(Binding::SignOnly),
            (_, Some(HopProofFlag::Off)) | (DialectFlag::LegacyPython, None) => Ok(Binding::Bearer),
            (DialectFlag::LegacyPython, Some(_)) => Err(FlagError::LegacyHopProof),
        }
    }

    /// `None` when neither policies nor a configuration were named.
    async fn policies(&self, limits: &Limits) -> Result<Option<Policies>, BoxError> {
        if self.policy.is_empty() && self.policy_config.is_none() {
            return Ok(None);
        }
        let builder = self.policy.iter().fold(Policies::builder(), PoliciesBuilder::file);
        let builder = self.policy_config.iter().fold(builder, PoliciesBuilder::configuration_file);
        let builder = builder.limits(limits.clone());
        let policies = tokio::task::spawn_blocking(move || builder.build()).await??;
        Ok(Some(policies))
    }

    /// `None` when no choice was made: the guard of the inbound layer then speaks.
    fn identity(&self) -> Result<Option<IdentityChoice>, BoxError> {
        if let (Some(uri), Some(issuer), Some(audience)) = (&self.jwks_uri, &self.issuer, &self.audience) {
            let jwt = JwtAuthenticator::builder()
                .jwks_uri(uri)
                .issuer(issuer.as_str())
                .audience(audience.as_str())
                .accept_plain_jwt()
                .build()?;
            return Ok(Some(IdentityChoice::jwks(jwt)));
        }
        if self.identity_from_lineage {
            return Ok(Some(IdentityChoice::from_lineage()));
        }
        Ok(self.insecure_no_verify.then(IdentityChoice::dangerous_insecure_no_verify))
    }

    fn operation(&self) -> Result<Operation, BoxError> {
        let mut operation = Operation::named("POST /call")?;
        if let Some(origin) = &self.origin {
            operation = operation.origin(Origin::new(origin.as_str())?);
        }
        for taint in &self.taint {
            operation = operation.taint(taint.as_str());
        }
        if let Some(id) = &self.resource {
            let resource = Resource::new(id.as_str());
            resource.check(&Limits::default())?;
            operation = operation.resource(match &self.attributes {
                Some(object) => resource.with_attributes(object)?,
                None => resource,
            });
        }
        if let Some(reason) = &self.sanitize {
            let mut sanitizer = Sanitizer::because(reason.as_str());
            if let Some(trust) = self.trust {
                sanitizer = sanitizer.sets_trust(TrustScore::new(trust)?);
            }
            for taint in &self.remove_taint {
                sanitizer = sanitizer.removes(taint.as_str());
            }
            operation = operation.sanitizer(sanitizer);
        }
        Ok(operation)
    }
}
