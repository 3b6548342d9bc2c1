//! The layer around a whole service: who is calling, and through whom.

use std::net::IpAddr;
use std::sync::Arc;

use http::response::Parts;
use kest_baggage::{HeaderReader, PassportStores};
use kest_core::passport::{Freshness, SeenEntries, VerifySettings, WorkloadRules};
use kest_core::signature::ResolveKeys;
use kest_core::trust::TrustModel;
use kest_core::{Audit, Clock, Dialect, Limits, ReplayStore, Slots, SystemClock, Verifier};
use kest_identity::{IdentityChoice, guard, process_environment};
use tower_layer::Layer;

use crate::answer::Rejection;
use crate::hop_proof::{BindingChoice, HopProof, InboundBuildError};
use crate::problem::ProblemDetailsLayer;
use crate::respond::{AuditedBy, Respond};
use crate::service::Inbound;
use crate::steps::{Needs, PassportPresence, PeerAddress, Steps};
use crate::trace::Strangers;

/// Reads, restores and verifies the passport, establishes the caller, and puts the
/// [`Arrival`](kest_core::Arrival) into the request's extensions: steps 1 to 4.
///
/// Members `kest.*` of the request's own `baggage` header are removed on the way in: what held is in the arrival, and
/// nothing that did not can be forwarded by accident.
///
/// Every route inside says what it is: [`OperationLayer`](crate::OperationLayer), [`GuardLayer`](crate::GuardLayer) or
/// [`public`](crate::public). An answer (1xx to 3xx) of a route that says nothing is refused with `no_operation`.
#[derive(Clone)]
pub struct InboundLayer {
    pub(crate) steps: Arc<Steps>,
    pub(crate) respond: Option<Respond>,
    pub(crate) audit: Option<AuditedBy>,
    pub(crate) strangers: Strangers,
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
            binding: BindingChoice::Unsaid,
            replays: None,
            unguarded: Unguarded::Refuse,
            respond: None,
            audit: None,
            strangers: Strangers::Linked,
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
/// use kest_tower::{HopProof, InboundLayer};
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
///     .hop_proof(HopProof::for_authority("stock.internal:8443"))
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
    binding: BindingChoice,
    replays: Option<Arc<dyn ReplayStore>>,
    unguarded: Unguarded,
    respond: Option<Respond>,
    audit: Option<AuditedBy>,
    pub(crate) strangers: Strangers,
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

    /// Takes a passport only with a proof that the request was made by the signer of its tip, for this service, just now and once: a
    /// signature over method, authority, path, query, token and body (RFC 9421). A copied passport is worth nothing then, and an
    /// end that was cut off is noticed.
    ///
    /// Refused with 401: `proof_missing`, `proof_invalid`, `proof_replayed`; with 503 where the replay store is full or away.
    /// The body is read and compared before the handler runs, up to `Limits::signed_body_bytes`; a route that says
    /// [`streaming_body`](crate::OperationLayer::streaming_body) gets it as it comes. Of the three ways the last that was said counts.
    ///
    /// A service that takes identity from the lineage says one of the three, or does not start. One that says none of them takes
    /// passports, and an unbound one never lifts: its trust counts at most as that of a request without a passport would, while its
    /// taints count.
    ///
    /// ```
    /// # fn example(builder: kest_tower::InboundBuilder) {
    /// let builder = builder.hop_proof(kest_tower::HopProof::for_authority("stock.internal:8443"));
    /// # drop(builder);
    /// # }
    /// ```
    pub fn hop_proof(mut self, proof: HopProof) -> Self {
        self.binding = BindingChoice::HopProof(proof);
        self
    }

    /// Takes a passport only from the signer of its tip, as the peer's certificate names it: where mutual TLS ends in this process,
    /// whose code puts the [`PeerWorkload`](kest_identity::PeerWorkload) of the connection into each request's extensions. No
    /// header can say who the peer is. Refused with 401: `peer_mismatch`, also where no peer is known.
    ///
    /// What stays open: who holds a connection may send the same request on it again, and a proxy is the peer of all behind it.
    pub fn bound_to_peer(mut self) -> Self {
        self.binding = BindingChoice::Peer;
        self
    }

    /// Takes passports that are tied to nothing, and believes them in full.
    ///
    /// What is given up: a passport is money then. Who sees one can send it again with another request, until it is older than
    /// `Limits::max_tip_age`, and can cut entries off its end first. The legacy dialect knows nothing else.
    #[doc(alias = "bearer")]
    pub fn dangerous_bearer_passports(mut self) -> Self {
        self.binding = BindingChoice::Bearer;
        self
    }

    /// Remembers the proofs that were used there, where [`HopProof::replays`] names no other store.
    pub fn replays(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
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

    /// Records refusals there, those further in too; operations are recorded by their `Admitter`.
    pub fn audit(mut self, audit: impl Into<Option<Arc<dyn Audit>>>) -> Self {
        self.audit = audit.into().map(AuditedBy);
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
    /// When no identity was chosen here and `KEST_INSECURE_NO_VERIFY` is not set, and when identity comes from the lineage and nothing
    /// ties that to the request: a service that trusts all by oversight must not start. [`try_build`](Self::try_build) returns it.
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
    /// [`InboundBuildError`], whose message names the mend.
    pub fn try_build(self) -> Result<InboundLayer, InboundBuildError> {
        let choice = guard(self.identity, &process_environment)?;
        self.binding.check(&choice)?;
        let limits = &self.verify.limits;
        let demand = self.binding.demand(&self.clock, limits, self.replays)?;
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
            demand,
        };
        let Self { respond, unguarded, audit, strangers, .. } = self;
        Ok(InboundLayer { steps: Arc::new(steps), respond, unguarded, audit, strangers })
    }
}
