//! The layer around a whole service: who is calling, and through whom.

use std::net::IpAddr;
use std::sync::Arc;

use http::response::Parts;
use kest_baggage::{HeaderReader, PassportStores};
use kest_core::passport::{Freshness, SeenEntries, VerifySettings, WorkloadRules};
use kest_core::signature::ResolveKeys;
use kest_core::trust::TrustModel;
use kest_core::{Clock, Dialect, Limits, Slots, SystemClock, Verifier};
use kest_identity::{IdentityChoice, NoIdentityChoice, guard, process_environment};
use tower_layer::Layer;

use crate::answer::Rejection;
use crate::problem::ProblemDetailsLayer;
use crate::respond::Respond;
use crate::service::Inbound;
use crate::steps::{Needs, PassportPresence, PeerAddress, Steps};

/// Reads, restores and verifies the passport, establishes the caller, and puts the
/// [`Arrival`](kest_core::Arrival) into the request's extensions: steps 1 to 4.
///
/// Members `kest.*` of the request's own `baggage` header are removed on the way in: what held is in the arrival, and
/// nothing that did not can be forwarded by accident.
///
/// Every route inside says what it is: an [`OperationLayer`](crate::OperationLayer), a [`GuardLayer`](crate::GuardLayer)
/// or [`public`](crate::public). An answer (1xx to 3xx) of a route that says nothing is refused with `no_operation`.
#[derive(Clone)]
pub struct InboundLayer {
    pub(crate) steps: Arc<Steps>,
    pub(crate) respond: Option<Respond>,
    unguarded: Unguarded,
}

/// What becomes of an answer of a route that no operation, no guard and no `public()` is around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unguarded {
    Refuse,
    Pass,
}

impl InboundLayer {
    /// Whether answers are judged before they leave.
    pub(crate) fn watches(&self) -> bool {
        self.unguarded == Unguarded::Refuse
    }

    /// The same, with a body in refusals: `application/problem+json` (RFC 9457) of the kind and nothing of the request. That of
    /// operations and guards inside too. Refusals say nothing beyond status and challenge otherwise.
    ///
    /// ```
    /// # fn example(inbound: kest_tower::InboundLayer) {
    /// let explaining = inbound.problem_details();
    /// # drop(explaining);
    /// # }
    /// ```
    #[must_use]
    pub fn problem_details(self) -> ProblemDetailsLayer {
        ProblemDetailsLayer::new(self)
    }

    /// Starts a layer that verifies passports with the keys that `keys` finds; a shared
    /// [`KeyRing`](kest_core::signature::KeyRing) always finds its own.
    pub fn builder(keys: impl ResolveKeys + 'static) -> InboundBuilder {
        InboundBuilder {
            keys: Arc::new(keys),
            identity: None,
            store: None,
            verify: VerifySettings::default(),
            missing_tip: MissingTip::Refuse,
            passport: PassportPresence::Optional,
            age: Age::Limited,
            clock: Arc::new(SystemClock),
            slots: Slots::of_process(),
            peer_address: None,
            unguarded: Unguarded::Refuse,
            respond: None,
        }
    }
}

impl std::fmt::Debug for InboundLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InboundLayer").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for InboundLayer {
    type Service = Inbound<S>;

    fn layer(&self, inner: S) -> Inbound<S> {
        Inbound::new(inner, self.clone())
    }
}

/// Builds an [`InboundLayer`].
///
/// Two examples: a service at the edge, and one behind it.
///
/// ```no_run
/// use std::sync::Arc;
/// use kest_core::signature::KeyRing;
/// use kest_identity::{IdentityChoice, JwtAuthenticator};
/// use kest_tower::InboundLayer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let edge = InboundLayer::builder(Arc::new(KeyRing::new()))
///     .identity(IdentityChoice::jwks(
///         JwtAuthenticator::builder()
///             .jwks_uri("https://issuer.example/jwks.json")
///             .issuer("https://issuer.example")
///             .audience("shop")
///             .build()?,
///     ))
///     .build();
/// let behind = InboundLayer::builder(Arc::new(KeyRing::new()))
///     .identity(IdentityChoice::from_lineage())
///     .require_passport()
///     .build();
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct InboundBuilder {
    keys: Arc<dyn ResolveKeys>,
    identity: Option<IdentityChoice>,
    store: Option<PassportStores>,
    verify: VerifySettings,
    missing_tip: MissingTip,
    passport: PassportPresence,
    age: Age,
    clock: Arc<dyn Clock>,
    slots: Slots,
    peer_address: Option<PeerAddress>,
    unguarded: Unguarded,
    respond: Option<Respond>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Limited,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissingTip {
    Refuse,
    Accept,
}

impl std::fmt::Debug for InboundBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InboundBuilder").field("verify", &self.verify).finish_non_exhaustive()
    }
}

impl InboundBuilder {
    /// Says where identity comes from; there is no default.
    pub fn identity(mut self, choice: impl Into<IdentityChoice>) -> Self {
        self.identity = Some(choice.into());
        self
    }

