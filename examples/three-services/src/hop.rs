//! One service: the layers around a route that calls the next service.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use kest::core::BoxError;
use kest::core::policy::policy_fn;
use kest::{
    Bundle, CarryPassport, Destination, Ed25519Signer, IdentityChoice, InMemoryClaims, InboundLayer, Kest,
    KeyRing, Limits, Operation, OperationLayer, Reading, Tiers, WithoutLineage,
};
use tokio::net::TcpListener;

use crate::call::{self, Next};
use crate::flags::HopFlags;

/// Time that the next service, and all behind it, may take.
const NEXT_WAIT: Duration = Duration::from_secs(30);

/// What one service is made of.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) signer: Arc<Ed25519Signer>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) identity: Option<IdentityChoice>,
    pub(crate) next: Option<String>,
    pub(crate) tiers: Tiers,
    pub(crate) claims: Arc<InMemoryClaims>,
    pub(crate) reading: Reading,
    pub(crate) passport: PassportRule,
    pub(crate) limits: Limits,
}

/// Whether a request may come without a passport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassportRule {
    Optional,
    Required,
}

impl Hop {
    /// The service.
    ///
    /// # Panics
    ///
    /// The start-up guard, when no identity choice was made.
    pub(crate) fn into_router(self) -> Result<Router, BoxError> {
        let mut own = KeyRing::new();
        own.trust_signer(self.signer.as_ref())?;
        let jwks = Bundle::to_json(&own)?;
        let mut inbound = InboundLayer::builder(self.ring)
            .claims(self.claims)
            .reading(self.reading)
            .limits(self.limits.clone());
        if let Some(choice) = self.identity {
            inbound = inbound.identity(choice);
        }
        if self.passport == PassportRule::Required {
            inbound = inbound.require_passport();
        }
        // Whoever reaches the route and was verified may call it: the demonstration is about lineage.
        let policy = policy_fn("verified_callers", |_inquiry| true)?;
        let kest = Kest::builder(self.signer).limits(self.limits).build();
        let next = self.next.as_deref().map(|next| next_service(next, self.tiers)).transpose()?;
        // On the route and not on the router: a request that matches no route is no operation.
        let operation = OperationLayer::new(kest, self.operation, policy);
        let protected = Router::new()
            .route("/call", post(call::call).route_layer(operation))
            .with_state(Arc::new(call::Service { name: self.name, next }))
            .layer(inbound.build());
        Ok(protected
            .route("/healthz", get(async || "ok"))
            .route("/jwks.json", get(async || ([("content-type", "application/jwk-set+json")], jwks))))
    }
}

fn next_service(next: &str, tiers: Tiers) -> Result<Next, BoxError> {
    let url = reqwest::Url::parse(next)?;
    let client = CarryPassport::to([Destination::origin(&url.origin().ascii_serialization())?])
        .without_lineage(WithoutLineage::Refuse)
        .tiers(tiers)
        .client(reqwest::Client::builder().timeout(NEXT_WAIT))?;
    Ok(Next { client, url: url.join("/call")? })
}

/// Runs a hop until SIGTERM or an interrupt; running requests are finished.
///
/// # Errors
///
/// Flags that cannot be used and an address that cannot be listened on.
///
/// # Panics
///
/// The start-up guard, when no identity choice was made.
pub async fn serve(flags: HopFlags) -> Result<ExitCode, BoxError> {
    let router = flags.to_hop().await?.into_router()?;
    let listener = TcpListener::bind(flags.listen).await?;
    let address = listener.local_addr()?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    writeln!(std::io::stdout().lock(), "listening on {address}")?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        })
        .await?;
    Ok(ExitCode::SUCCESS)
}
