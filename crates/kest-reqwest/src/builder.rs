//! The client of a service whose settings are known: what is left to say is where passports may go.

use kest_baggage::Tiers;
use kest_baggage::carry::{Destination, DestinationError, HopSigning, Streams, WithoutLineage};
use kest_core::trust::Origin;
use kest_core::{Admitter, Authorize, Operation, OperationError};
use reqwest_middleware::ClientWithMiddleware;

use crate::carry::{CarryPassport, ClientError};

/// reqwest's own builder, which the client's timeouts, TLS and proxies are said on.
pub type ReqwestBuilder = reqwest::ClientBuilder;

/// Says where passports may go, and what happens without one. Most services get one from their `Kest`.
///
/// ```no_run
/// # use kest_baggage::Tiers;
/// # use kest_reqwest::ClientBuilder;
/// # fn example(kest: &kest_core::Admitter) -> Result<(), Box<dyn std::error::Error>> {
/// let stock = ClientBuilder::new(kest, Tiers::auto(), reqwest::Client::builder())
///     .destination("https://stock.internal")?
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Debug)]
pub struct ClientBuilder {
    admitter: Admitter,
    tiers: Tiers,
    builder: ReqwestBuilder,
    destinations: Vec<Destination>,
    without_lineage: WithoutLineage,
    foreign_members: Option<String>,
    proof: HopSigning,
}

impl ClientBuilder {
    /// Begins a client of the service `kest` that packs with `tiers`. Without a lineage it refuses to call.
    pub fn new(admitter: &Admitter, tiers: Tiers, builder: impl Into<ReqwestBuilder>) -> Self {
        Self {
            admitter: admitter.clone(),
            tiers,
            builder: builder.into(),
            destinations: Vec::new(),
            without_lineage: WithoutLineage::Refuse,
            foreign_members: None,
            proof: HopSigning::default(),
        }
    }

    /// Lets passports go to this origin, such as `https://stock.internal`, too.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not an origin of https, or of plain http on this machine.
    pub fn destination(self, origin: &str) -> Result<Self, DestinationError> {
        Ok(self.destinations([Destination::origin(origin)?]))
    }

    /// Lets passports go to all of these too.
    pub fn destinations(mut self, destinations: impl IntoIterator<Item = Destination>) -> Self {
        self.destinations.extend(destinations);
        self
    }

    /// Starts a lineage of `origin` with `operation` for calls that no request asked for, when `policy` allows it.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when that could never be admitted.
    pub fn originate(
        mut self,
        origin: Origin,
        operation: Operation,
        policy: impl Authorize + 'static,
    ) -> Result<Self, OperationError> {
        self.admitter.check(&operation, &policy)?;
        self.without_lineage = WithoutLineage::originate(self.admitter.clone(), origin, operation, policy);
        Ok(self)
    }

    /// Puts these baggage members of others, such as `tenant=acme`, onto every request to a listed destination.
    pub fn foreign_members(mut self, members: impl Into<String>) -> Self {
        self.foreign_members = Some(members.into());
        self
    }

    /// Sends passports without a proof of the hop; see [`Carrying::without_hop_proof`](crate::Carrying::without_hop_proof).
    pub fn without_hop_proof(mut self) -> Self {
        self.proof = HopSigning::Without;
        self
    }

    /// Sends streamed bodies as they come, uncovered by the proof of the hop; see
    /// [`Carrying::dangerous_uncovered_streams`](crate::Carrying::dangerous_uncovered_streams).
    pub fn dangerous_uncovered_streams(mut self) -> Self {
        self.proof = HopSigning::Sign(Streams::DangerousUncovered);
        self
    }

    /// The client; see [`Carrying::client`](crate::Carrying::client).
    ///
    /// # Errors
    ///
    /// [`ClientError`] when no destination is listed, the foreign members are malformed, or the client cannot be built.
    pub fn build(self) -> Result<ClientWithMiddleware, ClientError> {
        self.build_with(|stack| stack)
    }

    /// The client with more middleware above the carrying, such as retries and tracing; see
    /// [`Carrying::client_with`](crate::Carrying::client_with).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with(
        self,
        more: impl FnOnce(reqwest_middleware::ClientBuilder) -> reqwest_middleware::ClientBuilder,
    ) -> Result<ClientWithMiddleware, ClientError> {
        let carrying = CarryPassport::to(self.destinations)
            .without_lineage(self.without_lineage)
            .tiers(self.tiers)
            .hop_signing(self.proof);
        let carrying = match &self.foreign_members {
            Some(members) => carrying.foreign_members(members),
            None => carrying,
        };
        carrying.client_with(self.builder, more)
    }
}
