//! One service's part in all lineages: its signer, its rules, its limits; steps 5 and 6 of a request's life.

use std::future::pending;
use std::sync::Arc;

use tracing::{Instrument as _, Span};

use crate::admission::Admission;
use crate::admit_error::AdmitError;
use crate::admit_options::AdmitOptions;
use crate::admit_report::Report;
use crate::arrival::{Arrival, Lineage};
use crate::audit::{Audit, Recording, Signed};
use crate::caller::Caller;
use crate::clock::{Clock, SystemClock};
use crate::deadline::before;
use crate::entry::{Entry, EntryId, TraceId};
use crate::limits::Limits;
use crate::operation::{Operation, OperationError};
use crate::passport::{Passport, SignContext, SignError, present_key};
use crate::policy::{Authorize, Memo, NothingAsked, PolicyRequest, authorize};
use crate::random::{OsRandom, Random, RandomError};
use crate::refusal::{Asked, Step};
use crate::share::Share;
use crate::signature::{Sign, WorkloadId};
use crate::span::{OperationSpan, Passports};
use crate::tracer::trace_of;
use crate::trust::{Origin, TrustModel};

/// A service: who signs its entries and by which rules. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admitter(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    signer: Arc<dyn Sign>,
    deployment: Option<Arc<dyn Authorize>>,
    trust: TrustModel,
    limits: Limits,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    trace_source: Option<TraceSource>,
    audit: Option<Arc<dyn Audit>>,
    passports: Passports,
}

/// Asks the tracer that a service has for the trace that its running code belongs to.
#[derive(Clone)]
struct TraceSource(Arc<dyn Fn() -> Option<TraceId> + Send + Sync>);

impl std::fmt::Debug for TraceSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TraceSource").finish_non_exhaustive()
    }
}

/// Builds an [`Admitter`].
#[derive(Debug)]
#[must_use]
pub struct AdmitterBuilder(Parts);

impl AdmitterBuilder {
    /// Asks the deployment's policies before those of any operation, whether it is a route, nested, or the start of
    /// a lineage: no operation can leave them out.
    pub fn deployment_policy(mut self, policy: Arc<dyn Authorize>) -> Self {
        self.0.deployment = Some(policy);
        self
    }

    /// Follows these rules of trust.
    pub fn trust_model(mut self, trust: TrustModel) -> Self {
        self.0.trust = trust;
        self
    }

    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Draws from this source.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.0.random = random;
        self
    }

    /// Asks `source` which trace an entry belongs to, before the request's `traceparent` header is looked at.
    ///
    /// For services with a tracer of their own, whatever it is and in whichever version.
    pub fn trace_source(mut self, source: impl Fn() -> Option<TraceId> + Send + Sync + 'static) -> Self {
        self.0.trace_source = Some(TraceSource(Arc::new(source)));
        self
    }

    /// Records every operation there before it runs, and every refusal: no way into a lineage leads past it.
    pub fn audit(mut self, audit: impl Into<Option<Arc<dyn Audit>>>) -> Self {
        self.0.audit = audit.into();
        self
    }

    /// Shows the whole passport in the span of each operation, as `kest.passport`.
    ///
    /// What is given up: a passport that nothing ties to its request is a credential, and whatever keeps the spans keeps it.
    pub fn dangerous_passports_in_spans(mut self) -> Self {
        self.0.passports = Passports::Shown;
        self
    }

    /// The service.
    #[must_use]
    pub fn build(self) -> Admitter {
        Admitter(Arc::new(self.0))
    }
}

impl Admitter {
    /// A service that signs with `signer`; everything else has a default.
    pub fn builder(signer: Arc<dyn Sign>) -> AdmitterBuilder {
        AdmitterBuilder(Parts {
            signer,
            deployment: None,
            trust: TrustModel::default(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            trace_source: None,
            audit: None,
            passports: Passports::Hidden,
        })
    }

    /// The workload that this service is.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        self.0.signer.workload()
    }

