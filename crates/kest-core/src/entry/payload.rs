//! The payload of an entry as it stands on the wire: 18 members, in canonical order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EntryHash, Labels, PolicyContext};
use crate::json_object::JsonObject;
use crate::taint::TaintList;

/// Declared in the order of RFC 8785 section 3.2.3, so that plain serialization is canonical.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) added_taints: TaintList,
    pub(crate) classification: Arc<str>,
    pub(crate) content_hash: Arc<str>,
    pub(crate) entry_id: Arc<str>,
    pub(crate) environment: Object,
    pub(crate) input_hash: Arc<str>,
    pub(crate) labels: Labels,
    pub(crate) metadata: (),
    pub(crate) operation: Arc<str>,
    pub(crate) otel_context: Object,
    pub(crate) parent_ids: Vec<Arc<str>>,
    pub(crate) policy_context: PolicyContext,
    pub(crate) removed_taints: TaintList,
    pub(crate) runtime: Runtime,
    pub(crate) schema_version: Arc<str>,
    pub(crate) taints: TaintList,
    pub(crate) timestamp_ms: i64,
    pub(crate) trust_score: i64,
}

impl Payload {
    /// Whether plain serialization is canonical: all names are ASCII and nothing is free-form.
    pub(crate) fn is_plain(&self) -> bool {
        self.environment.is_empty() && self.otel_context.is_empty() && self.labels.are_plain()
    }
}

/// Free-form members; they are empty unless a deployment fills them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Object(serde_json::Map<String, Value>);

impl Object {
    /// The members of `object`, which has been read as JSON before.
    pub(crate) fn of(object: &JsonObject) -> Result<Self, serde_json::Error> {
        if object.is_empty() { Ok(Self::default()) } else { serde_json::from_str(object.as_str()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The library that made an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    pub(crate) name: Arc<str>,
    pub(crate) version: Arc<str>,
}

impl Runtime {
    /// Its name, such as `kest-rust`: 1 to 256 bytes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version: 1 to 256 bytes.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// What an entry follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parents {
    /// Nothing: the entry starts a lineage.
    Root,
    /// One or more entries.
    Entries(Vec<EntryHash>),
}

impl Parents {
    pub(crate) fn hashes(&self) -> &[EntryHash] {
        match self {
            Self::Root => &[],
            Self::Entries(hashes) => hashes,
        }
    }

    pub(crate) fn to_wire(&self) -> Vec<Arc<str>> {
        match self {
            Self::Root => vec!["0".into()],
            Self::Entries(hashes) => hashes.iter().map(|hash| hash.to_hex().into()).collect(),
        }
    }
}
