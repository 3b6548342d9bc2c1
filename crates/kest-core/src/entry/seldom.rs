//! What of an entry is seldom asked for: it is read from the compact form when it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{EntryHash, PolicyContext, Runtime};
use crate::json_object::JsonObject;

/// Members that few services look at.
#[derive(Debug)]
pub(super) struct Seldom {
    pub(super) content_hash: Option<EntryHash>,
    pub(super) environment: JsonObject,
    pub(super) otel_context: JsonObject,
    pub(super) policy_context: PolicyContext,
    pub(super) runtime: Runtime,
    pub(super) schema_version: Box<str>,
}

impl Seldom {
    /// Reads them from a compact entry that was parsed or written before.
    pub(super) fn of(compact: &str) -> Self {
        let payload = compact.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let read = payload.as_deref().and_then(|bytes| serde_json::from_slice::<Members<'_>>(bytes).ok());
        #[expect(
            clippy::expect_used,
            reason = "entries are made of texts that were parsed or written as such; empty members in place of theirs would be a lie"
        )]
        let members = read.expect("an entry has all members of the schema");
        Self {
            content_hash: members.content_hash.parse().ok(),
            // The payload's bytes are canonical, and so are these parts of it.
            environment: JsonObject::from_canonical(members.environment.get()),
            otel_context: JsonObject::from_canonical(members.otel_context.get()),
            policy_context: members.policy_context,
            runtime: members.runtime,
            schema_version: members.schema_version,
        }
    }
}

#[derive(Deserialize)]
struct Members<'payload> {
    content_hash: Box<str>,
    #[serde(borrow)]
    environment: &'payload RawValue,
    #[serde(borrow)]
    otel_context: &'payload RawValue,
    policy_context: PolicyContext,
    runtime: Runtime,
    schema_version: Box<str>,
}