    /// Its signer.
    #[must_use]
    pub fn signer(&self) -> &dyn Sign {
        self.0.signer.as_ref()
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Its rules of trust.
    #[must_use]
    pub fn trust_model(&self) -> &TrustModel {
        &self.0.trust
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Its random source.
    #[must_use]
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }

    /// Its audit log, where it has one.
    #[must_use]
    pub fn audit(&self) -> Option<&Arc<dyn Audit>> {
        self.0.audit.as_ref()
    }

    /// The trace that the running code belongs to, as the service's tracer says; `None` without one.
    #[must_use]
    pub fn running_trace(&self) -> Option<TraceId> {
        self.0.trace_source.as_ref().and_then(|source| (source.0)())
    }

    /// Whether a [deployment policy](AdmitterBuilder::deployment_policy) is asked before the operations' own.
    #[must_use]
    pub fn has_deployment_policy(&self) -> bool {
        self.0.deployment.is_some()
    }

    /// Checks that an operation with this policy would ask some policy at all, its own or the deployment's.
    ///
    /// # Errors
    ///
    /// [`NothingAsked`] otherwise.
    pub fn check_policy(&self, policy: &dyn Authorize) -> Result<(), NothingAsked> {
        let deployment = self.0.deployment.as_deref();
        let nothing = policy.is_empty() && deployment.is_none_or(Authorize::is_empty);
        if nothing { Err(NothingAsked) } else { Ok(()) }
    }

    /// Checks that `operation` under `policy` can be admitted for some request: layers are not built otherwise.
    ///
    /// # Errors
    ///
    /// [`OperationError`] with what would fail every request.
    pub fn check(&self, operation: &Operation, policy: &dyn Authorize) -> Result<(), OperationError> {
        self.check_policy(policy)?;
        if policy.is_deployments() {
            return Err(OperationError::DeploymentsPolicy);
        }
        operation.check(&self.0.limits)
    }

    /// Checks that `signer` may sign for one operation: that it is of this service's workload.
    ///
    /// # Errors
    ///
    /// [`OperationError::OtherWorkload`].
    pub fn check_signer(&self, signer: &dyn Sign) -> Result<(), OperationError> {
        if signer.workload() == self.workload() { Ok(()) } else { Err(OperationError::OtherWorkload) }
    }

    /// Asks policy about `operation` and signs its entry: nothing may run without what this returns.
    ///
    /// Dropping the future halfway leaves nothing behind: no entry exists until the signature does.
    ///
    /// # Errors
    ///
    /// [`AdmitError`] when policy says no or cannot answer, or when the entry cannot be signed.
    pub async fn admit(
        &self,
        arrival: &Arrival,
        operation: &Operation,
        policy: &dyn Authorize,
        options: AdmitOptions,
    ) -> Result<Admission, AdmitError> {
        self.admit_at(Step::Operation, arrival, operation, policy, options, pending()).await
    }

    /// Admits and reports a refusal: every way into a lineage of this service leads through here.
    pub(crate) async fn admit_at(
        &self,
        step: Step,
        arrival: &Arrival,
        operation: &Operation,
        policy: &dyn Authorize,
        mut options: AdmitOptions,
        deadline: impl Future<Output = ()> + Send,
    ) -> Result<Admission, AdmitError> {
        let (span, around) = match options.span.take() {
            // What began it polls this within it.
            Some(begun) => (begun, Span::none()),
            None => {
                let begun = OperationSpan::begin(operation.name());
                let around = begun.span().clone();
                (begun, around)
            }
        };
        let at = Report { step, audit: self.0.audit.as_deref(), arrival, span: span.span() };
        let admitting = self.admit_in(at, &span, operation, policy, options).instrument(around.clone());
        let admitted = before(deadline, admitting).await;
        admitted.unwrap_or_else(|| Err(around.in_scope(|| at.unasked(AdmitError::TookTooLong))))
    }

    async fn admit_in(
        &self,
        at: Report<'_>,
        span: &OperationSpan,
        operation: &Operation,
        policy: &dyn Authorize,
        options: AdmitOptions,
    ) -> Result<Admission, AdmitError> {
        let Report { step, arrival, .. } = at;
        span.named(operation.name());
        let named = operation.named_resource().check(&self.0.limits);
        named.map_err(|it| at.unasked(AdmitError::Resource(it)))?;
        let signer = options.signer.as_deref().unwrap_or(self.0.signer.as_ref());
        self.check_recordable(operation, signer).map_err(|it| at.unasked(AdmitError::Operation(it)))?;
        let carried = arrival.lineage().to_passport();
        let (entry_id, trace_id) = self
            .ids(&carried, operation.trace_id().or(options.trace_id), span)
            .map_err(|cause| at.unasked(AdmitError::Random(cause)))?;
        let fallback = options.root_origin.as_ref().filter(|_| carried.is_empty());
        let mut draft = operation.draft(entry_id, trace_id, fallback);
        if arrival.lifts_nothing() && !carried.is_empty() {
            // Where no root was spoken of it came from outside: no origin at all would count as the system's own.
            let internet = Origin::internet();
            let origin = draft.origin().or(options.root_origin.as_ref()).unwrap_or(&internet);
            draft.highest_trust = Some(self.0.trust.score(Some(origin.as_str()), &[]));
        }
        let (trust_score, taints) = carried.effective_trust(&draft, &self.0.trust);
        let memo = Memo::new();
        let request = PolicyRequest::new(arrival, &draft, self.workload(), trust_score, &taints, &memo)
            .at(self.0.clock.unix_millis());
        let asked = Asked {
            entry_id,
            operation: operation.name(),
            workload: self.workload(),
            trust: trust_score,
            taints: &taints,
            root: request.is_root(),
            denial: None,
        };
        let permit = match authorize(self.0.deployment.as_deref(), policy, &request).await {
            Ok(permit) => permit,
            Err(error) => return Err(at.refused(asked, AdmitError::Authorize(error))),
        };
        let context = SignContext {
            caller: arrival.caller(),
            trust: &self.0.trust,
            limits: &self.0.limits,
            unix_millis: self.0.clock.unix_millis(),
        };
        let unsigned = |error| at.refused(asked, AdmitError::Sign(error));
        let key = present_key(signer).map_err(unsigned)?;
        let signed = carried.sign_entry_under(permit, draft, key.as_ref(), context).await;
        let last = |passport: Passport| passport.entries().last().map(Arc::clone).map(|it| (passport, it));
        let (passport, entry) =
            signed.and_then(|passport| last(passport).ok_or(SignError::PassportFull)).map_err(unsigned)?;
        let recording = self.record(&passport, &entry).await.map_err(|error| at.refused(asked, error))?;
        tracing::debug!(
            step = step.as_str(),
            kest.entry_id = %entry.entry_id(),
            kest.workload_id = %self.workload(),
            trust = entry.trust_score().value(),
            entries = passport.len(),
            "operation admitted"
        );
        span.signed(&entry, &passport, self.0.passports);
        let span = span.span().clone();
        Ok(Admission::new(self.clone(), arrival.clone(), passport, entry, key, recording, span))
    }

    /// Starts a lineage for work that is no request: a timer, a start-up task. A job from a queue has a cause: it continues
    /// the lineage of the operation that put it there.
    ///
    /// The origin has no default, since it decides how far everything that follows is trusted. The caller is no one
    /// in particular.
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
        self.originate_by(origin, operation, policy, pending()).await
    }

