//! One service: its key, whom it trusts, its policies, stores, limits and clock, each said once.

use std::sync::Arc;

use kest_baggage::{PassportStores, Tiers};
use kest_core::entry::TraceId;
use kest_core::passport::{VerifySettings, WorkloadRules};
use kest_core::replay::InMemoryReplays;
use kest_core::signature::{Sign, WorkloadId};
use kest_core::trust::{Origin, TrustModel};
use kest_core::{
    Admission, AdmitError, AdmitterBuilder, Audit, Authorize, Clock, Dialect, Limits, Operation, OsRandom,
    Random, ReplayStore, Slots, SystemClock, Verifier,
};
use kest_identity::IdentityChoice;
use kest_tower::carry::CarryLayerBuilder;
use kest_tower::{InboundBuilder, InboundLayer};

use crate::build_error::BuildError;
use crate::grpc::GrpcServiceBuilder;
use crate::messages::{Carrier, Continue};
use crate::operation::{Named, OperationBuilder};
use crate::trust::Trust;

/// One service. Layers, clients and verifiers are made from it, so that nothing has to be kept equal by hand. Cheap to
/// clone.
///
/// ```
/// use axum::{Router, routing::post};
/// use kest::prelude::*;
/// use kest::WorkloadId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let signer = Ed25519Signer::ephemeral(WorkloadId::new("spiffe://example.org/cart")?, &kest::OsRandom)?;
/// let mut trusted = KeyRing::new();
/// trusted.trust_signer(&signer)?;
/// let kest = Kest::builder(signer).trust(trusted).without_deployment_policies().build()?;
///
/// let reserve = kest.operation("reserve_stock").policy_fn("known_user", |asked| asked.user().is_some())?;
/// let app: Router = Router::new()
///     .route("/reserve", post(async || "reserved").route_layer(reserve))
///     .layer(kest.inbound(FromLineage));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Kest(pub(crate) Arc<Parts>);

#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) service: kest_core::Admitter,
    pub(crate) tiers: Tiers,
    #[cfg(feature = "policy")]
    pub(crate) policies: Option<kest_policy::Policies>,
    pub(crate) keys: Trust,
    pub(crate) verify: VerifySettings,
    pub(crate) store: Option<PassportStores>,
    pub(crate) slots: Slots,
    pub(crate) replays: Arc<dyn ReplayStore>,
}

impl Kest {
    /// Begins a service that signs with `signer`.
    ///
    /// Two things have no default and are to be said: whom it [trusts](KestBuilder::trust), and the deployment's
    /// policies, or that there are [none](KestBuilder::without_deployment_policies).
    pub fn builder(signer: impl Sign + 'static) -> KestBuilder {
        KestBuilder {
            signer: Arc::new(signer),
            keys: None,
            deployment: Deployment::Unsaid,
            #[cfg(feature = "policy")]
            policies: None,
            verify: VerifySettings::default(),
            store: None,
            tiers: Tiers::auto(),
            slots: Slots::of_process(),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            trace_source: None,
            replays: None,
            audit: None,
        }
    }

    /// The layer around a whole router or service: who is calling, and through whom.
    ///
    /// `identity` is a [`JwtAuthenticator`](crate::JwtAuthenticator) at an edge, [`FromLineage`](crate::FromLineage)
    /// behind one, a mechanism of your own in an [`IdentityChoice`], or, for development only,
    /// [`dangerous_insecure_no_verify`](crate::dangerous_insecure_no_verify).
    #[must_use]
    pub fn inbound(&self, identity: impl Into<IdentityChoice>) -> InboundLayer {
        // An identity was chosen, so the guard has nothing to say.
        self.inbound_builder().identity(identity).build()
    }

    /// As [`inbound`](Self::inbound), with more to say: whether a passport is required, what ties it to its request.
    pub fn inbound_builder(&self) -> InboundBuilder {
        let VerifySettings { limits, dialect, trust, workloads, .. } = self.0.verify.clone();
        let builder = InboundLayer::builder(self.0.keys.clone())
            .limits(limits)
            .dialect(dialect)
            .trust_model(trust)
            .workload_rules(workloads)
            .clock(Arc::clone(self.0.service.clock()))
            .slots(self.0.slots.clone())
            .replays(Arc::clone(&self.0.replays))
            .audit(self.0.service.audit().cloned());
        self.0.store.iter().cloned().fold(builder, InboundBuilder::passport_store)
    }

    /// Begins the layer of one route or method: of its name, which is the route's and never the raw path of a request, or
    /// of an [`Operation`].
    pub fn operation(&self, named: impl Into<Named>) -> OperationBuilder {
        OperationBuilder::new(self, named.into())
    }

