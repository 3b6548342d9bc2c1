//! The payload of an entry as it stands on the wire: 18 members, in canonical order.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{EntryHash, Labels, PolicyContext};
use crate::json_object::JsonObject;
use crate::strict_json::Strict;
use crate::taint::TaintList;

/// Declared in the order of RFC 8785 section 3.2.3, so that plain serialization is canonical.
///
/// It lives as long as an entry is being read or written, and holds no copy of what stands there already.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Payload<'text> {
    pub(crate) added_taints: TaintList,
    #[serde(borrow)]
    pub(crate) classification: Text<'text>,
    pub(crate) content_hash: Text<'text>,
    pub(crate) entry_id: Text<'text>,
    pub(crate) environment: Object,
    pub(crate) input_hash: Text<'text>,
    pub(crate) labels: Cow<'text, Labels>,
    pub(crate) metadata: (),
    pub(crate) operation: Text<'text>,
    pub(crate) otel_context: Object,
    pub(crate) parent_ids: Vec<Text<'text>>,
    pub(crate) policy_context: PolicyContext,
    pub(crate) removed_taints: TaintList,
    pub(crate) runtime: Runtime,
    pub(crate) schema_version: Text<'text>,
    pub(crate) taints: TaintList,
    pub(crate) timestamp_ms: i64,
    pub(crate) trust_score: i64,
}

impl Payload<'_> {
    /// Whether plain serialization is canonical: all names are ASCII and nothing is free-form.
    pub(crate) fn is_plain(&self) -> bool {
        self.environment.is_empty() && self.otel_context.is_empty() && self.labels.are_plain()
    }
}

/// A text of a payload; copied only where it has escapes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'text>(#[serde(borrow)] Cow<'text, str>);

impl<'text> From<&'text str> for Text<'text> {
    fn from(text: &'text str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Free-form members; they are empty unless a deployment fills them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Object(#[serde(deserialize_with = "free")] Map<String, Value>);

/// Reads an object in which every name is the deployment's own, also those that `serde_json` gives a meaning.
fn free<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    // The parser's own bound; what is read is canonicalized with a narrower one.
    match (Strict { depth: 127 }).deserialize(deserializer)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(D::Error::custom("not an object"))
        }
    }
}

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

    pub(crate) fn to_wire(&self) -> Vec<Text<'static>> {
        match self {
            Self::Root => vec!["0".into()],
            Self::Entries(hashes) => hashes.iter().map(|hash| hash.to_hex().into()).collect(),
        }
    }
}
