//! The question that policy answers: who, through whom, what, on what.

use std::any::Any;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use crate::arrival::Arrival;
use crate::caller::Claim;
use crate::entry::{EntryDraft, EntryId, OperationName, PolicyContext, Resource};
use crate::json_object::JsonObject;
use crate::signature::WorkloadId;
use crate::taint::Taints;
use crate::trust::{Origin, TrustScore};

/// Everything that a policy may look at; the same for every engine. It never contains a token.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRequest<'request> {
    arrival: &'request Arrival,
    draft: &'request EntryDraft,
    workload: &'request WorkloadId,
    trust_score: TrustScore,
    taints: &'request Taints,
    established: &'request PolicyContext,
    memo: &'request Memo,
    tip_age: Option<Duration>,
}

/// A place for what is made once for one request.
pub(crate) type Memo = OnceLock<Box<dyn Any + Send + Sync>>;

impl<'request> PolicyRequest<'request> {
    pub(crate) fn new(
        arrival: &'request Arrival,
        draft: &'request EntryDraft,
        workload: &'request WorkloadId,
        trust_score: TrustScore,
        taints: &'request Taints,
        memo: &'request Memo,
    ) -> Self {
        let established = &NOTHING_YET;
        Self { arrival, draft, workload, trust_score, taints, established, memo, tip_age: None }
    }

    /// The same question, asked at `unix_millis`.
    pub(crate) fn at(self, unix_millis: u64) -> Self {
        let passport = self.arrival.lineage().passport();
        Self { tip_age: passport.and_then(|passport| passport.tip_age(unix_millis)), ..self }
    }

    /// The same question, after the deployment's policies have said yes to it.
    pub(crate) fn after<'shorter>(&self, established: &'shorter PolicyContext) -> PolicyRequest<'shorter>
    where
        'request: 'shorter,
    {
        PolicyRequest { established, ..*self }
    }

    /// What policies of higher tiers have said about this request already.
    #[must_use]
    pub fn established(&self) -> &'request PolicyContext {
        self.established
    }

    /// A place for what is made from this request once and used by every policy that is asked about it, such as the
    /// set of policies in force when it began.
    ///
    /// There is one place, and the first type asked for takes it; another type gets `None`.
    pub fn memo<Made: Any + Send + Sync>(&self, make: impl FnOnce() -> Made) -> Option<&'request Made> {
        self.memo.get_or_init(|| Box::new(make())).downcast_ref()
    }

    /// What came in: the verified lineage and the caller.
    #[must_use]
    pub fn arrival(&self) -> &'request Arrival {
        self.arrival
    }

    /// The operation that asks.
    #[must_use]
    pub fn operation(&self) -> &'request OperationName {
        self.draft.operation()
    }

    /// The id of the entry that will record a yes; denials are logged under it.
    #[must_use]
    pub fn entry_id(&self) -> EntryId {
        self.draft.entry_id()
    }

    /// What the operation acts on.
    #[must_use]
    pub fn resource(&self) -> &'request Resource {
        self.draft.resource()
    }

    /// What surrounds the operation, as the service says.
    #[must_use]
    pub fn environment(&self) -> &'request JsonObject {
        self.draft.environment()
    }

    /// A claim of the caller's own token that the service asked to be kept.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&'request Claim> {
        self.arrival.caller().claim(name)
    }

    /// The workload that would do it: this service.
    #[must_use]
    pub fn workload(&self) -> &'request WorkloadId {
        self.workload
    }

    /// How far the data can be trusted when it reaches the operation: parents and origin, before any sanitizer.
    #[must_use]
    pub fn trust_score(&self) -> TrustScore {
        self.trust_score
    }

    /// The taints that reach the operation: the parents' and its own, before any sanitizer.
    #[must_use]
    pub fn taints(&self) -> &'request Taints {
        self.taints
    }

    /// Where the operation's own data comes from, when it says so.
    #[must_use]
    pub fn origin(&self) -> Option<&'request Origin> {
        self.draft.origin()
    }

    /// How long ago the oldest tip of the lineage was signed, by its signer's clock; `None` at a root.
    #[must_use]
    pub fn tip_age(&self) -> Option<Duration> {
        self.tip_age
    }

    /// Whether the operation starts a lineage.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.arrival.lineage().passport().is_none_or(crate::passport::Passport::is_empty)
    }

    /// The user on whose behalf.
    #[must_use]
    pub fn user(&self) -> Option<&'request str> {
        self.arrival.caller().user()
    }

    /// The program that acts.
    #[must_use]
    pub fn agent(&self) -> Option<&'request str> {
        self.arrival.caller().agent()
    }

    /// The task or scope.
    #[must_use]
    pub fn task(&self) -> Option<&'request str> {
        self.arrival.caller().task()
    }
}

static NOTHING_YET: LazyLock<PolicyContext> = LazyLock::new(PolicyContext::default);
