//! One service: the layers around a route that calls the next service.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use kest::audit::Recorder;
use kest::baggage::PassportStores;
use kest::core::{BoxError, ReplayStore};
use kest::tower::{HopProof, InboundBuilder};
use kest::{
    Bundle, Dialect, Ed25519Signer, IdentityChoice, Kest, KestBuilder, KeyRing, Limits, Operation,
    OperationBuilder, OperationLayer, PassportPresence, Policies, Tiers, Trust,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::call::{self, Next};
use crate::flags::HopFlags;
use crate::serve::serve;
use crate::stack;

/// Time that the next service, and all behind it, may take.
const NEXT_WAIT: Duration = Duration::from_secs(30);

/// How often changed policies are looked for.
const POLICY_INTERVAL: Duration = Duration::from_secs(1);

/// What one service is made of.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) signer: Arc<Ed25519Signer>,
    pub(crate) trust: Trust,
    pub(crate) identity: Option<IdentityChoice>,
    pub(crate) next: Option<String>,
    pub(crate) tiers: Tiers,
    pub(crate) claims: PassportStores,
    pub(crate) dialect: Dialect,
    pub(crate) passport: PassportPresence,
    /// How old a passport may be; `None` for any age.
    pub(crate) max_tip_age: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) policies: Option<Policies>,
    pub(crate) binding: Binding,
    /// Where used hop proofs are remembered; in this process where it is not said.
    pub(crate) replays: Option<Arc<dyn ReplayStore>>,
    pub(crate) audit: Option<Arc<Recorder>>,
}

/// What binds passports to the requests that they come with.
#[derive(Debug, Clone)]
pub(crate) enum Binding {
    /// Hop proofs for a service of these names; outgoing requests have one too.
    HopProof(Vec<String>),
    /// Nothing that comes in, and it lifts nothing where it need not be believed; outgoing requests have a hop proof.
    SignOnly,
    /// Nothing, and what comes in is believed in full.
    Bearer,
}

impl Binding {
    fn said(self, inbound: InboundBuilder, identity: Option<&IdentityChoice>) -> InboundBuilder {
        match self {
            Self::HopProof(names) => inbound.hop_proof(HopProof::for_authorities(names)),
            // As a service has it that says nothing, where one may.
            Self::SignOnly if !identity.is_some_and(IdentityChoice::believes_lineage) => inbound,
            Self::SignOnly | Self::Bearer => inbound.dangerous_bearer_passports(),
        }
    }
}

impl Hop {
    /// The service.
    ///
    /// # Panics
    ///
    /// The start-up guard, when no identity choice was made.
    pub(crate) fn into_router(mut self) -> Result<Router, BoxError> {
        let mut own = KeyRing::new();
        own.trust_signer(self.signer.as_ref())?;
        let jwks = Bundle::to_json(&own)?;
        self.limits.max_tip_age = self.max_tip_age.unwrap_or(self.limits.max_tip_age);
        let kest = Kest::builder(self.signer)
            .trust(self.trust)
            .passport_store(self.claims)
            .tiers(self.tiers)
            .dialect(self.dialect)
            .limits(self.limits);
        let kest = self.replays.into_iter().fold(kest, KestBuilder::replay_store);
        let kest = self.audit.into_iter().fold(kest, |kest, log| kest.audit(log));
        let kest = match &self.policies {
            Some(policies) => kest.policies(policies.clone()).build()?,
            None => kest.without_deployment_policies().build()?,
        };
        let next = self.next.as_deref().map(|next| next_service(&kest, next, &self.binding)).transpose()?;
        let inbound = kest.inbound_builder().passport(self.passport);
        let mut inbound = self.binding.said(inbound, self.identity.as_ref());
        if self.max_tip_age.is_none() {
            inbound = inbound.dangerous_accept_any_age();
        }
        if let Some(choice) = self.identity {
            inbound = inbound.identity(choice);
        }
        // On the route and not on the router: a request that matches no route is no operation.
        let operation = under_its_own_policies(kest.operation(self.operation), self.policies.as_ref())?;
        let protected = Router::new()
            .route("/call", post(call::call).route_layer(operation))
            .with_state(Arc::new(call::Service { name: self.name, next }))
            .layer(inbound.build());
        Ok(stack::within(
            protected
                .route("/healthz", get(async || "ok"))
                .route("/jwks.json", get(async || ([("content-type", "application/jwk-set+json")], jwks))),
        ))
    }
}

/// The operation's own policies: those that belong to no tier of the deployment.
fn under_its_own_policies(
    operation: OperationBuilder,
    policies: Option<&Policies>,
) -> Result<OperationLayer, BoxError> {
    let Some(policies) = policies else {
        // A caller who was verified may call: the demonstration is about lineage.
        return Ok(operation.policy_fn("verified_callers", |_asked| true)?);
    };
    let own = policies.unassigned();
    if own.is_empty() {
        return Ok(operation.deployment_only()?);
    }
    Ok(operation.policies(own.iter().map(|name| name.as_str()))?)
}

fn next_service(kest: &Kest, next: &str, binding: &Binding) -> Result<Next, BoxError> {
    let url = reqwest::Url::parse(next)?;
    let client = kest
        .client(reqwest::Client::builder().timeout(NEXT_WAIT))
        .destination(&url.origin().ascii_serialization())?;
    let client = match binding {
        Binding::HopProof(_) | Binding::SignOnly => client.build()?,
        Binding::Bearer => client.without_hop_proof().build()?,
    };
    Ok(Next { client, url: url.join("/call")? })
}

/// Runs a hop until SIGTERM or an interrupt; running requests are finished, within ten seconds.
///
/// # Errors
///
/// Flags that cannot be used and an address that cannot be listened on.
///
/// # Panics
///
/// The start-up guard, when no identity choice was made.
pub async fn run(flags: HopFlags) -> Result<ExitCode, BoxError> {
    let listener = TcpListener::bind(flags.listen).await?;
    let address = listener.local_addr()?;
    let hop = flags.to_hop(address).await?;
    // Policies are looked at again while the service runs; a broken file leaves those in force that were.
    let _watch = hop.policies.as_ref().map(|policies| policies.watch(POLICY_INTERVAL));
    let audit = hop.audit.clone();
    let router = hop.into_router()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    writeln!(std::io::stdout().lock(), "listening on {address}")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve(listener, router, stop).await;
    if let Some(log) = audit {
        log.close().await?;
    }
    Ok(ExitCode::SUCCESS)
}
