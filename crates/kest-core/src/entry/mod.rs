//! One signed record per operation: its members, its compact form, its hash.

mod compact;
mod draft;
mod hash;
mod id;
mod identity;
pub(crate) mod labels;
mod otel_context;
mod own_labels;
mod payload;
mod policy_context;
mod record;
mod resource;
mod seldom;
mod strict_labels;

pub use crate::name::{NameError, OperationName, PolicyName};
pub use compact::FormError;
pub use draft::{EntryDraft, Sanitizer, TraceId};
pub use hash::{ContentHasher, EntryHash, HashError};
pub use id::EntryId;
pub use identity::{Identity, IdentitySource};
pub use labels::Labels;
pub use otel_context::{OtelContext, SpanId};
pub use payload::Runtime;
pub use policy_context::{Deviation, PolicyContext, PolicyTier};
pub use record::Entry;
pub use resource::{Resource, ResourceError};

pub(crate) use compact::{LARGEST_INTEGER, Parsed, claimed_key_id, compact, parse};
pub(crate) use own_labels::OwnLabels;
pub(crate) use payload::{Object, Parents, Payload, Text};
pub(crate) use strict_labels::Declared;
