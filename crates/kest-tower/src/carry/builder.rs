//! Says where the passports of a tower client may go, and what happens without one.

use kest_baggage::Tiers;
use kest_baggage::carry::{
    CarryRules, Destination, DestinationError, Destinations, HopSigning, RulesError, Streams, WithoutLineage,
};
use kest_core::trust::Origin;

use kest_core::{Admitter, Authorize, Operation, OperationError};

use crate::carry::layer::CarryLayer;

/// Begins a [`CarryLayer`]. Most services get one from their `Kest`: `kest.carry_layer()`.
///
/// [`destination`](Self::destination) is for clients that go where each request's address says, [`to`](Self::to) for those that go to
/// one origin whatever it says. One of the two is required.
///
/// ```
/// # use kest_baggage::Tiers;
/// # use kest_core::{Admitter, Operation, policy::policy_fn, trust::Origin};
/// # use kest_tower::carry::CarryLayerBuilder;
/// # fn example(admitter: &Admitter) -> Result<(), Box<dyn std::error::Error>> {
/// let plain = CarryLayerBuilder::new(admitter, Tiers::auto()).destination("https://stock.internal")?.build()?;
/// let jobs = CarryLayerBuilder::new(admitter, Tiers::auto())
///     .to("https://stock.internal")?
///     .originate(Origin::system(), Operation::from_static("nightly_sync"), policy_fn("by_the_clock", |_asked| true)?)?
///     .build()?;
/// # drop((plain, jobs));
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Debug)]
pub struct CarryLayerBuilder {
    admitter: Admitter,
    tiers: Tiers,
    listed: Vec<Destination>,
    bound: Vec<Destination>,
    without_lineage: WithoutLineage,
    foreign_members: Option<String>,
    authority: Option<Destination>,
    proof: HopSigning,
}

impl CarryLayerBuilder {
    /// Begins a layer of the service `admitter` that packs with `tiers`. Without a lineage it refuses to send.
    pub fn new(admitter: &Admitter, tiers: Tiers) -> Self {
        Self {
            admitter: admitter.clone(),
            tiers,
            listed: Vec::new(),
            bound: Vec::new(),
            without_lineage: WithoutLineage::Refuse,
            foreign_members: None,
            authority: None,
            proof: HopSigning::default(),
        }
    }

    /// Lets passports go to this origin, such as `https://stock.internal`, too.
    ///
    /// Requests to others go without a passport. One that names no origin is refused: whether it may have one cannot be said.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not an origin of https, or of plain http on this machine.
    pub fn destination(self, origin: &str) -> Result<Self, DestinationError> {
        Ok(self.destinations([Destination::origin(origin)?]))
    }

    /// Lets passports go to all of these too.
    pub fn destinations(mut self, destinations: impl IntoIterator<Item = Destination>) -> Self {
        self.listed.extend(destinations);
        self
    }

    /// The client sends every request to this origin, whatever its address says; said again, to this one as well.
    ///
    /// A tonic channel replaces the address of each request by that of its endpoint, so the address proves nothing. Take the
    /// origin from the endpoint itself, so that the two cannot differ: `.to(endpoint.uri())`. A request that names another
    /// origin is refused.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not an origin of https, or of plain http on this machine.
    pub fn to(self, origin: &(impl ToString + ?Sized)) -> Result<Self, DestinationError> {
        Ok(self.bound_to([Destination::origin(&origin.to_string())?]))
    }

    /// The client sends every request to one of these, such as a channel that balances between endpoints.
    pub fn bound_to(mut self, destinations: impl IntoIterator<Item = Destination>) -> Self {
        self.bound.extend(destinations);
        self
    }

    /// The origin that the client's requests name on the wire, where that is not the one destination that it is bound to: of a
    /// channel that balances between endpoints, or of one with an `Endpoint::origin` of its own. It is part of what is signed.
    ///
    /// # Errors
    ///
    /// [`DestinationError`] when it is not an origin.
    pub fn asked_as(mut self, origin: &(impl ToString + ?Sized)) -> Result<Self, DestinationError> {
        self.authority = Some(Destination::dangerous_plain_http(&origin.to_string())?);
        Ok(self)
    }

    /// Sends passports without a proof of the hop: for receivers that do not know it, or in which its headers are in the way.
    ///
    /// A passport that is sent so can be sent again by all who see it, to every service that does not ask for the proof.
    pub fn without_hop_proof(mut self) -> Self {
        self.proof = HopSigning::Without;
        self
    }

    /// Sends streamed bodies as they come, which no hop proof covers then: for gRPC methods whose requests are streams. They are
    /// read to their end before the request is signed otherwise.
    ///
    /// tonic streams the body of every call, also of one with a single message: give such methods a channel of their own.
    ///
    /// What is given up: the bytes of a stream can be exchanged on the way. A service that demands hop proofs refuses
    /// such a request; bind that one by its peer.
    pub fn dangerous_uncovered_streams(mut self) -> Self {
        self.proof = HopSigning::Sign(Streams::DangerousUncovered);
        self
    }

    /// Starts a lineage of `origin` with `operation` for calls that no request asked for, when `policy` allows it.
    ///
    /// An attempt that a retry above this layer makes starts one of its own; run the work with an admission of
    /// `Kest::originate` where all attempts are to be one.
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

    /// Puts these baggage members of others, such as `tenant=acme`, onto every request that carries a passport.
    pub fn foreign_members(mut self, members: impl Into<String>) -> Self {
        self.foreign_members = Some(members.into());
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// [`RulesError`] when no destination is named, or both kinds are, the foreign members are malformed, or it is not known
    /// under which authority a client that is bound to several destinations asks.
    pub fn build(self) -> Result<CarryLayer, RulesError> {
        let destinations = match (self.listed.is_empty(), self.bound.is_empty()) {
            (false, false) => return Err(RulesError::ListedAndBound),
            (_, true) => Destinations::listed(self.listed),
            (true, false) => Destinations::bound(self.bound),
        };
        let destinations = self.authority.into_iter().fold(destinations, Destinations::asked_as);
        let foreign_members = self.foreign_members.as_deref();
        let rules = CarryRules::new(destinations, self.without_lineage, self.tiers, foreign_members)?;
        Ok(CarryLayer::new(rules.hop_signing(self.proof)?))
    }
}
