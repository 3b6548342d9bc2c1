//! What is said of a service once: its key, whom it trusts, its policies, what ties passports to requests.

use std::sync::Arc;

use kest_baggage::{PassportStores, Tiers};
use kest_core::entry::TraceId;
use kest_core::passport::{VerifySettings, WorkloadRules};
use kest_core::replay::InMemoryReplays;
use kest_core::signature::Sign;
use kest_core::trust::TrustModel;
use kest_core::{
    AdmitterBuilder, Audit, Authorize, Clock, Dialect, Limits, OsRandom, Random, ReplayStore, Slots,
    SystemClock,
};
use kest_tower::{HopProof, InboundBuilder};

use crate::build_error::BuildError;
use crate::in_force::InForce;
use crate::service::{Kest, Parts};
use crate::trust::Trust;

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
    passports_in_spans: bool,
    replays: Option<Arc<dyn ReplayStore>>,
    audit: Option<Arc<dyn Audit>>,
    binding: Binding,
}

/// What all of its inbound layers say of passports, unless one says otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) enum Binding {
    #[default]
    Unsaid,
    HopProof(HopProof),
    Peer,
    Bearer,
}

impl Binding {
    pub(crate) fn said(self, inbound: InboundBuilder) -> InboundBuilder {
        match self {
            Self::Unsaid => inbound,
            Self::HopProof(proof) => inbound.hop_proof(proof),
            Self::Peer => inbound.bound_to_peer(),
            Self::Bearer => inbound.dangerous_bearer_passports(),
        }
    }

    /// Whether passports are believed in full that nothing is tied to, also those of messages.
    pub(crate) fn believes_all(&self) -> bool {
        match self {
            Self::Bearer => true,
            Self::Unsaid | Self::HopProof(_) | Self::Peer => false,
        }
    }
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
    pub(crate) fn new(signer: Arc<dyn Sign>) -> Self {
        Self {
            signer,
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
            passports_in_spans: false,
            replays: None,
            audit: None,
            binding: Binding::default(),
        }
    }

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
    /// operations [name](crate::OperationBuilder::policy) its others.
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

    /// Takes a passport only with the proof that its last signer made this very request, for this service: callers reach it by the
    /// name that is said here. Of all inbound layers, where one does not say otherwise; see [`InboundBuilder::hop_proof`].
    pub fn hop_proof(mut self, proof: HopProof) -> Self {
        self.binding = Binding::HopProof(proof);
        self
    }

    /// Takes a passport only from the peer of mutual TLS that signed its tip: see [`InboundBuilder::bound_to_peer`].
    pub fn bound_to_peer(mut self) -> Self {
        self.binding = Binding::Peer;
        self
    }

    /// Believes passports that nothing ties to their requests, those of [messages](crate::ContinueWithin) too.
    ///
    /// What is given up: who has seen a passport can send it, [as long as it is young](InboundBuilder::dangerous_bearer_passports).
    pub fn dangerous_bearer_passports(mut self) -> Self {
        self.binding = Binding::Bearer;
        self
    }

    /// Remembers there which hop proofs were used, for all replicas of the service; in the memory of this process otherwise.
    pub fn replay_store(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
        self
    }

    /// Records there every signed operation before it runs, every refusal and every end, on each way into a lineage; and by which keys
    /// and policies that was decided, as [digests](kest_core::audit::InForceDigests), now and before the first record after a change.
    /// What is in force holds for the whole log: two services of one process that decide by others have a log each.
    pub fn audit(mut self, audit: Arc<dyn Audit>) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Asks `source` which trace an entry belongs to, before the request's `traceparent` header is looked at.
    pub fn trace_source(mut self, source: impl Fn() -> Option<TraceId> + Send + Sync + 'static) -> Self {
        self.trace_source = Some(Box::new(source));
        self
    }

    /// Shows the whole passport in the span of each operation, as `kest.passport`.
    ///
    /// What is given up: a passport that nothing ties to its request is a credential, and whatever keeps the spans keeps it.
    pub fn dangerous_passports_in_spans(mut self) -> Self {
        self.passports_in_spans = true;
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
        let audit = self.audit.map(|audit| -> Arc<dyn Audit> {
            let in_force = InForce::new(audit, keys.clone());
            #[cfg(feature = "policy")]
            let in_force = in_force.with_policies(self.policies.clone());
            in_force.look();
            Arc::new(in_force)
        });
        let replays = self.replays.unwrap_or_else(|| Arc::new(in_memory()));
        let service = kest_core::Admitter::builder(self.signer)
            .trust_model(self.verify.trust.clone())
            .limits(self.verify.limits.clone())
            .clock(self.clock)
            .random(self.random)
            .audit(audit);
        let service = match self.deployment {
            Deployment::Unsaid => return Err(BuildError::NoPolicies),
            Deployment::Without => service,
            Deployment::Asks(policy) => service.deployment_policy(policy),
        };
        let service = self.trace_source.into_iter().fold(service, AdmitterBuilder::trace_source);
        let service = if self.passports_in_spans { service.dangerous_passports_in_spans() } else { service };
        let service = service.build();
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
            binding: self.binding,
        }));
        Ok(self.store.into_iter().fold(kest, |kest, store| kest.with_passport_store(store)))
    }
}
