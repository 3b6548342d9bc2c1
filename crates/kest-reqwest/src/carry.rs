//! Puts the lineage onto an outgoing request: the right tier, to listed destinations only. Step 8 of a request's life.

use std::collections::HashSet;
use std::sync::Arc;

use http::Extensions;
use kest_baggage::{InjectError, PackError, Tier, Tiers, current_admission, packed_once, strip};
use kest_core::refusal::Step;
use kest_core::trust::Origin;
use kest_core::{Admission, AdmitError, Authorize, Kest, Operation};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};

use crate::destination::Destination;
use crate::network;
use crate::telemetry;

/// Carries the current lineage on requests to listed destinations.
///
/// Two examples: the default, and one with a claim store and a named origin for work that no request asked for.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use kest_baggage::{InMemoryClaims, Tiers};
/// # use kest_core::{Kest, Limits, Operation, policy::dangerous_allow_all, trust::Origin};
/// # use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
/// # fn example(kest: Kest) -> Result<(), Box<dyn std::error::Error>> {
/// let stock = || Destination::origin("https://stock.internal");
/// let client = CarryPassport::to([stock()?])
///     .without_lineage(WithoutLineage::Refuse)
///     .client(reqwest::Client::builder())?;
/// let jobs = CarryPassport::to([stock()?])
///     .without_lineage(WithoutLineage::originate(
///         kest,
///         Origin::system(),
///         Operation::named("nightly_sync")?,
///         dangerous_allow_all(),
///     ))
///     .tiers(Tiers::auto().store(Arc::new(InMemoryClaims::new(&Limits::default()))))
///     .client(reqwest::Client::builder())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct CarryPassport {
    destinations: Arc<HashSet<Destination>>,
}

impl CarryPassport {
    /// Lists where passports may go. An empty list carries nothing anywhere and is refused when the client is built.
    pub fn to(destinations: impl IntoIterator<Item = Destination>) -> Self {
        Self { destinations: Arc::new(destinations.into_iter().collect()) }
    }

    /// Says what happens to a request to a listed destination when there is no lineage; there is no default.
    pub fn without_lineage(self, choice: WithoutLineage) -> Carrying {
        Carrying { destinations: self.destinations, without_lineage: choice, tiers: Tiers::auto() }
    }
}

/// What to do when a listed destination is called and no operation is running.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WithoutLineage {
    /// The request is not sent.
    Refuse,
    /// A lineage is started under a named origin.
    Originate(Arc<Origination>),
}

impl WithoutLineage {
    /// Starts a lineage of `origin` with `operation`, when `policy` allows it.
    #[must_use]
    pub fn originate(
        kest: Kest,
        origin: Origin,
        operation: Operation,
        policy: impl Authorize + 'static,
    ) -> Self {
        Self::Originate(Arc::new(Origination { kest, origin, operation, policy: Arc::new(policy) }))
    }
}

/// How to start a lineage; made by [`WithoutLineage::originate`].
#[derive(Debug)]
pub struct Origination {
    kest: Kest,
    origin: Origin,
    operation: Operation,
    policy: Arc<dyn Authorize>,
}

/// A [`CarryPassport`] with every required choice made.
#[derive(Debug, Clone)]
#[must_use]
pub struct Carrying {
    destinations: Arc<HashSet<Destination>>,
    without_lineage: WithoutLineage,
    tiers: Tiers,
}

impl Carrying {
    /// Packs like this; [`Tiers::auto`] without a store otherwise.
    pub fn tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
        self
    }

    /// The client. Redirects of `builder` are replaced: only those of the same origin are followed. A proxy that
    /// `builder` was given is used; those of the environment are not, and `localhost` is not looked up.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when no destination is listed or the client cannot be built.
    pub fn client(self, builder: reqwest::ClientBuilder) -> Result<ClientWithMiddleware, ClientError> {
        self.client_with(builder, |stack| stack)
    }

    /// The client with more middleware, such as retries: what `more` adds runs closer to the network.
    ///
    /// # Errors
    ///
    /// As [`client`](Self::client).
    pub fn client_with(
        self,
        builder: reqwest::ClientBuilder,
        more: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<ClientWithMiddleware, ClientError> {
        if self.destinations.is_empty() {
            return Err(ClientError::NoDestination);
        }
        let client = network::bounded(builder).build().map_err(|cause| ClientError::Client(cause.into()))?;
        Ok(more(ClientBuilder::new(client).with(Carry(self))).build())
    }
}

