//! Extends a passport by one signed entry.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::{Passport, lineage_claim};
use crate::BoxError;
use crate::caller::Caller;
use crate::canonical::{CanonicalizeError, canonicalize};
use crate::entry::labels;
use crate::entry::{
    Declared, Entry, EntryDraft, EntryHash, LARGEST_INTEGER, Labels, Object, Parents, Parsed, Payload,
    PolicyContext, Runtime, compact,
};
use crate::json_object::JsonObject;
use crate::limits::Limits;
use crate::policy::Permit;
use crate::signature::{Sign, SignatureCheck, SignerError, SigningKey};
use crate::taint::{Taints, taint_list};
use crate::trust::{Origin, TrustModel, TrustScore};

/// What signing an entry needs beside the entry itself.
#[derive(Debug, Clone, Copy)]
pub struct SignContext<'service> {
    /// Who is calling; signed as `kest.identity`, `kest.identity_source`, `kest.issuer` and `kest.tenant`.
    pub caller: &'service Caller,
    /// The rules by which the score is computed.
    pub trust: &'service TrustModel,
    /// The bounds that the longer passport must keep, so that others will accept it.
    pub limits: &'service Limits,
    /// Milliseconds since 1970.
    pub unix_millis: u64,
}

impl Passport {
    /// Signs `draft` and gives this lineage with the entry appended; it follows every tip.
    ///
    /// Taking the [`Permit`] by value means that nothing is signed before policy has spoken, and only once per
    /// decision.
    ///
    /// # Errors
    ///
    /// [`SignError`]; the caller keeps no entry.
    pub async fn sign_entry(
        &self,
        permit: Permit,
        draft: EntryDraft,
        signer: &dyn Sign,
        context: SignContext<'_>,
    ) -> Result<Self, SignError> {
        let key = present_key(signer)?;
        self.sign_entry_under(permit, draft, key.as_ref(), context).await
    }

    /// As [`sign_entry`](Self::sign_entry), with a key that was asked for already.
    pub(crate) async fn sign_entry_under(
        &self,
        permit: Permit,
        draft: EntryDraft,
        key: &dyn SigningKey,
        context: SignContext<'_>,
    ) -> Result<Self, SignError> {
        if permit.entry_id() != draft.entry_id() {
            return Err(SignError::OtherPermit);
        }
        if permit.policies().len() > context.limits.policies {
            return Err(SignError::Policies);
        }
        if self.len() >= context.limits.entries || self.tip_hashes().count() > context.limits.parents {
            return Err(SignError::PassportFull);
        }
        let said = Said {
            policies: permit.into_policy_context(),
            content_hash: draft.content_hash.clone(),
            input_hash: draft.input_hash.clone(),
            environment: draft.environment.clone(),
            otel_context: draft.otel_context.clone(),
        };
        let parsed = self.prepare(draft, key, context)?;
        let input = signing_input(&parsed, said, key, context.limits)?;
        let entry = finish(parsed, &input, key).await?;
        let mut entries = self.entries().to_vec();
        let tip = entries.len();
        entries.push(Arc::new(entry));
        Ok(Self::new(entries, vec![tip]))
    }

    /// The score and taints that an operation starts from: its origin and parents, before any sanitizer.
    ///
    /// This is what policies see, so that a sanitizer cannot vouch for itself.
    #[must_use]
    pub fn effective_trust(&self, draft: &EntryDraft, trust: &TrustModel) -> (TrustScore, Taints) {
        let scores: Vec<TrustScore> = self.tip_entries().map(|tip| tip.trust_score()).collect();
        let mut taints = self.taints();
        taints.extend(&draft.added_taints);
        let score = trust.score(draft.origin().map(Origin::as_str), &scores);
        (draft.highest_trust.map_or(score, |highest| score.min(highest)), taints)
    }

