//! Puts what is at hand through the layer that services have around them, and hears what it says.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use kest_core::signature::{KeyRing, KeyRingError};
use kest_core::{Arrival, BoxError, Dialect, Limits};
use kest_identity::IdentityChoice;
use kest_tower::{HopProof, InboundBuilder, InboundLayer, Received, Rejection, public};
use tower::{Layer as _, ServiceExt as _};

use super::account::stop_of;
use super::flags::{Explain, Unbound};
use super::request::Came;
use super::told::{Accepted, Told};
use crate::failure::{Answer, Failure};
use crate::keys;
use crate::output::Output;

/// Explains the request that the flags describe.
pub(crate) async fn run(flags: Explain) -> Result<Answer, Failure> {
    let identity = flags.identity()?;
    let unbound = flags.unbound(identity.as_ref())?;
    let layer = layer(&flags, identity, unbound).await?;
    let told = ask(layer, Came::of(&flags)?, unbound).await?;
    let mut output = Output::open();
    if flags.json {
        output.json(&told.to_json())?;
    } else {
        for line in told.lines() {
            output.line(&line)?;
        }
    }
    output.flush()?;
    Ok(if told.is_accepted() { Answer::Yes } else { Answer::No })
}

/// The layer of a service that was started with these flags.
async fn layer(
    flags: &Explain,
    identity: Option<IdentityChoice>,
    unbound: Unbound,
) -> Result<InboundLayer, Failure> {
    let mut ring = KeyRing::new();
    for place in &flags.bundle {
        let bundle = keys::load(place).await?.into_ring();
        for (workload, key_id, key) in bundle.keys() {
            let added = match bundle.not_after(key_id) {
                Some(end) => ring.trust_until(workload.clone(), key_id.clone(), key.clone(), end),
                None => ring.trust(workload.clone(), key_id.clone(), key.clone()),
            };
            added.map_err(ExplainError::Bundles)?;
        }
    }
    let builder = InboundLayer::builder(Arc::new(ring))
        .dialect(Dialect::from(flags.dialect))
        .passport(flags.presence())
        .clock(flags.clock());
    let builder = aged(builder, flags.max_tip_age);
    let builder = match unbound {
        Unbound::LiftNothing => builder,
        Unbound::Refused if flags.request.is_some() => {
            if flags.authority.is_empty() {
                return Err(ExplainError::NoAuthority.into());
            }
            builder.hop_proof(HopProof::for_authorities(flags.authority.iter().map(String::as_str)))
        }
        // A proof is for one request, and none is at hand that could be refused.
        Unbound::Refused | Unbound::Believed => builder.dangerous_bearer_passports(),
    };
    let builder = identity.into_iter().fold(builder, InboundBuilder::identity);
    builder.try_build().map_err(|cause| ExplainError::Start(cause.into()).into())
}

fn aged(builder: InboundBuilder, max_tip_age: Option<u64>) -> InboundBuilder {
    match max_tip_age {
        None => builder,
        Some(0) => builder.dangerous_accept_any_age(),
        Some(seconds) => {
            let mut limits = Limits::default();
            limits.max_tip_age = Duration::from_secs(seconds);
            builder.limits(limits)
        }
    }
}

/// What the service says to `request`.
async fn ask(
    layer: InboundLayer,
    Came { request, reading }: Came,
    unbound: Unbound,
) -> Result<Told, Failure> {
    let has_token = request.headers().contains_key(AUTHORIZATION);
    // A route that everybody may have, and that waits for the verdict about the body.
    let handler = public().layer(tower::service_fn(|request: Request<_>| {
        let mut response = Response::new(String::new());
        *response.extensions_mut() = request.into_parts().0.extensions;
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    let response = match layer.layer(handler).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let found = response.extensions();
    if let Some(rejection) = found.get::<Rejection>() {
        return Ok(Told::Refused(stop_of(rejection, reading), Box::new(rejection.clone())));
    }
    let arrival = found.get::<Arrival>().ok_or(ExplainError::NothingSaid)?;
    let tier = found.get::<Received>().and_then(|received| received.tier);
    Ok(Told::Accepted(Box::new(Accepted::of(arrival, tier, has_token, unbound))))
}

/// What a service would say cannot be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    /// Two bundles contradict each other.
    #[error("trust bundles contradict each other")]
    Bundles(#[source] KeyRingError),
    /// The flags about tokens cannot be used.
    #[error("tokens cannot be verified like this")]
    Identity(#[source] BoxError),
    /// Hop proofs in a dialect that knows none.
    #[error("the legacy dialect knows no hop proofs: say --hop-proof off")]
    LegacyHopProof,
    /// A service with these flags would not start.
    #[error("a service like this does not start")]
    Start(#[source] BoxError),
    /// A service that demands hop proofs, and no name that proofs may be for.
    #[error("hop proofs are for a name by which the service is called: say --authority, or --hop-proof off")]
    NoAuthority,
    /// The request does not begin with its method and target.
    #[error("request does not begin with a line of its method and target")]
    NoFirstLine,
    /// The input is not what a header can hold.
    #[error("input holds a line that is no header, or bytes that no header has")]
    NoHeader,
    /// The layer let the request through and proved nothing.
    #[error("the layer said nothing")]
    NothingSaid,
}
