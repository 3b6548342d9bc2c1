//! The demonstration: an issuer, N services, one request across all of them, attacks, a verdict.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kest::baggage::PassportStores;
use kest::core::BoxError;
use kest::core::passport::Tips;
use kest::{
    Bundle, Dialect, Ed25519Signer, IdentityChoice, InMemoryPassports, JwtAuthenticator, KeyRing, Limits,
    Operation, Origin, OsRandom, Passport, PassportPresence, Sanitizer, Tiers, TrustScore,
    UnverifiedPassport, Verifier, WorkloadId,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::attacks::{self, Attack};
use crate::hop::{Binding, Hop};
use crate::issuer::Issuer;
use crate::log::{self, Logs};
use crate::show;
use crate::wiretap::Wiretap;

/// The audience of the demonstration's tokens.
pub(crate) const AUDIENCE: &str = "shop";

/// Flags of the demonstration.
#[derive(Debug, Args)]
pub struct Demo {
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// How many services the request crosses.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=200))]
    hops: u16,
}

impl Default for Demo {
    fn default() -> Self {
        Self { json: false, hops: 3 }
    }
}

/// A chain of services that are up.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) origins: Vec<String>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) signers: Vec<Arc<Ed25519Signer>>,
    /// A proxy on the way to the second service, which callers know that service by; it keeps what it sees.
    pub(crate) wiretap: Wiretap,
    logs: Logs,
    serving: JoinSet<()>,
}

impl Demo {
    /// Runs it; success only when all of it held.
    ///
    /// # Errors
    ///
    /// When a service could not be started or did not answer as promised.
    pub async fn run(self) -> Result<ExitCode, BoxError> {
        let issuer = Issuer::start().await?;
        let mut chain = Chain::start(usize::from(self.hops), &issuer).await?;
        let answer = ask(&chain, &issuer).await?;
        let passport = answer.chain().last().map(|last| last.passport.clone()).unwrap_or_default();
        let proved = verify(&passport, &chain.ring)?;
        let attacks = attacks::play(&chain, &issuer, &passport).await?;
        chain.serving.shutdown().await;
        let logged = chain.logs.judged(&chain.ring).await?;
        let refused = attacks.iter().all(Attack::was_refused);
        let whole = proved.len() == usize::from(self.hops) && logged.holds();
        let mut out = std::io::stdout().lock();
        if self.json {
            let object = to_json(&answer, &passport, &chain.ring, &attacks, whole)?;
            writeln!(out, "{object}")?;
        } else {
            show::lineage(&mut out, &answer, &proved)?;
            log::tell(&mut out, &logged)?;
            show::attacks(&mut out, &proved, &attacks)?;
        }
        Ok(if whole && refused { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn to_json(
    answer: &Answer,
    passport: &[String],
    ring: &KeyRing,
    attacks: &[Attack],
    whole: bool,
) -> Result<Value, BoxError> {
    let hops: Vec<Answer> = answer
        .chain()
        .map(|answer| {
            // Each hop stands alone in the list: what followed it is the next element.
            let mut alone = answer.clone();
            alone.next = None;
            alone
        })
        .collect();
    let bundle: Value = serde_json::from_str(&Bundle::to_json(ring)?)?;
    let attacks: Vec<Value> =
        attacks.iter().map(|it| json!({"name": it.name, "status": it.status})).collect();
    Ok(json!({"hops": hops, "passport": passport, "bundle": bundle, "attacks": attacks, "verified": whole}))
}

impl Chain {
    /// Starts the services, the last one first, since each must know its next.
    async fn start(count: usize, issuer: &Issuer) -> Result<Self, BoxError> {
        let mut limits = Limits::default();
        // A disk that is busy with something else is no fault of the services.
        (limits.audit_wait, limits.admission_wait) = (Duration::from_secs(20), Duration::from_secs(30));
        let claims = PassportStores::plain(Arc::new(InMemoryPassports::new(&limits)));
        let mut ring = KeyRing::new();
        let mut signers = Vec::with_capacity(count);
        for index in 0..count {
            let workload = WorkloadId::new(format!("spiffe://demo.example/{}", name(index)))?;
            let signer = Arc::new(Ed25519Signer::generate(workload, &OsRandom)?);
            ring.trust_signer(signer.as_ref())?;
            signers.push(signer);
        }
        let ring = Arc::new(ring);
        let wiretap = Wiretap::start().await?;
        let mut logs = Logs::new()?;
        let mut serving = JoinSet::new();
        let mut origins: Vec<String> = Vec::with_capacity(count);
        for (index, signer) in signers.iter().cloned().enumerate().rev() {
            let audit = logs.of(&signer, &limits)?;
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let address = listener.local_addr()?.to_string();
            let hop = Hop {
                name: name(index),
                operation: operation(index)?,
                signer,
                trust: Arc::<KeyRing>::clone(&ring).into(),
                identity: Some(identity(index, issuer)?),
                next: origins.last().cloned(),
                tiers: Tiers::auto().store(claims.clone()),
                claims: claims.clone(),
                dialect: Dialect::Strict,
                passport: if index == 0 { PassportPresence::Optional } else { PassportPresence::Required },
                max_tip_age: Some(limits.max_tip_age),
                limits: limits.clone(),
                policies: None,
                binding: Binding::HopProof(vec![address.clone(), wiretap.authority().to_owned()]),
                replays: None,
                audit: Some(audit),
            };
            origins.push(format!("http://{address}"));
            let router = hop.into_router()?;
            serving.spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::error!("service stopped: {error}");
                }
            });
        }
        origins.reverse();
        Ok(Self { origins, ring, signers, wiretap, logs, serving })
    }
}

fn name(index: usize) -> String {
    ["gateway", "orders", "ledger"]
        .get(index)
        .map_or_else(|| format!("service-{}", index + 1), |it| (*it).to_owned())
}

/// The first three operations tell a story of trust; the rest pass it on.
fn operation(index: usize) -> Result<Operation, BoxError> {
    Ok(match index {
        0 => Operation::named("place_order")?.origin(Origin::user_input()).taint("user_input"),
        1 => Operation::named("check_order")?.sanitizer(
            Sanitizer::because("order matched the schema and the catalogue")
                .sets_trust(TrustScore::new(80)?)
                .removes("user_input"),
        ),
        2 => Operation::named("book_payment")?.taint("payment_data"),
        _ => Operation::named("pass_on")?,
    })
}

/// The first service authenticates the user's token; the next believe the verified lineage.
fn identity(index: usize, issuer: &Issuer) -> Result<IdentityChoice, BoxError> {
    if index > 0 {
        return Ok(IdentityChoice::from_lineage());
    }
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .accept_plain_jwt()
        .build()?;
    Ok(IdentityChoice::jwks(jwt))
}

async fn ask(chain: &Chain, issuer: &Issuer) -> Result<Answer, BoxError> {
    let token = issuer.token(AUDIENCE, "alice", "checkout-web", "orders:write")?;
    let first = chain.origins.first().ok_or("no service is up")?;
    let response = reqwest::Client::new().post(format!("{first}/call")).bearer_auth(token).send().await?;
    Ok(response.error_for_status()?.json().await?)
}

/// Proves the passport once more, from outside the services.
fn verify(passport: &[String], ring: &KeyRing) -> Result<Passport, BoxError> {
    let limits = Limits::default();
    let tips: Option<Tips> = None;
    let carried =
        UnverifiedPassport::dangerous_from_entries(passport.iter().map(String::as_str), tips, &limits)?;
    Ok(Verifier::new(limits).verify(carried, ring)?)
}