    /// As [`operation`](Self::operation), named by the route which matched each request, with its method: `POST /orders/{id}`.
    /// See [`Operation::from_matched_path`].
    #[cfg(feature = "axum")]
    pub fn operation_by_route(&self) -> OperationBuilder {
        self.operation(Operation::from_matched_path())
    }

    /// Begins the client that carries the lineage to the services that this one calls. Without a lineage it refuses
    /// to call, unless it is told what to [originate](crate::client::ClientBuilder::originate).
    #[cfg(feature = "reqwest")]
    pub fn client(&self, builder: kest_reqwest::ReqwestBuilder) -> kest_reqwest::ClientBuilder {
        let client = kest_reqwest::ClientBuilder::new(&self.0.service, self.0.tiers.clone(), builder);
        if self.signs_hops() { client } else { client.without_hop_proof() }
    }

    /// Begins the layer that carries the lineage on requests of any other client: of a tonic channel
    /// ([`to`](CarryLayerBuilder::to) its endpoint), or of hyper's client ([`destination`](CarryLayerBuilder::destination)).
    /// Without a lineage nothing is sent, unless it is told what to [originate](CarryLayerBuilder::originate).
    pub fn carry_layer(&self) -> CarryLayerBuilder {
        let layer = CarryLayerBuilder::new(&self.0.service, self.0.tiers.clone());
        if self.signs_hops() { layer } else { layer.without_hop_proof() }
    }

    /// The legacy dialect knows no hop proof.
    fn signs_hops(&self) -> bool {
        self.0.verify.dialect == Dialect::Strict
    }

    /// Begins the layer of a gRPC service, such as `shop.Stock`, whose methods are operations of their own.
    pub fn grpc_service(&self, name: impl Into<String>) -> GrpcServiceBuilder {
        GrpcServiceBuilder::new(self, name.into())
    }

    /// Starts a lineage for work that is no request: a timer, a start-up task. A job from a queue has a cause: it continues
    /// the lineage of the operation that put it there.
    ///
    /// # Errors
    ///
    /// [`AdmitError`]; nothing may run then.
    pub async fn originate(
        &self,
        origin: Origin,
        operation: &Operation,
        policy: &dyn Authorize,
    ) -> Result<Admission, AdmitError> {
        self.0.service.originate(origin, operation, policy).await
    }

    /// Continues the lineage that a message carries in its headers; [`carry`](crate::carry) is the other side. The tips are
    /// never optional, and the consumer says how old the message may be, since it may have waited for days.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use std::time::Duration;
    /// # use kest::{Operation, policy_fn, prelude::*, run_admitted};
    /// async fn resize(kest: &Kest, headers: &HashMap<String, String>) -> Result<(), Box<dyn std::error::Error>> {
    ///     let message = kest.continue_from(headers).max_age(Duration::from_secs(24 * 3600)).await?;
    ///     let policy = policy_fn("clean_pictures", |asked| !asked.taints().contains("unscanned"))?;
    ///     let job = message.admit(&Operation::from_static("resize"), &policy).await?;
    ///     run_admitted(job, |_job| async { /* calls that the work makes carry its lineage */ }).await;
    ///     Ok(())
    /// }
    /// ```
    pub fn continue_from(&self, carrier: &(impl Carrier + ?Sized)) -> Continue {
        Continue::new(self, carrier)
    }

    /// What verifies passports as its inbound layers do.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::with(self.0.verify.clone())
    }

    /// The workload that it is.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        self.0.service.workload()
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.0.service.limits()
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.0.service.clock()
    }

    /// How its passports travel.
    #[must_use]
    pub fn tiers(&self) -> &Tiers {
        &self.0.tiers
    }

    /// What asks policy and signs, for the lower doors of [`kest::tower`](crate::tower) and [`kest::core`](crate::core).
    #[must_use]
    pub fn admitter(&self) -> &kest_core::Admitter {
        &self.0.service
    }
}

/// Builds a [`Kest`].
#[must_use]
pub struct KestBuilder {
    signer: Arc<dyn Sign>,
    keys: Option<Trust>,
    deployment: Deployment,
    #[cfg(feature = "policy")]
    policies: Option<kest_policy::Policies>,
    verify: VerifySettings,
    store: Option<PassportStores>,
    tiers: Tiers,
    slots: Slots,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    trace_source: Option<TraceSource>,
    replays: Option<Arc<dyn ReplayStore>>,
    audit: Option<Arc<dyn Audit>>,
}

