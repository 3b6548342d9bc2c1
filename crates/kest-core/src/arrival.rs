//! What steps 1 to 4 proved about a request: its lineage and its caller.

use std::sync::{Arc, OnceLock};

use crate::caller::Caller;
use crate::entry::{Entry, TraceId};
use crate::passport::Passport;
use crate::passport_binding::PassportBinding;
use crate::share::Share;
use crate::signature::WorkloadId;
use crate::trace_context::TraceContext;

/// The lineage that a request came with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Lineage {
    /// No passport came. A value that policies see, never the result of a failure.
    Absent,
    /// A passport came and holds.
    Carried(Passport),
}

impl Lineage {
    /// The verified passport, when one came.
    #[must_use]
    pub fn passport(&self) -> Option<&Passport> {
        match self {
            Self::Absent => None,
            Self::Carried(passport) => Some(passport),
        }
    }

    /// The passport to extend: the carried one, or an empty one.
    pub(crate) fn to_passport(&self) -> Passport {
        self.passport().cloned().unwrap_or_else(Passport::empty)
    }
}

/// A request that was read, restored, verified and authenticated; cheap to clone.
#[derive(Debug, Clone)]
pub struct Arrival(Arc<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    lineage: Lineage,
    caller: Caller,
    binding: PassportBinding,
    worth: Worth,
    /// Asked by those only who keep something for the caller, so it is found out when it is asked first.
    share: OnceLock<Share>,
    peer: Option<Share>,
    trace: Option<Box<TraceContext>>,
}

/// What the trust of a passport that came in counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    AsSigned,
    AtMostARoots,
}

impl Arrival {
    /// Joins two proofs.
    #[must_use]
    pub fn new(lineage: Lineage, caller: Caller) -> Self {
        Self::from_peer(lineage, caller, None)
    }

    /// Joins two proofs of a request that came from `peer`, which counts where nothing better is known of the caller.
    #[must_use]
    pub fn from_peer(lineage: Lineage, caller: Caller, peer: Option<Share>) -> Self {
        let (binding, worth) = (PassportBinding::Unbound, Worth::AsSigned);
        Self(Arc::new(Parts { lineage, caller, binding, worth, share: OnceLock::new(), peer, trace: None }))
    }

    /// Says what ties the passport to the request: without it nothing does.
    #[must_use]
    pub fn with_binding(mut self, binding: PassportBinding) -> Self {
        Arc::make_mut(&mut self.0).binding = binding;
        self
    }

    /// Says which span the request was sent from, as its headers name it: unproved, and no decision is made from it.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        Arc::make_mut(&mut self.0).trace = Some(Box::new(trace));
        self
    }

    /// The span that the request was sent from, as its headers named it.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.trace.as_deref()
    }

    /// The same, of which the passport lifts nothing: the trust of what follows it is at most what a root's would be in its place,
    /// while its taints count. A root's there is that of the operation's own origin, of [`AdmitOptions::root_origin`](crate::AdmitOptions),
    /// or of the internet.
    #[must_use]
    pub fn never_lifting(mut self) -> Self {
        Arc::make_mut(&mut self.0).worth = Worth::AtMostARoots;
        self
    }

    /// What follows this arrival inside of the service: another lineage, the same caller; who is known from a lineage
    /// only is whom this one names.
    pub(crate) fn followed_by(&self, lineage: Lineage) -> Self {
        let caller = self.caller().clone().following(&lineage);
        let (binding, share) = (self.binding_of_what_follows(), self.share().into());
        // The entry before was held to a root's trust already, and bounds what follows it.
        let worth = Worth::AsSigned;
        let trace = self.0.trace.clone();
        Self(Arc::new(Parts { lineage, caller, binding, worth, share, peer: self.0.peer, trace }))
    }

    /// What ties a lineage to this request that an operation of this service ends.
    pub(crate) fn binding_of_what_follows(&self) -> PassportBinding {
        // Nothing came from outside, so that there is nothing that could have been cut.
        let began_here = self.lineage().passport().is_none_or(Passport::is_empty);
        if began_here { PassportBinding::Signature } else { self.binding() }
    }

    /// The same, where another lineage came along whose binding is `other`.
    pub(crate) fn joined_with(mut self, other: PassportBinding) -> Self {
        let binding = self.binding().and(other);
        Arc::make_mut(&mut self.0).binding = binding;
        self
    }

    /// Whether the lineage names this trace, in one of the entries that it ends in.
    #[must_use]
    pub fn has_signed(&self, trace: TraceId) -> bool {
        let named = |tip: &Entry| tip.labels().trace_id().and_then(TraceId::parse);
        self.lineage().passport().is_some_and(|it| it.tip_entries().any(|tip| named(tip) == Some(trace)))
    }

    /// Whether the passport [lifts nothing](Self::never_lifting).
    #[must_use]
    pub fn lifts_nothing(&self) -> bool {
        self.0.worth == Worth::AtMostARoots
    }

    /// Through whom: the verified lineage.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.0.lineage
    }

    /// What ties the lineage to this request.
    #[must_use]
    pub fn binding(&self) -> PassportBinding {
        self.0.binding
    }

    /// The workload that signed the first tip of the lineage: through whom the request came last.
    #[must_use]
    pub fn tip_workload(&self) -> Option<&WorkloadId> {
        self.lineage().passport()?.tip_entries().next().map(|tip| tip.workload())
    }

    /// Who.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// On whose account it is served.
    #[must_use]
    pub fn share(&self) -> Share {
        let Parts { lineage, caller, share, peer, .. } = self.0.as_ref();
        *share.get_or_init(|| Share::of_caller(caller, lineage, *peer))
    }
}
