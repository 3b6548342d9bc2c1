//! Describes an operation: its name and what it does to trust and taints.

use std::sync::Arc;

use crate::entry::{
    EntryDraft, EntryHash, EntryId, NameError, OperationName, OtelContext, OwnLabels, Resource,
    ResourceError, Sanitizer, TraceId,
};
use crate::json_object::JsonObject;
use crate::limits::Limits;
use crate::policy::NothingAsked;
use crate::taint::Taints;
use crate::trust::Origin;

/// What an operation is called and what it does to the data that passes through it.
///
/// ```
/// use kest_core::{Operation, entry::Sanitizer, trust::{Origin, TrustScore}};
/// let plain = Operation::named("reserve_stock")?;
/// let fetch = Operation::named("fetch_page")?.origin(Origin::internet()).taint("web");
/// let check = Operation::named("check_page")?
///     .sanitizer(Sanitizer::because("schema and allow-list checked").sets_trust(TrustScore::new(80)?).removes("web"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Operation {
    name: OperationName,
    naming: Naming,
    classification: Option<Arc<str>>,
    origin: Option<Origin>,
    taints: Taints,
    sanitizer: Option<Sanitizer>,
    resource: Resource,
    content_hash: Option<EntryHash>,
    input_hash: Option<EntryHash>,
    environment: Option<JsonObject>,
    otel_context: Option<OtelContext>,
    labels: OwnLabels,
}

/// Where the name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Given,
    /// The route of each request; until it is known, nothing is asked and nothing signed.
    ByRoute,
}

impl Operation {
    /// An operation called `name`: the route's name, never the raw path of a request.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the name is empty or longer than 256 bytes.
    pub fn named(name: impl Into<Arc<str>>) -> Result<Self, NameError> {
        OperationName::new(name).map(Self::new)
    }

    /// An operation of a name that stands in the program.
    ///
    /// # Panics
    ///
    /// When the name is empty or longer than 256 bytes, with the literal and the line.
    ///
    /// ```
    /// let operation = kest_core::Operation::from_static("reserve_stock");
    /// # drop(operation);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn from_static(name: &'static str) -> Self {
        Self::new(OperationName::from_static(name))
    }

    /// An operation that is named by the route which matched each request, with its method: `POST /orders/{id}`, never the
    /// raw path. The layer of a route finds the name; without a route the request is refused with `operation_unnamed`.
    ///
    /// A method that HTTP itself does not have stands as `_OTHER`, since a stranger may choose it.
    #[must_use]
    pub fn from_matched_path() -> Self {
        Self { naming: Naming::ByRoute, ..Self::new(OperationName::from_static("(route)")) }
    }

    /// Whether it still has to be [named](Self::named_as) before it can be admitted.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.naming == Naming::ByRoute
    }

    /// The same operation, called `name`.
    #[must_use]
    pub fn named_as(self, name: OperationName) -> Self {
        Self { name, naming: Naming::Given, ..self }
    }

    /// An operation of this name.
    #[must_use]
    pub fn new(name: OperationName) -> Self {
        Self {
            name,
            naming: Naming::Given,
            classification: None,
            origin: None,
            taints: Taints::none(),
            sanitizer: None,
            resource: Resource::default(),
            content_hash: None,
            input_hash: None,
            environment: None,
            otel_context: None,
            labels: OwnLabels::default(),
        }
    }

    /// Classifies the data; `system` otherwise.
    #[must_use]
    pub fn classification(mut self, classification: impl Into<Arc<str>>) -> Self {
        self.classification = Some(classification.into());
        self
    }

    /// Says where the operation's own data comes from; trust is lowered accordingly.
    #[must_use]
    pub fn origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Adds a taint to everything that follows.
    #[must_use]
    pub fn taint(mut self, taint: impl Into<Box<str>>) -> Self {
        self.taints.insert(taint);
        self
    }

    /// Declares the operation a sanitizer; the reason is signed.
    #[must_use]
    pub fn sanitizer(mut self, sanitizer: Sanitizer) -> Self {
        self.sanitizer = Some(sanitizer);
        self
    }

    /// Names what it acts on.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Records the SHA-256 of its input.
    #[must_use]
    pub fn input(mut self, input: &[u8]) -> Self {
        self.input_hash = Some(EntryHash::of_bytes(input));
        self
    }

    /// Records the SHA-256 of its input, which was computed already.
    #[must_use]
    pub fn input_hash(mut self, hash: EntryHash) -> Self {
        self.input_hash = Some(hash);
        self
    }

    /// Records the SHA-256 of what was made: `content_hash` of the entry.
    ///
    /// An entry is signed before its operation runs, so this is for an operation that gives what is there already: a nested one that
    /// signs the answer of the one around it.
    #[must_use]
    pub fn content_hash(mut self, hash: EntryHash) -> Self {
        self.content_hash = Some(hash);
        self
    }

    /// Says what surrounds it, for policies (`environment.declared`) and in the entry, whose member `environment` it is.
    #[must_use]
    pub fn environment(mut self, environment: JsonObject) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Says which span it runs in, and thereby in which trace: the entry's member `otel_context` and label `trace_id`.
    #[must_use]
    pub fn otel_context(mut self, context: OtelContext) -> Self {
        self.otel_context = Some(context);
        self
    }

    /// Signs a label of the service's own into the entry; set again, the later value counts.
    ///
    /// A name has 1 to 64 letters, digits, `.`, `_`, `-` or `/`. The protocol's own, which are `principal`, `trace_id` and all
    /// that begin with `kest.`, cannot be given; a value has at most `Limits::label_bytes` and no control characters. What is
    /// wrong is found when the layer is built, or refuses the request that it was made from.
    #[must_use]
    pub fn label(mut self, name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &OperationName {
        &self.name
    }

    /// The origin, when one is named.
    #[must_use]
    pub fn declared_origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// What it acts on.
    #[must_use]
    pub fn named_resource(&self) -> &Resource {
        &self.resource
    }

    /// Checks that what it declares can stand in an entry at all, whatever the request: layers refuse to be built on an
    /// operation that would fail every one.
    ///
    /// # Errors
    ///
    /// [`OperationError`] with what cannot be signed.
    pub fn check(&self, limits: &Limits) -> Result<(), OperationError> {
        let fits = |taints: &Taints| taints.fits(limits.taints, limits.taint_bytes);
        if !fits(&self.taints) || self.sanitizer.as_ref().is_some_and(|it| !fits(&it.removes)) {
            return Err(OperationError::Taints);
        }
        if self.sanitizer.as_ref().is_some_and(|it| it.reason().trim().is_empty()) {
            return Err(OperationError::NoReason);
        }
        if self.classification.as_ref().is_some_and(|it| !(1..=256).contains(&it.len())) {
            return Err(OperationError::Classification);
        }
        self.check_said(limits)?;
        self.resource.check(limits).map_err(OperationError::Resource)
    }

    /// Checks what the service says in its own words: no label may pass for one of the protocol.
    pub(crate) fn check_said(&self, limits: &Limits) -> Result<(), OperationError> {
        if self.environment.as_ref().is_some_and(|it| it.as_str().len() > limits.environment_bytes) {
            return Err(OperationError::Environment);
        }
        self.labels.check(limits)
    }

    /// The trace of the span that it runs in, when one is named.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.otel_context.map(|context| context.trace_id())
    }

    pub(crate) fn draft(
        &self,
        entry_id: EntryId,
        trace_id: TraceId,
        fallback: Option<&Origin>,
    ) -> EntryDraft {
        let mut draft = EntryDraft::new(entry_id, self.name.clone(), trace_id);
        if let Some(classification) = &self.classification {
            draft.classification = Arc::clone(classification);
        }
        draft.origin = self.origin.as_ref().or(fallback).cloned();
        draft.added_taints = self.taints.clone();
        draft.sanitizer = self.sanitizer.clone();
        draft.resource = self.resource.clone();
        draft.content_hash = self.content_hash.map(|hash| hash.to_hex().into());
        draft.input_hash = self.input_hash.map(|hash| hash.to_hex().into());
        draft.environment = self.environment.clone().unwrap_or_default();
        draft.otel_context = self.otel_context.map(OtelContext::to_object).unwrap_or_default();
        draft.labels = self.labels.clone();
        draft
    }
}

