//! Reads and writes the compact JWS of an entry, and refuses every form but the one we sign.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{EntryHash, EntryId, Labels, OperationName, Parents, Payload, Text, strict_labels};
use crate::canonical;
use crate::dialect::Dialect;
use crate::limits::Limits;
use crate::signature::{KeyId, Signature, WorkloadId};
use crate::taint::{TaintList, Taints};
use crate::trust::TrustScore;

/// Schema versions that this reader understands.
const SCHEMA_VERSIONS: &[&str] = &["0.3.0"];
/// Largest integer of I-JSON (RFC 7493 section 2.2).
pub(crate) const LARGEST_INTEGER: i64 = (1 << 53) - 1;

/// A compact entry taken apart: well formed, nothing more.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) key_id: Option<KeyId>,
    pub(crate) workload: WorkloadId,
    pub(crate) entry_id: EntryId,
    pub(crate) operation: OperationName,
    pub(crate) trust_score: TrustScore,
    pub(crate) parents: Parents,
    pub(crate) added: Taints,
    pub(crate) removed: Taints,
    pub(crate) taints: Taints,
    pub(crate) classification: Arc<str>,
    pub(crate) input_hash: Option<EntryHash>,
    pub(crate) labels: Labels,
    pub(crate) timestamp_ms: i64,
    pub(crate) signature: Signature,
    /// Where the signing input ends in the compact form.
    pub(crate) signed_bytes: usize,
}

/// An entry does not have the one form that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// Longer than `Limits::entry_bytes`.
    #[error("entry is too long")]
    TooLong,
    /// Not three parts joined by dots.
    #[error("entry has not three parts")]
    Parts,
    /// Padding, foreign characters or stray trailing bits (RFC 7515 section 2).
    #[error("entry is not canonical base64url")]
    Base64,
    /// The protected header is not the closed set of members that we sign.
    #[error("protected header is not acceptable")]
    Header,
    /// `alg` is not exactly `EdDSA` (RFC 8037 section 3.1).
    #[error("signature algorithm is not EdDSA")]
    Algorithm,
    /// `typ` is not exactly `JWS`.
    #[error("type is not JWS")]
    Type,
    /// The payload is not the I-JSON object that the schema asks for.
    #[error("payload does not fit the schema")]
    Payload,
    /// The payload's bytes are not their own canonical form (RFC 8785).
    #[error("payload is not canonical")]
    NotCanonical,
    /// The schema version is unknown.
    #[error("schema version is unknown")]
    SchemaVersion,
    /// `entry_id` is not a UUID of version 7.
    #[error("entry id is not a version 7 uuid")]
    EntryId,
    /// `operation`, `classification` or `runtime` is empty or too long.
    #[error("a name is empty or too long")]
    Name,
    /// The trust score is not an integer from 0 to 100.
    #[error("trust score is out of range")]
    TrustScore,
    /// `parent_ids` is neither the root sentinel nor distinct hashes.
    #[error("parent ids are not acceptable")]
    Parents,
    /// A taint list has a label twice, too many labels or too long ones.
    #[error("taints are not acceptable")]
    Taints,
    /// A required label is missing or a label has the wrong form.
    #[error("labels are not acceptable")]
    Labels,
    /// More policies and deviations than `Limits::policies`.
    #[error("policies are over the limit")]
    Policies,
    /// `kest.identity_source` is not in the closed set, or names came without one.
    #[error("identity source is unknown")]
    IdentitySource,
    /// The names contradict their source: they are not vouched for, or an anonymous caller has some.
    #[error("identity contradicts its source")]
    Identity,
    /// A user, agent, task, issuer, tenant or resource has an empty name.
    #[error("a name in the labels is empty")]
    EmptyName,
    /// The sanitizer speaks for another workload than the one that signed.
    #[error("sanitizer is not the signing workload")]
    ForeignSanitizer,
    /// `content_hash` or `input_hash` is neither empty nor a SHA-256.
    #[error("a hash is not acceptable")]
    Hash,
    /// `timestamp_ms` is negative or beyond I-JSON.
    #[error("timestamp is out of range")]
    Timestamp,
    /// The signature has not 64 bytes.
    #[error("signature has not 64 bytes")]
    Signature,
}