    fn prepare(
        &self,
        draft: EntryDraft,
        key: &dyn SigningKey,
        context: SignContext<'_>,
    ) -> Result<Parsed, SignError> {
        let (mut trust_score, mut taints) = self.effective_trust(&draft, context.trust);
        let mut removed = Taints::none();
        if let Some(sanitizer) = &draft.sanitizer {
            trust_score = sanitizer.trust.unwrap_or(trust_score);
            removed = sanitizer.removes.clone();
            taints.remove_all(&removed);
        }
        let fits = |taints: &Taints| taints.fits(context.limits.taints, context.limits.taint_bytes);
        if !fits(&taints) || !fits(&draft.added_taints) || !fits(&removed) {
            return Err(SignError::Taints);
        }
        // The reader's bounds are the signer's too: what readers would refuse is not signed.
        if !(1..=256).contains(&draft.classification.len()) {
            return Err(SignError::Classification);
        }
        let parents = if self.is_empty() {
            Parents::Root
        } else {
            let mut tips: Vec<EntryHash> = self.tip_hashes().collect();
            tips.sort_unstable();
            Parents::Entries(tips)
        };
        let labels = label(&draft, key, context.caller)?;
        let said = self.tip_entries().map(|tip| tip.labels());
        lineage_claim::check(&labels, said).map_err(|found| SignError::Identity(found.into()))?;
        Ok(Parsed {
            key_id: Some(key.key_id().clone()),
            workload: key.workload().clone(),
            entry_id: draft.entry_id,
            operation: draft.operation,
            trust_score,
            parents,
            added: draft.added_taints,
            removed,
            taints,
            classification: draft.classification,
            input_hash: draft.input_hash.and_then(|hash| hash.parse().ok()),
            labels,
            timestamp_ms: timestamp(context.unix_millis).ok_or(SignError::Clock)?,
            signature: crate::signature::Signature::from_bytes([0; 64]),
            signed_bytes: 0,
        })
    }
}

/// The key that signs now. Asked for once: it may be exchanged at any time, and an entry names the one that signs it.
pub(crate) fn present_key(signer: &dyn Sign) -> Result<Arc<dyn SigningKey>, SignError> {
    let key = signer.current();
    if key.workload() == signer.workload() { Ok(key) } else { Err(SignError::OtherWorkload) }
}

fn timestamp(unix_millis: u64) -> Option<i64> {
    i64::try_from(unix_millis).ok().filter(|millis| *millis <= LARGEST_INTEGER)
}

/// What an entry says that is seldom asked for, and read from its compact form then.
struct Said {
    policies: PolicyContext,
    content_hash: Option<Arc<str>>,
    input_hash: Option<Arc<str>>,
    environment: JsonObject,
    otel_context: JsonObject,
}

/// RFC 7515 section 5.1: the protected header and the payload, each in base64url, joined by a dot.
fn signing_input(
    entry: &Parsed,
    said: Said,
    key: &dyn SigningKey,
    limits: &Limits,
) -> Result<String, SignError> {
    let header = Header { alg: "EdDSA", kid: key.key_id().as_str(), typ: "JWS" };
    let header = serde_json::to_vec(&header).map_err(SignError::NotWritable)?;
    let payload = Payload {
        added_taints: taint_list(&entry.added),
        classification: entry.classification.as_ref().into(),
        content_hash: said.content_hash.as_deref().unwrap_or_default().into(),
        entry_id: entry.entry_id.to_string().into(),
        environment: Object::of(&said.environment).map_err(SignError::NotWritable)?,
        input_hash: said.input_hash.as_deref().unwrap_or_default().into(),
        labels: Cow::Borrowed(&entry.labels),
        metadata: (),
        operation: entry.operation.as_str().into(),
        otel_context: Object::of(&said.otel_context).map_err(SignError::NotWritable)?,
        parent_ids: entry.parents.to_wire(),
        policy_context: said.policies,
        removed_taints: taint_list(&entry.removed),
        runtime: Runtime { name: "kest-rust".into(), version: env!("CARGO_PKG_VERSION").into() },
        schema_version: "0.3.0".into(),
        taints: taint_list(&entry.taints),
        timestamp_ms: entry.timestamp_ms,
        trust_score: i64::from(entry.trust_score.value()),
    };
    let mut written = Vec::with_capacity(ORDINARY_BYTES);
    serde_json::to_writer(&mut written, &payload).map_err(SignError::NotWritable)?;
    // The typed form is declared in canonical order: without free-form members these are RFC 8785 bytes.
    if !payload.is_plain() {
        written = canonicalize(&written, limits.json_depth).map_err(SignError::NotCanonical)?;
    }
    let payload = written;
    let mut input = String::with_capacity((header.len() + payload.len()) * 4 / 3 + 96);
    URL_SAFE_NO_PAD.encode_string(&header, &mut input);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(&payload, &mut input);
    if input.len() + 87 > limits.entry_bytes { Err(SignError::EntryTooLong) } else { Ok(input) }
}

/// What the payload of an ordinary entry takes.
const ORDINARY_BYTES: usize = 1280;

/// Has `input` signed and, where the signer is not in this process, checks the signature.
async fn finish(mut parsed: Parsed, input: &str, key: &dyn SigningKey) -> Result<Entry, SignError> {
    let signature = key.sign(input.as_bytes()).await.map_err(SignError::Unavailable)?;
    let believed = match key.signature_check() {
        SignatureCheck::InProcess => true,
        SignatureCheck::Verify => key.public_key().verifies(input.as_bytes(), &signature),
    };
    if !believed {
        return Err(SignError::WrongSignature);
    }
    parsed.signed_bytes = input.len();
    parsed.signature = signature;
    let compact: Arc<str> = compact(input, &signature).into();
    let hash = EntryHash::of(&compact);
    Ok(Entry::new(compact, hash, parsed))
}