/// An operation can be admitted for no request at all: a fault of the program, found when its layer is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// Neither the operation nor the deployment names a policy.
    #[error(transparent)]
    NothingAsked(#[from] NothingAsked),
    /// The operation's policy is the deployment's, whose tiers no operation may speak for.
    #[error(
        "policy of the operation speaks for the deployment: give it to KestBuilder::deployment_policy(), and the \
         operation its own or deployment_only()"
    )]
    DeploymentsPolicy,
    /// It is to be named by a route and none has named it.
    #[error("operation has no name: its route is not known")]
    Unnamed,
    /// The signer that signs for this operation alone is another workload's.
    #[error("signer of the operation is of another workload than the service")]
    OtherWorkload,
    /// A taint that is added or removed is empty or too long, or there are too many.
    #[error("a taint of the operation is empty or over the limit")]
    Taints,
    /// The sanitizer does not say why.
    #[error("sanitizer of the operation has no reason")]
    NoReason,
    /// The classification is empty or too long.
    #[error("classification of the operation is empty or over 256 bytes")]
    Classification,
    /// The environment is too long.
    #[error("environment of the operation is over the limit")]
    Environment,
    /// A label has a name that is the protocol's, or no name of a label.
    #[error("label of the operation has a name of the protocol, or no name of a label")]
    LabelName,
    /// A label's value is too long, or has control characters.
    #[error("label of the operation is over the limit or has control characters")]
    LabelValue,
    /// There are more labels than an entry has room for.
    #[error("labels of the operation are over the limit")]
    TooManyLabels,
    /// What the operation itself acts on is not named in one way.
    #[error("resource of the operation cannot be signed")]
    Resource(#[source] ResourceError),
}

impl OperationError {
    /// The kind, for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::NothingAsked(_) => "nothing_asked",
            Self::DeploymentsPolicy => "deployments_policy",
            Self::Unnamed => "unnamed",
            Self::OtherWorkload => "other_workload",
            Self::Taints => "taints",
            Self::NoReason => "sanitizer_without_reason",
            Self::Classification => "classification",
            Self::Environment => "environment",
            Self::LabelName => "label_name",
            Self::LabelValue => "label_value",
            Self::TooManyLabels => "too_many_labels",
            Self::Resource(error) => error.kind(),
        }
    }
}