impl FormError {
    /// A stable name for programs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::TooLong => "entry_too_long",
            Self::Parts => "bad_parts",
            Self::Base64 => "bad_base64",
            Self::Header => "bad_header",
            Self::Algorithm => "bad_alg",
            Self::Type => "bad_typ",
            Self::Payload => "bad_payload",
            Self::NotCanonical => "not_canonical",
            Self::SchemaVersion => "unknown_schema_version",
            Self::EntryId => "bad_entry_id",
            Self::Name => "bad_name",
            Self::TrustScore => "bad_trust_score",
            Self::Parents => "bad_parent_ids",
            Self::Taints => "bad_taints",
            Self::Labels => "bad_labels",
            Self::Policies => "too_many_policies",
            Self::IdentitySource => "unknown_identity_source",
            Self::Identity => "contradicting_identity",
            Self::EmptyName => "empty_name",
            Self::ForeignSanitizer => "foreign_sanitizer",
            Self::Hash => "bad_hash",
            Self::Timestamp => "bad_timestamp",
            Self::Signature => "bad_signature_form",
        }
    }
}

/// The protected header: exactly these members, nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'text> {
    #[serde(borrow)]
    alg: Text<'text>,
    #[serde(borrow)]
    typ: Option<Text<'text>>,
    #[serde(borrow, default, deserialize_with = "present")]
    kid: Option<Text<'text>>,
}

/// A member that is there must be a text: null is not the same as absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Text<'de>>, D::Error> {
    Text::deserialize(deserializer).map(Some)
}

/// Takes `compact` apart. `first` says that it opens the passport.
pub(crate) fn parse(
    compact: &str,
    first: bool,
    dialect: Dialect,
    limits: &Limits,
) -> Result<Parsed, FormError> {
    if compact.len() > limits.entry_bytes {
        return Err(FormError::TooLong);
    }
    let mut parts = compact.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(FormError::Parts);
    };
    let key_id = parse_header(&decode(header)?)?;
    let payload_bytes = decode(payload)?;
    let signature_bytes = decode(signature)?;
    let payload_parts = parse_payload(&payload_bytes, dialect, limits)?;
    let signature = Signature::from_slice(&signature_bytes).ok_or(FormError::Signature)?;
    let signed_bytes = header.len() + 1 + payload.len();
    check(payload_parts, key_id, signature, signed_bytes, Rules { first, dialect, limits })
}

/// The key id that `compact` claims; `None` where it names none or its header cannot be read.
pub(crate) fn claimed_key_id(compact: &str) -> Option<KeyId> {
    parse_header(&decode(compact.split('.').next()?).ok()?).ok()?
}

/// Joins a signed entry: the signing input, a dot, the signature.
pub(crate) fn compact(signing_input: &str, signature: &Signature) -> String {
    let mut text = String::with_capacity(signing_input.len() + 1 + 86);
    text.push_str(signing_input);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_bytes(), &mut text);
    text
}

fn decode(part: &str) -> Result<Vec<u8>, FormError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_cause| FormError::Base64)
}

fn parse_header(bytes: &[u8]) -> Result<Option<KeyId>, FormError> {
    // A derived reader also takes an array for the object that RFC 7515 section 4 asks for.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(FormError::Header);
    }
    let header: Header<'_> = serde_json::from_slice(bytes).map_err(|_cause| FormError::Header)?;
    if *header.alg != *"EdDSA" {
        return Err(FormError::Algorithm);
    }
    if header.typ.as_deref() != Some("JWS") {
        return Err(FormError::Type);
    }
    header.kid.map(|name| KeyId::new(&*name)).transpose().map_err(|_cause| FormError::Header)
}

/// Parses the payload and proves that its bytes are canonical and hold the members of the schema, each once.
fn parse_payload<'text>(
    bytes: &'text [u8],
    dialect: Dialect,
    limits: &Limits,
) -> Result<Payload<'text>, FormError> {
    if !bytes.starts_with(b"{") {
        return Err(FormError::Payload);
    }
    let payload: Payload<'_> = serde_json::from_slice(bytes).map_err(|_cause| FormError::Payload)?;
    // Writing the typed form again gives canonical bytes when all names are ASCII and nothing is free-form. Equal
    // bytes then prove everything at once: order, spelling, no member twice, no member that we do not know.
    if payload.is_plain() && canonical::is_written_as(&payload, bytes) {
        return Ok(payload);
    }
    let canonicalize =
        |json: &[u8]| canonical::canonicalize(json, limits.json_depth).map_err(|_cause| FormError::Payload);
    if canonicalize(bytes)? != bytes {
        return Err(FormError::NotCanonical);
    }
    if dialect == Dialect::Strict {
        // What the typed form does not say is a member that we do not know, or an array where an object belongs.
        let again = serde_json::to_vec(&payload).map_err(|_cause| FormError::Payload)?;
        if canonicalize(&again)? != bytes {
            return Err(FormError::Payload);
        }
    }
    Ok(payload)
}