    /// What surrounds the start of a lineage.
    pub(crate) fn beginning(&self, origin: Origin) -> (Arrival, AdmitOptions) {
        let own = Share::of_workload(self.workload());
        let arrival = Arrival::from_peer(Lineage::Absent, Caller::system(), Some(own));
        (arrival, AdmitOptions::default().with_root_origin(origin))
    }

    async fn record(&self, passport: &Passport, entry: &Arc<Entry>) -> Result<Option<Recording>, AdmitError> {
        let Some(audit) = &self.0.audit else { return Ok(None) };
        let begun = Recording::begin(audit, &self.0.clock, Signed { entry, passport }).await;
        begun.map(Some).map_err(AdmitError::Audit)
    }

    /// What cannot be seen when a layer is built, and is wrong whatever policy would say.
    fn check_recordable(&self, operation: &Operation, signer: &dyn Sign) -> Result<(), OperationError> {
        if operation.is_unnamed() {
            return Err(OperationError::Unnamed);
        }
        operation.check_said(&self.0.limits)?;
        self.check_signer(signer)
    }

    fn ids(
        &self,
        carried: &Passport,
        given: Option<TraceId>,
        span: &OperationSpan,
    ) -> Result<(EntryId, TraceId), RandomError> {
        let entry_id = EntryId::generate(self.0.clock.as_ref(), self.0.random.as_ref())?;
        let given = given.or_else(|| self.trace_of_lineage(carried, span));
        let trace_id = given.map_or_else(|| TraceId::generate(self.0.random.as_ref()), Ok)?;
        Ok((entry_id, trace_id))
    }

    /// What a tracer has the span in, so that an entry and its span name one trace. A service that names a source has it asked
    /// where the lineage begins, and keeps to it.
    fn trace_of_lineage(&self, carried: &Passport, span: &OperationSpan) -> Option<TraceId> {
        let of_span = || trace_of(span.span());
        let of_lineage =
            || carried.tip_entries().find_map(|tip| tip.labels().trace_id().and_then(TraceId::parse));
        match self.0.trace_source {
            None => of_span().or_else(of_lineage),
            Some(_) => of_lineage().or_else(|| self.running_trace()).or_else(of_span),
        }
    }
}