#[derive(Serialize)]
struct Header<'signer> {
    alg: &'static str,
    kid: &'signer str,
    typ: &'static str,
}

/// Protocol section 2.
fn label(draft: &EntryDraft, key: &dyn SigningKey, caller: &Caller) -> Result<Labels, SignError> {
    let mut values: BTreeMap<&str, Cow<'_, str>> =
        draft.labels.iter().map(|(name, value)| (name, value.into())).collect();
    let trace_id = draft.trace_id.to_string();
    let mut put = |name, text| values.insert(name, text);
    put(labels::PRINCIPAL, key.workload().as_str().into());
    put(labels::TRACE_ID, trace_id.as_str().into());
    let identity = caller.identity().to_label().map_err(SignError::NotWritable)?;
    put(labels::IDENTITY, identity.into());
    put(labels::IDENTITY_SOURCE, caller.source().as_str().into());
    if let Some(issuer) = caller.issuer() {
        put(labels::ISSUER, issuer.into());
    }
    if let Some(tenant) = caller.tenant() {
        put(labels::TENANT, tenant.into());
    }
    if let Some(origin) = draft.origin() {
        put(labels::ORIGIN, origin.as_str().into());
    }
    if let Some(id) = draft.resource.id() {
        put(labels::RESOURCE_ID, id.into());
    }
    if let Some(attributes) = draft.resource.attributes() {
        put(labels::RESOURCE_ATTRIBUTES, attributes.into());
    }
    if let Some(sanitizer) = &draft.sanitizer {
        if sanitizer.reason.trim().is_empty() {
            return Err(SignError::NoReason);
        }
        let by = key.workload().as_str();
        let declared = Declared { by: by.into(), reason: sanitizer.reason.as_ref().into() };
        let text = serde_json::to_string(&declared).map_err(SignError::NotWritable)?;
        put(labels::SANITIZER, text.into());
    }
    Ok(Labels::new(&values, caller.identity().clone()))
}

/// An entry was not signed; nothing was appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The permit was given for another entry.
    #[error("permit belongs to another entry")]
    OtherPermit,
    /// The passport has `Limits::entries` entries already, or more tips than an entry may have parents.
    #[error("passport cannot take another entry")]
    PassportFull,
    /// The entry would be longer than `Limits::entry_bytes`.
    #[error("entry is over the limit")]
    EntryTooLong,
    /// Too many taints, an empty one or too long a one.
    #[error("taints are over the limit")]
    Taints,
    /// The classification is empty or too long.
    #[error("classification is empty or over 256 bytes")]
    Classification,
    /// More policies and deviations than `Limits::policies` said yes.
    #[error("policies are over the limit")]
    Policies,
    /// A sanitizer without a reason.
    #[error("sanitizer has no reason")]
    NoReason,
    /// The caller is said to be the lineage's, and is not.
    #[error("identity is not the lineage's")]
    Identity(#[source] BoxError),
    /// The clock is beyond what an entry can hold.
    #[error("clock is out of range")]
    Clock,
    /// The entry cannot be written as JSON.
    #[error("entry cannot be written")]
    NotWritable(#[source] serde_json::Error),
    /// Its free-form members are nested deeper than `Limits::json_depth`.
    #[error("entry has no canonical form")]
    NotCanonical(#[source] CanonicalizeError),
    /// The signer is out of reach; a retry may help.
    #[error("entry could not be signed")]
    Unavailable(#[source] SignerError),
    /// The signer handed out a key of another workload than it says it signs for, about which policy was asked.
    #[error("signer has a key of another workload")]
    OtherWorkload,
    /// The signer returned a signature that does not hold under its own public key.
    #[error("signer returned a wrong signature")]
    WrongSignature,
}

impl SignError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OtherPermit => "other_permit",
            Self::PassportFull => "passport_full",
            Self::EntryTooLong => "entry_too_long",
            Self::Taints => "taints",
            Self::Classification => "classification",
            Self::Policies => "policies",
            Self::NoReason => "sanitizer_without_reason",
            Self::Identity(_) => "foreign_identity",
            Self::Clock => "clock",
            Self::NotWritable(_) => "not_writable",
            Self::NotCanonical(_) => "not_canonical",
            Self::Unavailable(_) => "signer_unavailable",
            Self::OtherWorkload => "other_workload",
            Self::WrongSignature => "wrong_signature",
        }
    }
}