#[derive(Clone, Copy)]
struct Rules<'limits> {
    first: bool,
    dialect: Dialect,
    limits: &'limits Limits,
}

fn check(
    mut payload: Payload<'_>,
    key_id: Option<KeyId>,
    signature: Signature,
    signed_bytes: usize,
    rules: Rules<'_>,
) -> Result<Parsed, FormError> {
    if !SCHEMA_VERSIONS.contains(&&*payload.schema_version) {
        return Err(FormError::SchemaVersion);
    }
    let names = [&*payload.classification, &payload.runtime.name, &payload.runtime.version];
    if names.iter().any(|name| name.is_empty() || name.len() > 256) {
        return Err(FormError::Name);
    }
    if !(0..=LARGEST_INTEGER).contains(&payload.timestamp_ms) {
        return Err(FormError::Timestamp);
    }
    if payload.policy_context.len() > rules.limits.policies {
        return Err(FormError::Policies);
    }
    check_hashes(&payload, rules.dialect)?;
    let workload = check_labels(&payload.labels, rules)?;
    let set = |list: &mut TaintList| {
        let set = std::mem::take(list).into_set().ok_or(FormError::Taints)?;
        set.fits(rules.limits.taints, rules.limits.taint_bytes).then_some(set).ok_or(FormError::Taints)
    };
    Ok(Parsed {
        key_id,
        workload,
        entry_id: EntryId::parse(&payload.entry_id).ok_or(FormError::EntryId)?,
        operation: OperationName::new(&*payload.operation).map_err(|_cause| FormError::Name)?,
        trust_score: TrustScore::from_wire(payload.trust_score).ok_or(FormError::TrustScore)?,
        parents: check_parents(&payload, rules)?,
        added: set(&mut payload.added_taints)?,
        removed: set(&mut payload.removed_taints)?,
        taints: set(&mut payload.taints)?,
        classification: Arc::from(&*payload.classification),
        input_hash: payload.input_hash.parse().ok(),
        labels: payload.labels.into_owned(),
        timestamp_ms: payload.timestamp_ms,
        signature,
        signed_bytes,
    })
}

fn check_hashes(payload: &Payload<'_>, dialect: Dialect) -> Result<(), FormError> {
    let acceptable = |hash: &str| hash.is_empty() || hash.parse::<EntryHash>().is_ok();
    match dialect {
        Dialect::LegacyPython => Ok(()),
        Dialect::Strict if acceptable(&payload.content_hash) && acceptable(&payload.input_hash) => Ok(()),
        Dialect::Strict => Err(FormError::Hash),
    }
}

fn check_labels(labels: &Labels, rules: Rules<'_>) -> Result<WorkloadId, FormError> {
    if labels.len() > rules.limits.labels {
        return Err(FormError::Labels);
    }
    let workload = labels.principal().and_then(|name| WorkloadId::new(name).ok()).ok_or(FormError::Labels)?;
    if rules.dialect == Dialect::LegacyPython {
        return Ok(workload);
    }
    strict_labels::check(labels, &workload, rules.limits)?;
    Ok(workload)
}

fn check_parents(payload: &Payload<'_>, rules: Rules<'_>) -> Result<Parents, FormError> {
    let legacy_root = rules.first && rules.dialect == Dialect::LegacyPython;
    match payload.parent_ids.as_slice() {
        [] if legacy_root => Ok(Parents::Root),
        [] => Err(FormError::Parents),
        [sentinel] if **sentinel == *"0" => Ok(Parents::Root),
        ids if ids.len() > rules.limits.parents => Err(FormError::Parents),
        ids => {
            let hashes: Vec<EntryHash> = ids
                .iter()
                .map(|id| id.parse().map_err(|_cause| FormError::Parents))
                .collect::<Result<_, _>>()?;
            let mut sorted = hashes.clone();
            sorted.sort_unstable();
            sorted.dedup();
            if sorted.len() == hashes.len() { Ok(Parents::Entries(hashes)) } else { Err(FormError::Parents) }
        }
    }
}
