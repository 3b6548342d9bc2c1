//! Describes an entry that is about to be signed.

use std::fmt;
use std::sync::Arc;

use super::hash::{bytes_of, hex};
use super::{EntryId, OperationName, OwnLabels, Resource};
use crate::json_object::JsonObject;
use crate::random::{Random, RandomError};
use crate::taint::Taints;
use crate::trust::{Origin, TrustScore};

/// The trace that an entry belongs to: 16 bytes, W3C Trace Context section 3.2.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// A trace id of these bytes; all zero is not one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// A new trace id.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when no random bytes can be had.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = [0_u8; 16];
        random.fill(&mut bytes)?;
        // The last bit makes the forbidden all-zero value impossible.
        bytes[15] |= 1;
        Ok(Self(bytes))
    }

    /// Reads 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bytes_of(text).and_then(Self::from_bytes)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

/// A declared, signed exception from "trust never rises and taints never vanish".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitizer {
    pub(crate) reason: Arc<str>,
    pub(crate) trust: Option<TrustScore>,
    pub(crate) removes: Taints,
}

impl Sanitizer {
    /// A sanitizer that can say why it may do what it does.
    #[must_use]
    pub fn because(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into(), trust: None, removes: Taints::none() }
    }

    /// Sets the score, whatever the parents' are.
    #[must_use]
    pub fn sets_trust(mut self, trust: TrustScore) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Removes one taint.
    #[must_use]
    pub fn removes(mut self, taint: impl Into<Box<str>>) -> Self {
        self.removes.insert(taint);
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// An entry before it is signed: everything but its place in the graph and its signature.
#[derive(Debug, Clone)]
pub struct EntryDraft {
    pub(crate) entry_id: EntryId,
    pub(crate) operation: OperationName,
    pub(crate) trace_id: TraceId,
    pub(crate) classification: Arc<str>,
    pub(crate) origin: Option<Origin>,
    pub(crate) added_taints: Taints,
    pub(crate) sanitizer: Option<Sanitizer>,
    pub(crate) resource: Resource,
    pub(crate) content_hash: Option<Arc<str>>,
    pub(crate) input_hash: Option<Arc<str>>,
    pub(crate) environment: JsonObject,
    pub(crate) otel_context: JsonObject,
    pub(crate) labels: OwnLabels,
    pub(crate) highest_trust: Option<TrustScore>,
}

impl EntryDraft {
    /// A draft for `operation` under a fresh id.
    #[must_use]
    pub fn new(entry_id: EntryId, operation: OperationName, trace_id: TraceId) -> Self {
        Self {
            entry_id,
            operation,
            trace_id,
            classification: "system".into(),
            origin: None,
            added_taints: Taints::none(),
            sanitizer: None,
            resource: Resource::default(),
            content_hash: None,
            input_hash: None,
            environment: JsonObject::default(),
            otel_context: JsonObject::default(),
            labels: OwnLabels::default(),
            highest_trust: None,
        }
    }

    /// The id that the entry will have; denials are logged under it too.
    #[must_use]
    pub fn entry_id(&self) -> EntryId {
        self.entry_id
    }

    /// The operation's name.
    #[must_use]
    pub fn operation(&self) -> &OperationName {
        &self.operation
    }

    /// Where the operation's data comes from, when it says so.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// What the operation acts on.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What surrounds the operation, as the service says.
    #[must_use]
    pub fn environment(&self) -> &JsonObject {
        &self.environment
    }

    /// The exception that it declares.
    #[must_use]
    pub fn sanitizer(&self) -> Option<&Sanitizer> {
        self.sanitizer.as_ref()
    }
}