type TraceSource = Box<dyn Fn() -> Option<TraceId> + Send + Sync>;

#[derive(Debug, Clone)]
enum Deployment {
    Unsaid,
    Without,
    Asks(Arc<dyn Authorize>),
}

impl std::fmt::Debug for KestBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KestBuilder")
            .field("workload", self.signer.workload())
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

impl KestBuilder {
    /// Believes entries that are signed with these keys: a [`Bundle`](crate::Bundle), a [`KeyRing`](crate::KeyRing), or
    /// a [resolver](Trust::resolver).
    ///
    /// Where they know this service and not the key that it signs with, or that key has ended, it is not built: its peers,
    /// which trust the same bundle, would refuse all that it signs. Of keys that are followed a line at `warn` says so.
    pub fn trust(mut self, keys: impl Into<Trust>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// Asks the enterprise, platform and application policies of `policies` before those of any operation, and lets
    /// operations [name](OperationBuilder::policy) its others.
    #[cfg(feature = "policy")]
    pub fn policies(mut self, policies: kest_policy::Policies) -> Self {
        self.deployment = Deployment::Asks(policies.deployment());
        self.policies = Some(policies);
        self
    }

    /// Asks this policy before that of any operation: an engine of your own.
    pub fn deployment_policy(mut self, policy: impl Authorize + 'static) -> Self {
        self.deployment = Deployment::Asks(Arc::new(policy));
        self
    }

    /// Leaves every decision to the operations' own policies.
    pub fn without_deployment_policies(mut self) -> Self {
        self.deployment = Deployment::Without;
        self
    }

    /// Keeps passports that fit no header there, and redeems claim checks there: [`PassportStores`], or a store alone for plain
    /// ones. A store that is made of the service's own limits and clock is given to it [later](Kest::with_passport_store).
    pub fn passport_store(mut self, store: impl Into<PassportStores>) -> Self {
        self.store = Some(store.into());
        self
    }

    /// Packs like this; [`Tiers::auto`] otherwise. Its store is the [`passport_store`](Self::passport_store), if that is named.
    pub fn tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
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

    /// Follows these rules of trust, and holds other signers to them.
    pub fn trust_model(mut self, trust: TrustModel) -> Self {
        self.verify.trust = trust;
        self
    }

    /// Believes no more of each workload than this: who may bring in a caller or sanitize, how much trust one may claim.
    pub fn workload_rules(mut self, workloads: WorkloadRules) -> Self {
        self.verify.workloads = workloads;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Draws from this source.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Verifies long passports in `slots`; in those of the whole process otherwise.
    pub fn slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }

    /// Remembers there which hop proofs were used, for all replicas of the service; in the memory of this process otherwise.
    pub fn replay_store(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
        self
    }

    /// Records there every signed operation before it runs, every refusal and every end, on each way into a lineage.
    pub fn audit(mut self, audit: Arc<dyn Audit>) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Asks `source` which trace an entry belongs to, before the request's `traceparent` header is looked at.
    pub fn trace_source(mut self, source: impl Fn() -> Option<TraceId> + Send + Sync + 'static) -> Self {
        self.trace_source = Some(Box::new(source));
        self
    }

    /// The service.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for what was not said, and for a key that no peer would believe.
    pub fn build(self) -> Result<Kest, BuildError> {
        let keys = self.keys.ok_or(BuildError::NoTrust)?;
        let in_memory = || InMemoryReplays::with_clock(&self.verify.limits, Arc::clone(&self.clock));
        let replays = self.replays.unwrap_or_else(|| Arc::new(in_memory()));
        let service = kest_core::Admitter::builder(self.signer)
            .trust_model(self.verify.trust.clone())
            .limits(self.verify.limits.clone())
            .clock(self.clock)
            .random(self.random)
            .audit(self.audit);
        let service = match self.deployment {
            Deployment::Unsaid => return Err(BuildError::NoPolicies),
            Deployment::Without => service,
            Deployment::Asks(policy) => service.deployment_policy(policy),
        };
        let service = self.trace_source.into_iter().fold(service, AdmitterBuilder::trace_source).build();
        keys.check_own(service.signer(), service.clock().as_ref())?;
        let kest = Kest(Arc::new(Parts {
            service,
            tiers: self.tiers,
            #[cfg(feature = "policy")]
            policies: self.policies,
            keys,
            verify: self.verify,
            store: None,
            slots: self.slots,
            replays,
        }));
        Ok(self.store.into_iter().fold(kest, |kest, store| kest.with_passport_store(store)))
    }
}
