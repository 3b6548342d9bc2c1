//! One service: its key, whom it trusts, its policies, stores, limits and clock, each said once.

use std::sync::Arc;

use kest_baggage::{PassportStores, Tiers};
use kest_core::passport::VerifySettings;
use kest_core::signature::{Sign, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{
    Admission, AdmitError, Authorize, Clock, Dialect, Limits, Operation, ReplayStore, Slots, Verifier,
};
use kest_identity::IdentityChoice;
use kest_tower::carry::CarryLayerBuilder;
use kest_tower::{InboundBuilder, InboundLayer};

use crate::builder::{Binding, KestBuilder};
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
/// use kest::{HopProof, WorkloadId};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let signer = Ed25519Signer::ephemeral(WorkloadId::new("spiffe://example.org/cart")?, &kest::OsRandom)?;
/// let mut trusted = KeyRing::new();
/// trusted.trust_signer(&signer)?;
/// let kest = Kest::builder(signer)
///     .trust(trusted)
///     .hop_proof(HopProof::for_authority("cart.internal:8443"))
///     .without_deployment_policies()
///     .build()?;
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
    pub(crate) binding: Binding,
}

impl Kest {
    /// Begins a service that signs with `signer`.
    ///
    /// Two things have no default and are to be said: whom it [trusts](KestBuilder::trust), and the deployment's
    /// policies, or that there are [none](KestBuilder::without_deployment_policies).
    pub fn builder(signer: impl Sign + 'static) -> KestBuilder {
        KestBuilder::new(Arc::new(signer))
    }

    /// The layer around a whole router or service: who is calling, and through whom.
    ///
    /// `identity` is a [`JwtAuthenticator`](crate::JwtAuthenticator) at an edge, [`FromLineage`](crate::FromLineage)
    /// behind one, a mechanism of your own in an [`IdentityChoice`], or, for development only,
    /// [`dangerous_insecure_no_verify`](crate::dangerous_insecure_no_verify).
    ///
    /// # Panics
    ///
    /// When identity comes from the lineage, and it was not said what ties passports to their requests:
    /// [`hop_proof`](KestBuilder::hop_proof), [`bound_to_peer`](KestBuilder::bound_to_peer) or
    /// [`dangerous_bearer_passports`](KestBuilder::dangerous_bearer_passports); and when a hop proof cannot be as it was said.
    /// [`try_build`](InboundBuilder::try_build) of the [builder](Self::inbound_builder) returns the same as an error.
    #[must_use]
    #[track_caller]
    pub fn inbound(&self, identity: impl Into<IdentityChoice>) -> InboundLayer {
        self.inbound_builder().identity(identity).build()
    }

    /// As [`inbound`](Self::inbound), with more to say: whether a passport is required, what ties it to its request here.
    pub fn inbound_builder(&self) -> InboundBuilder {
        let VerifySettings { limits, dialect, trust, workloads, .. } = self.0.verify.clone();
        let builder = self
            .0
            .binding
            .clone()
            .said(InboundLayer::builder(self.0.keys.clone()))
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
    pub fn client(&self, builder: impl Into<kest_reqwest::ReqwestBuilder>) -> kest_reqwest::ClientBuilder {
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
    /// never optional, and the consumer says how old the message may be, since it may have waited for days. Nothing ties a
    /// passport to a message, so its taints count, and neither its caller nor its trust does: see [`ContinueWithin`](crate::ContinueWithin).
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