/// The middleware itself; private, so that it cannot be put on a client that follows redirects elsewhere.
struct Carry(Carrying);

#[async_trait::async_trait]
impl Middleware for Carry {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        // Whatever somebody copied from an inbound request stops here; only a packed lineage goes on.
        strip(request.headers_mut());
        let listed = Destination::of(request.url()).is_some_and(|it| self.0.destinations.contains(&it));
        if !listed {
            telemetry::not_listed(request.url());
            return next.run(request, extensions).await;
        }
        let given = extensions.get::<Admission>().cloned();
        let sent = self
            .0
            .carry(given, &mut request)
            .await
            .inspect_err(telemetry::not_sent)
            .map_err(reqwest_middleware::Error::middleware)?;
        telemetry::carried(sent.tier);
        let mut response = next.run(request, extensions).await?;
        response.extensions_mut().insert(sent);
        Ok(response)
    }
}

impl Carrying {
    async fn carry(&self, given: Option<Admission>, request: &mut Request) -> Result<Sent, CarryError> {
        let admission = match (given.or_else(current_admission), &self.without_lineage) {
            (Some(admission), _) => admission,
            (None, WithoutLineage::Refuse) => return Err(CarryError::NoLineage),
            (None, WithoutLineage::Originate(origination)) => origination.start().await?,
        };
        let header = packed_once(&admission, &self.tiers).await.map_err(CarryError::Pack)?;
        header.inject(request.headers_mut(), admission.kest().limits()).map_err(CarryError::Inject)?;
        let tier = header.tier().ok_or(CarryError::NoLineage)?;
        Ok(Sent { tier, bytes: header.bytes() })
    }
}

impl Origination {
    async fn start(&self) -> Result<Admission, CarryError> {
        let admission = self.kest.originate(self.origin.clone(), &self.operation, self.policy.as_ref());
        match tokio::time::timeout(self.kest.limits().admission_wait, admission).await {
            Ok(admission) => admission.map_err(CarryError::Originate),
            Err(_elapsed) => Err(CarryError::Originate(AdmitError::timed_out(Step::Originate))),
        }
    }
}

/// How the passport of a request travelled; found in the extensions of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The tier that was used.
    pub tier: Tier,
    /// Bytes of all `kest.*` members together, as encoded.
    pub bytes: usize,
}

/// A request to a listed destination was not sent.
///
/// Found by downcasting the `Middleware` case of reqwest-middleware's error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// No operation is running and none may be started.
    #[error("there is no lineage to carry")]
    NoLineage,
    /// The lineage could not be started.
    #[error("lineage could not be started")]
    Originate(#[source] AdmitError),
    /// The passport fits no tier, or its store is away.
    #[error("passport could not be packed")]
    Pack(#[source] PackError),
    /// The request's own baggage leaves no room.
    #[error("baggage leaves no room for the passport")]
    Inject(#[source] InjectError),
}

impl CarryError {
    /// Whether the same request may succeed later: only when something was out of reach.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Pack(cause) => cause.may_retry(),
            Self::Originate(cause) => cause.may_retry(),
            Self::NoLineage | Self::Inject(_) => false,
        }
    }
}

/// A client cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A passport may go nowhere: list at least one destination.
    #[error("no destination is listed")]
    NoDestination,
    /// The client's own settings do not work.
    #[error("client cannot be built")]
    Client(#[source] kest_core::BoxError),
}