    /// Redeems claim checks there: [`PassportStores`], or a store alone for plain ones.
    pub fn passport_store(mut self, store: impl Into<PassportStores>) -> Self {
        self.store = Some(store.into());
        self
    }

    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.verify.limits = limits;
        self
    }

    /// Reads this dialect.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.verify.dialect = dialect;
        self
    }

    /// Holds signers to these rules of trust.
    pub fn trust_model(mut self, trust: TrustModel) -> Self {
        self.verify.trust = trust;
        self
    }

    /// Believes no more of each workload than this: who may bring in a caller, who may sanitize, how much trust one
    /// may claim.
    pub fn workload_rules(mut self, workloads: WorkloadRules) -> Self {
        self.verify.workloads = workloads;
        self
    }

    /// Says what becomes of requests with and without a passport; one may come otherwise.
    pub fn passport(mut self, presence: PassportPresence) -> Self {
        self.passport = presence;
        self
    }

    /// Refuses requests without a passport.
    pub fn require_passport(self) -> Self {
        self.passport(PassportPresence::Required)
    }

    /// Reads this clock, to tell the age of passports.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Accepts passports that are older than `Limits::max_tip_age`, or dated in the future.
    ///
    /// What is given up: a copied passport can be sent again for as long as its keys are trusted.
    pub fn dangerous_accept_any_age(mut self) -> Self {
        self.age = Age::Any;
        self
    }

    /// Accepts a passport that came without `kest.chain_tip`.
    ///
    /// What is given up: entries cut off at the end are not noticed.
    pub fn dangerous_accept_missing_tip(mut self) -> Self {
        self.missing_tip = MissingTip::Accept;
        self
    }

    /// Verifies long passports in `slots`; in those of the whole process otherwise, so that all work of all layers and
    /// policy engines together stays bounded.
    pub fn slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }

    /// Finds the address of the peer, so that a caller of whom nothing else is known counts by it.
    ///
    /// With axum and `into_make_service_with_connect_info::<SocketAddr>()`:
    /// `.peer_address(|found| found.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))`. Behind a proxy all
    /// callers have the address of the proxy and are one share. Never read it from a header that the proxy does not
    /// set itself.
    pub fn peer_address(
        mut self,
        find: impl Fn(&http::Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer_address = Some(PeerAddress::new(find));
        self
    }

    /// Lets routes answer that neither an operation nor a guard nor [`public`](crate::public) is around.
    ///
    /// What is given up: a route whose `OperationLayer` was forgotten runs unasked, unsigned and unlogged, and nothing
    /// shows it.
    pub fn dangerous_allow_unguarded_routes(mut self) -> Self {
        self.unguarded = Unguarded::Pass;
        self
    }

    /// Shapes status and headers of refusals.
    pub fn respond(mut self, hook: impl Fn(&Rejection, &mut Parts) + Send + Sync + 'static) -> Self {
        self.respond = Some(Arc::new(hook));
        self
    }

    /// The layer.
    ///
    /// # Panics
    ///
    /// When no identity was chosen here and `KEST_INSECURE_NO_VERIFY` is not set: a service that trusts no one in
    /// particular by oversight must not start. [`try_build`](Self::try_build) returns the same as an error.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "the start-up guard is loud by design; try_build is the quiet form")]
    pub fn build(self) -> InboundLayer {
        match self.try_build() {
            Ok(layer) => layer,
            Err(error) => panic!("{error}"),
        }
    }

    /// The layer, or what is missing.
    ///
    /// # Errors
    ///
    /// [`InboundBuildError::NoIdentityChoice`], whose message names the mend.
    pub fn try_build(self) -> Result<InboundLayer, InboundBuildError> {
        let choice = guard(self.identity, &process_environment)?;
        let limits = &self.verify.limits;
        let mut reader = HeaderReader::new(limits.clone()).dialect(self.verify.dialect);
        if self.missing_tip == MissingTip::Accept {
            reader = reader.dangerous_accept_missing_tip();
        }
        let seen = (limits.seen_bytes > 0).then(|| SeenEntries::new(limits));
        let freshness = match self.age {
            Age::Limited => Freshness::Within(limits.max_tip_age),
            Age::Any => Freshness::AnyAge,
        };
        let verifier = Verifier::with(self.verify);
        let verifier = seen.into_iter().fold(verifier, Verifier::remember);
        let identity = choice.into_authenticate();
        let steps = Steps {
            reader,
            store: self.store,
            keys: self.keys,
            verifier,
            needs: Needs::of(identity.as_ref()),
            identity,
            passport: self.passport,
            freshness,
            clock: self.clock,
            slots: self.slots,
            peer_address: self.peer_address,
        };
        Ok(InboundLayer { steps: Arc::new(steps), respond: self.respond, unguarded: self.unguarded })
    }
}

/// An inbound layer cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboundBuildError {
    /// It was not said where identity comes from.
    #[error(transparent)]
    NoIdentityChoice(#[from] NoIdentityChoice),
}
